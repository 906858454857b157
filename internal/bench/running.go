package main

import (
	"context"
	"sync"

	"ripstation/internal/simbench"
	"ripstation/station"
)

// running runs a station on simulated drives until end is called, which gives
// the station's error. over is closed when the station has ended before.
func running(ctx context.Context, st *station.Station, bench *simbench.Bench) (notices <-chan station.Notice, over <-chan struct{}, end func() error) {
	ctx, stop := context.WithCancel(ctx)
	notices, unlisten := st.Listen()
	var wg sync.WaitGroup
	var err error
	ended := make(chan struct{})
	wg.Go(func() { defer close(ended); err = st.Run(ctx) })
	wg.Go(func() { bench.Run(ctx) })
	return notices, ended, func() error {
		stop()
		unlisten()
		wg.Wait()
		return err
	}
}
