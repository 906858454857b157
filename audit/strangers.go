package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ripstation/archive"
)

// strangers adds what lies in the bag's folder and can be no object: a name that
// no key can have, or no regular file. In the place of one of the bag's files it
// is told with that.
func (s *shelf) strangers(ctx context.Context, h *held, v *verdict) error {
	f, ok := archive.FoldersOf(s.store)
	if !ok {
		return nil
	}
	for i, m := range v.findings {
		if m.Code != ObjectMissing && m.Code != TagFileMissing || m.Key == h.key("") {
			continue
		}
		switch what, at, err := f.InPlaceOf(ctx, m.Key); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			v.unknown = err.Error()
		case what != "" && at != m.Key:
			v.findings[i].Message += fmt.Sprintf("; %s lies in the place of its folder, which `ripstation repair %.8s` says what to do about", what, h.CarrierID)
		case what != "":
			v.findings[i].Message += fmt.Sprintf("; %s lies in its place, which `ripstation repair %.8s` says what to do about", what, h.CarrierID)
		}
	}
	all, err := f.Strangers(ctx, h.Key)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.unknown = err.Error()
		return nil
	}
	for _, x := range all {
		key := h.Key + escaped(x.Path)
		if toldOf(v.findings, key) {
			continue
		}
		why := ", and an object is a regular file"
		if archive.CheckKey(h.key(x.Path)) != nil {
			why = " with a name that no object can have"
		}
		v.findings = append(v.findings, s.finding(h, Untracked, "", x.What+why+", and it is not of the bag"))
		v.findings[len(v.findings)-1].Key = key
	}
	return nil
}

// escaped is a name of any bytes in one line of text.
func escaped(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strconv.Quote(name), `"`), `"`)
}
