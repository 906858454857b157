package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ripstation/disc"
)

// Request is what a person says of a disc before or while it is read.
type Request struct {
	// Source is the drive's key, node or name, or the path of an image file.
	Source   string `json:"source"`
	Item     string `json:"item"`
	Title    string `json:"title"`
	Part     int    `json:"part"`  // 0: not told
	Parts    int    `json:"parts"` // 0: not told
	Side     string `json:"side"`
	Operator string `json:"operator"`

	said time.Time // when this station heard it
	word *word     // what scans said of the disc, in the place of what was not said
}

func (r Request) validate() error {
	for name, v := range map[string]string{"item": r.Item, "title": r.Title, "side": r.Side, "operator": r.Operator} {
		if len(v) > 500 {
			return fmt.Errorf("%w: the %s is %d bytes long; 500 is the most", ErrRequest, name, len(v))
		}
		if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return fmt.Errorf("%w: the %s holds a control character", ErrRequest, name)
		}
	}
	if r.Part < 0 || r.Parts < 0 || (r.Parts > 0 && r.Part > r.Parts) {
		return fmt.Errorf("%w: part %d of %d cannot be", ErrRequest, r.Part, r.Parts)
	}
	return nil
}

// tells reports whether something is said of the disc.
func (r Request) tells() bool { return r.Item != "" || r.Title != "" || r.Side != "" || r.Part > 0 }

// ErrRequest says that what was asked for cannot be, whatever is in the drive.
var ErrRequest = errors.New("not understood")

// ErrNoDrive says that no drive of that name is known.
var ErrNoDrive = errors.New("no such drive or file")

// ErrStopping says that the station is about to end.
var ErrStopping = errors.New("the station is stopping; ask again when it runs")

// ErrNoDisc says that there is nothing in the drive to read.
var ErrNoDisc = errors.New("there is no disc in the drive; put one in and try again")

// Rip reads the disc that is in a drive, or an image file, through the same
// story as an inserted disc. It returns once the bay has taken the request,
// with the bay's drive; the story is told by Listen. An item given for a disc
// that is being read already is added to it.
func (s *Station) Rip(ctx context.Context, r Request) (disc.Drive, error) {
	if err := r.validate(); err != nil {
		return disc.Drive{}, err
	}
	if err := s.up(ctx); err != nil {
		return disc.Drive{}, err
	}
	b, err := s.find(r.Source)
	if errors.Is(err, ErrNoDrive) && s.cfg.DriveNames[r.Source] == "" {
		if s.watched(r.Source) {
			return disc.Drive{}, fmt.Errorf("%q: %w: the station has not met it; it has just started, or leaves that drive alone: try again in a moment, `ripstation status` shows its drives", r.Source, ErrNoDrive)
		}
		b, err = s.adopt(ctx, r.Source)
	}
	if err != nil {
		return disc.Drive{}, err
	}
	// Of a disc that is not being read yet, the drive itself is asked.
	r.said = time.Now()
	if j := s.job(b.viewID()); j != nil && r.tells() {
		if _, err := s.arrivals.lies(ctx, b.info().Key, r.said); err != nil {
			return disc.Drive{}, err
		}
	}
	answer := make(chan error, 1)
	b.send(asked{r, answer})
	return b.info(), s.answer(ctx, answer)
}

// Eject opens a drive's tray because a person wants it open. A reading under
// way is paused; it goes on when the disc comes back.
func (s *Station) Eject(ctx context.Context, drive string) error {
	b, err := s.find(drive)
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	b.send(ejectAsked{answer})
	return s.answer(ctx, answer)
}

// answer waits for what a bay says to a request.
func (s *Station) answer(ctx context.Context, answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-s.ended:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watched reports whether a source is a device that the watcher will tell of,
// if anybody does: a bay of its own would be the drive's second owner.
func (s *Station) watched(source string) bool {
	info, err := os.Stat(source)
	return s.cfg.Events != nil && err == nil && info.Mode()&os.ModeDevice != 0
}

// adopt makes a bay for a source the watcher does not know: an image file, or
// a drive when there is no watcher.
func (s *Station) adopt(ctx context.Context, source string) (*bay, error) {
	if source == "" {
		return nil, fmt.Errorf("no source given: %w", ErrNoDrive)
	}
	d, err := s.cfg.Open(ctx, disc.Drive{Node: source})
	if err != nil {
		return nil, err
	}
	info, err := d.Info(ctx)
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	info.Node = source
	if info.Key == "" {
		info.Key, info.KeyByPlace = source, true
	}
	return s.bay(info), nil
}
