package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
)

// gone is what is said of a copy of a withdrawn disc that is not all there any
// more: it counts as missing, and nothing is wrong with that.
func (s *shelf) gone(ctx context.Context, h *held) error {
	s.report.Copies.LookedAt++
	s.report.Copies.Withdrawn++
	why := "gone: its disc is withdrawn"
	if n := len(h.objects); n > 0 {
		why = fmt.Sprintf("gone in part, %d of its objects are still there: its disc is withdrawn", n)
	}
	s.each(h, verdict{state: catalog.Missing, tier: Present, why: why})
	if h.State == catalog.Missing && h.Detail == why {
		return nil
	}
	e := catalog.Event{Type: catalog.EventFixity, Time: time.Now().UTC(), Outcome: catalog.EventSuccess, Detail: "audit: listed: " + why,
		Agents:  append(s.cfg.Agents[:len(s.cfg.Agents):len(s.cfg.Agents)], catalog.Agent{Role: catalog.RoleStore, Name: s.name}),
		Objects: []string{strings.TrimSuffix(h.Key, "/"), "store:" + s.name}}
	err := s.cfg.Catalog.SetCopy(ctx, h.CarrierID, h.Version, catalog.Copy{Store: s.name, Key: h.Key, State: catalog.Missing, Detail: why}, e)
	if errors.Is(err, catalog.ErrDamaged) {
		return nil // told as A007
	}
	if err != nil {
		return fmt.Errorf("write down what was found: %w", err)
	}
	return nil
}
