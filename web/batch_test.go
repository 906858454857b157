package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestBatchesOverTheSocket(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	var names []string
	if err := b.c.Batches(ctx, &names); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
	var report map[string]string
	if err := b.c.BatchReport(ctx, "17 & 18", &report); err != nil || report["name"] != "17 & 18" {
		t.Errorf("%v, %v", report, err)
	}
	var open BatchOpen
	if err := b.c.BatchOpen(ctx, BatchOpen{Name: "17", Again: true, Operator: "ada"}, &open); err != nil || open != (BatchOpen{"17", true, "ada"}) {
		t.Errorf("%+v, %v", open, err)
	}
	var end BatchClose
	if err := b.c.BatchClose(ctx, BatchClose{Operator: "ada"}, &end); err != nil || end.Operator != "ada" {
		t.Errorf("%+v, %v", end, err)
	}
	var shift BatchShift
	if err := b.c.BatchShift(ctx, BatchShift{"17", 2, 9, -1, "ada"}, &shift); err != nil || shift != (BatchShift{"17", 2, 9, -1, "ada"}) {
		t.Errorf("%+v, %v", shift, err)
	}
	var swap BatchSwap
	if err := b.c.BatchSwap(ctx, BatchSwap{"17", 2, 9, "ada"}, &swap); err != nil || swap != (BatchSwap{"17", 2, 9, "ada"}) {
		t.Errorf("%+v, %v", swap, err)
	}
	// A list may be larger than any other request, and no larger than it says.
	var n int
	if err := b.c.BatchImport(ctx, BatchImport{List: strings.Repeat("x", 1<<20)}, &n); err != nil || n != 1<<20 {
		t.Errorf("%d, %v", n, err)
	}
	for _, in := range []struct {
		path string
		body any
		code Code
	}{
		{"batch/import", BatchImport{Batch: "99"}, CodeNotFound},
		{"batch/import", BatchImport{List: strings.Repeat("x", 3<<20)}, CodeUsage},
		{"batch/open", BatchOpen{Name: strings.Repeat("x", 1<<17)}, CodeUsage},
		{"batch/shift", map[string]string{"from": "two"}, CodeUsage},
		{"batch/swap", map[string]int{"c": 2}, CodeUsage},
	} {
		err := b.c.call(ctx, http.MethodPost, in.path, in.body, &struct{}{})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Code != in.code {
			t.Errorf("%s %.80v: %v", in.path, in.body, err)
		}
	}
}
