package station

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ripstation/disc"
)

// isCalled reports whether a drive goes by this key, node or short node.
func isCalled(d disc.Drive, name string) bool {
	return name != "" && (DriveID(d) == name || d.Node == name || strings.TrimPrefix(d.Node, "/dev/") == name || d.Key == "" && d.Serial == name)
}

// DriveID is a drive's key; its node while nobody has given it one.
func DriveID(d disc.Drive) string { return cmp.Or(d.Key, d.Node) }

// find is the bay whose drive has this key, node, short node, or name from the
// configuration. A name that fits two drives fits none.
func (s *Station) find(name string) (*bay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bays[name]; b != nil && s.cfg.DriveNames[name] == "" {
		return b, nil
	}
	var found []*bay
	for _, b := range s.bays {
		if d := b.info(); isCalled(d, name) || isCalled(d, s.cfg.DriveNames[name]) {
			found = append(found, b)
		}
	}
	// The node of a drive that has left can be another one's by now.
	if here := slices.DeleteFunc(slices.Clone(found), func(b *bay) bool { return !b.there() }); len(here) > 0 {
		found = here
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("%w: %q means more than one drive: %s; name it by its key, and mend drives.names", ErrRequest, name, keysOf(found))
	case s.cfg.DriveNames[name] != "":
		return nil, fmt.Errorf("%q, which is %q in drives.names: %w", name, s.cfg.DriveNames[name], ErrNoDrive)
	}
	return nil, fmt.Errorf("%q: %w", name, ErrNoDrive)
}

// DriveNames holds the names that people gave the drives against the drives
// that are there: the name of each, by DriveID, and what is wrong with any.
func DriveNames(names map[string]string, drives []disc.Drive) (called map[string]string, wrong []string) {
	called = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var its []string
		for _, d := range drives {
			if isCalled(d, names[name]) {
				id := DriveID(d)
				its = append(its, id)
				called[id] = cmp.Or(called[id], name)
				if called[id] != name {
					wrong = append(wrong, fmt.Sprintf("drives.names: drive %s has two names, %s and %s", id, called[id], name))
				}
			} else if isCalled(d, name) {
				wrong = append(wrong, fmt.Sprintf("drives.names: %s is what drive %s is called by itself, and is given to %q", name, DriveID(d), names[name]))
			}
		}
		switch {
		case len(its) == 0:
			wrong = append(wrong, fmt.Sprintf("drives.names: %s is %q, and no such drive is connected", name, names[name]))
		case len(its) > 1:
			wrong = append(wrong, fmt.Sprintf("drives.names: %s means more than one drive: %s", name, strings.Join(its, ", ")))
		}
	}
	return called, wrong
}

func keysOf(bays []*bay) string {
	var keys []string
	for _, b := range bays {
		keys = append(keys, b.info().Key)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}
