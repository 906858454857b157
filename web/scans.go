package web

import (
	"context"
	"net/http"

	"ripstation/station"
)

// ScanRequest is a scan, and whether the answer shall wait for its end.
type ScanRequest struct {
	station.ScanRequest
	Wait bool `json:"wait"`
}

// CancelRequest takes scans back.
type CancelRequest struct {
	Drive string `json:"drive"` // key, node or name; empty: all that wait
}

func (s *Server) scans() {
	s.get("scans", func(*http.Request) (any, error) { return s.cfg.Station.Scans(), nil })
	handle(s, "scan", func(r *http.Request, in ScanRequest) (any, error) {
		sc, err := s.cfg.Station.Scan(r.Context(), in.ScanRequest)
		if err != nil || !in.Wait {
			return sc, err
		}
		return s.cfg.Station.ScanEnd(r.Context(), sc.N)
	})
	handle(s, "scan/cancel", func(r *http.Request, in CancelRequest) (any, error) {
		return s.cfg.Station.CancelScans(r.Context(), in.Drive)
	})
}

// Scan gives an identifier, and what became of it: so far, or in the end if in
// asks to wait.
func (c *Client) Scan(ctx context.Context, in ScanRequest) (sc station.Scan, err error) {
	return sc, c.call(ctx, http.MethodPost, "scan", in, &sc)
}

// Scans are the scans that are not decided, and the last of those that are.
func (c *Client) Scans(ctx context.Context) (list []station.Scan, err error) {
	return list, c.call(ctx, http.MethodGet, "scans", nil, &list)
}

// CancelScans takes back what waits, and gives what was taken back.
func (c *Client) CancelScans(ctx context.Context, drive string) (list []station.Scan, err error) {
	return list, c.call(ctx, http.MethodPost, "scan/cancel", CancelRequest{Drive: drive}, &list)
}
