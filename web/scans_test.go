package web

import (
	"errors"
	"strings"
	"testing"

	"ripstation/station"
)

func TestScans(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	sc, err := b.c.Scan(ctx, ScanRequest{ScanRequest: station.ScanRequest{Code: "B-1", Part: 1, Parts: 2}})
	if err != nil || sc.State != station.ScanWaits || sc.N == 0 || sc.Until == nil {
		t.Fatalf("%+v, %v", sc, err)
	}
	list, err := b.c.Scans(ctx)
	if err != nil || len(list) != 1 || list[0].N != sc.N || list[0].Parts != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	waited := make(chan station.Scan, 1)
	go func() {
		end, err := b.c.Scan(ctx, ScanRequest{ScanRequest: station.ScanRequest{Code: "B-1", Part: 1, Parts: 2}, Wait: true})
		if err != nil {
			t.Error(err)
		}
		waited <- end
	}()
	for len(list) != 2 && err == nil {
		list, err = b.c.Scans(ctx)
	}
	back, err := b.c.CancelScans(ctx, "")
	if err != nil || len(back) != 2 {
		t.Errorf("%+v, %v", back, err)
	}
	if end := <-waited; end.State != station.ScanCancelled {
		t.Errorf("%+v", end)
	}
	for code, in := range map[Code]station.ScanRequest{CodeUsage: {Code: strings.Repeat("x", 501)}, CodeNotFound: {Code: "A", Drive: "none"}} {
		e := (*Error)(nil)
		if _, err := b.c.Scan(ctx, ScanRequest{ScanRequest: in}); !errors.As(err, &e) || e.Code != code {
			t.Errorf("%+v: %v", in, err)
		}
	}
}
