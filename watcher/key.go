package watcher

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"ripstation/disc"
)

// maxKey bounds a drive key: it stands in records, paths of lock files, and
// on screens.
const maxKey = 128

// keyText is s with everything outside [A-Za-z0-9._:-] replaced by '_', in at
// most maxKey bytes. Of a longer one the end is a digest, so that two long
// ones stay apart.
func keyText(s string) string {
	b := []byte(strings.TrimSpace(s))
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == ':', c == '-':
		default:
			b[i] = '_'
		}
	}
	if len(b) <= maxKey {
		return string(b)
	}
	sum := sha256.Sum256([]byte(s))
	return string(b[:maxKey-17]) + "-" + hex.EncodeToString(sum[:8])
}

// serialKey is the key a serial gives, empty when the serial tells nothing:
// bridges and drives without one send blanks, zeros or filler.
func serialKey(serial string) string {
	k := keyText(serial)
	if filler(strings.Trim(k, "._:-")) {
		return ""
	}
	return k
}

// filler tells what a maker left in the place of a serial: one character over
// and over, digits that only count up, a word that says so.
func filler(s string) bool {
	s = strings.ToUpper(s)
	if strings.Trim(s, s[:min(1, len(s))]) == "" {
		return true
	}
	const count = "0123456789"
	if len(s) >= 6 && (strings.HasPrefix(strings.Repeat(count, maxKey/len(count)+1), s) || strings.HasPrefix(strings.Repeat(count[1:]+count[:1], maxKey/len(count)+1), s) ||
		strings.HasPrefix(strings.Repeat(count+"ABCDEF", maxKey/16+1), s)) {
		return true
	}
	switch strings.NewReplacer("_", "", ".", "", "-", "", ":", "", "/", "").Replace(s) {
	case "NONE", "NULL", "NA", "UNKNOWN", "DEFAULT", "DEFAULTSTRING", "SERIAL", "SERIALNUMBER", "SERIALNO", "SN", "TOBEFILLEDBYOEM", "NOTSPECIFIED", "TEST", "DEADBEEF":
		return true
	}
	return false
}

// placeKey is the key of a drive that has no serial of its own.
func placeKey(vendor, model, firmware, place string) string {
	return keyText(strings.Join([]string{
		strings.TrimSpace(vendor), strings.TrimSpace(model), strings.TrimSpace(firmware), place}, ":"))
}

// placeOf is where a drive is plugged in: udev's ID_PATH, or the device path
// without what follows the SCSI address.
func placeOf(u Uevent) string {
	if u.Place != "" {
		return u.Place
	}
	p, _, _ := strings.Cut(u.Devpath, "/block/")
	return strings.TrimPrefix(p, "/devices/")
}

// assignKeys gives every drive that is ready its key, tells of the new ones,
// and gives new keys to those whose serial has turned out not to be theirs
// alone. One that is held keeps the old key until its release, and until the
// disc in it has left: its job may only be at rest. A look that is due comes
// first.
func (l *loop) assignKeys(now time.Time) {
	count := map[string]int{}
	for _, d := range l.drives {
		if d.phase >= identified {
			if k := serialKey(d.Serial); k != "" {
				count[k]++
			}
		}
	}
	for k, n := range count {
		if n > 1 && !l.shared[k] && l.twinLeft(k) {
			n = 1
		}
		if n > 1 {
			// Kept for the life of the process: with two such drives, which
			// of them goes and comes back cannot be told.
			l.shared[k] = true
		}
	}
	for _, d := range l.ordered() {
		if d.phase < identified {
			continue
		}
		key, byPlace := serialKey(d.Serial), false
		if key == "" || l.shared[key] {
			key, byPlace = placeKey(d.Vendor, d.Model, d.Firmware, placeOf(d.uevent)), true
			if o := l.byKey(key); o != nil && o != d {
				key = keyText(key + ":" + d.uevent.Sysname)
			}
		}
		switch {
		case d.phase == identified:
			d.Key, d.KeyByPlace, d.phase = key, byPlace, announced
			l.announce(d)
		case byPlace && !d.KeyByPlace && d.call == nil && now.Before(d.nextAt) && d.medium == nil && !l.w.held(d.Key):
			l.rekey(d, key)
		}
	}
}

// twinLeft holds the drives of one serial against those that are there: the
// event of the one that was pulled can be late or lost. It reports whether no
// more than one is left.
func (l *loop) twinLeft(serial string) bool {
	present, err := l.w.cfg.Source.Enumerate()
	if err != nil {
		return false
	}
	there := map[string]string{}
	for _, u := range present {
		there[u.Sysname] = u.Devpath
	}
	left := 0
	for _, d := range l.ordered() {
		if d.phase < identified || serialKey(d.Serial) != serial {
			continue
		}
		if there[d.uevent.Sysname] == d.uevent.Devpath {
			left++
		} else {
			l.gone(d)
		}
	}
	return left < 2
}

// rekey takes a drive off one key and puts it under another, by place.
func (l *loop) rekey(d *drive, key string) {
	l.log.Warn().Str("drive", d.Node).Str("serial", d.Serial).Str("key", key).
		Msg("another drive has the same serial; this one is now told by where it is plugged in")
	l.emit(d, disc.EventDriveGone, nil)
	d.Key, d.KeyByPlace = key, true
	l.announce(d)
}
