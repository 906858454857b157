package catalog

import (
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// How long texts may be, in bytes. What is longer is cut and ends in "…".
const (
	maxText = 16 << 10 // details, reasons, messages
	maxName = 1 << 10  // labels, titles, names
)

// timeFormat is RFC 3339 with milliseconds: all times of the catalog have the
// same length, so that they sort as text.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

func formatTimePtr(t *time.Time) any {
	if t == nil {
		return nil
	}
	return formatTime(*t)
}

// parseTime reads what formatTime wrote; the row's digest vouches for it.
func parseTime(s string) time.Time {
	t, _ := time.Parse(timeFormat, s)
	return t
}

func parseTimePtr(s string) *time.Time {
	if s == "" {
		return nil
	}
	t := parseTime(s)
	return &t
}

// clamp makes foreign text storable: valid UTF-8, at most limit bytes.
func clamp(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// tidy gives a copy of v, whatever structs and lists it is made of, in which
// every string is clamped, every time is UTC with milliseconds, and no list or
// map is nil, so that JSON has [] and never null for one.
func tidy[T any](v T) T {
	out := reflect.New(reflect.TypeFor[T]()).Elem()
	out.Set(reflect.ValueOf(&v).Elem())
	tidyValue(out)
	return out.Interface().(T)
}

func tidyValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(clamp(v.String(), maxText))
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(moment(t)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				tidyValue(v.Field(i))
			}
		}
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		v.Set(fresh)
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				tidyValue(v.Index(i))
			}
		}
	case reflect.Map:
		fresh := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.Set(it.Key())
			val.Set(it.Value())
			tidyValue(key)
			tidyValue(val)
			fresh.SetMapIndex(key, val)
		}
		v.Set(fresh)
	case reflect.Pointer:
		if !v.IsNil() {
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			tidyValue(fresh.Elem())
			v.Set(fresh)
		}
	}
}
