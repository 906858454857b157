package carrierlist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	want := []Row{{Item: "31234", Part: 1, Parts: 2, Title: "The Atlas, new", Side: "A"}, {Item: "31234", Part: 2, Parts: 2, Title: "The Atlas, new"},
		{Item: "B 7", Title: `say "hello"`, TwoSided: true}, {Item: "C", Part: 3}}
	for name, text := range map[string]string{
		"comma": "item,part,side,title,two-sided\n31234,1/2,A,\"The Atlas, new\",no\n31234,2/2,,\"The Atlas, new\",\nB 7,,,\"say \"\"hello\"\"\",yes\nC,3,,,\n",
		"semicolon, mark, CRLF, other order": "\ufeffTwo-Sided;Title;ITEM;part;side\r\nNO;The Atlas, new;31234;1/2;A\r\n;The Atlas, new;31234;2 / 2;\r\n\r\n" +
			"Yes;\"say \"\"hello\"\"\";B 7;;\r\n;;;;\r\n;;C;3;",
		"underscore, empty columns": "item,part,side,title,two_sided,,\n31234,1/2, A ,\"The Atlas, new\",no,,\n31234,2/2,,\"The Atlas, new\",,,\nB 7,,,\"say \"\"hello\"\"\",yes\nC,3",
	} {
		got, err := Parse([]byte(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestMistakesNameTheirLine(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		what string
	}{
		{"", 0, "empty"},
		{"\n\n", 0, "empty"},
		{"item\n", 0, "no row"},
		{"item\n\n ,\n", 0, "no row"},
		{"title,part\nx,1\n", 1, "no column item"},
		{"item,colour\nx,red\n", 1, `"colour"`},
		{"\nitem,item\nx,y\n", 2, "twice"},
		{"item,title\na,b\nc,d,e\n", 3, "3 fields"},
		{"item,title\n,b\n", 2, "no item"},
		{"item,part\na,1\nb,0\n", 3, "part"},
		{"item,part\na,3/2\n", 2, "3/2"},
		{"item,part\na,1/2/3\n", 2, "1/2/3"},
		{"item,part\na,x\n", 2, `"x"`},
		{"item,part\na,10000\n", 2, "10000"},
		{"item,two-sided\na,maybe\n", 2, "yes or no"},
		{"item,side,two-sided\na,A,yes\n", 2, "two-sided"},
		{"item,part\na,1\nb,1\na,1/2\n", 4, "line 2"},
		{"item\na\nb\na\n", 4, "line 2"},
		{"item,part\na,1\na,\n", 3, "line 2"},
		{"item,part\na,\na,1\n", 3, "line 2"},
		{"item,side\na,A\na,\n", 3, "line 2"},
		{"item,side\na,\na,A\n", 3, "line 2"},
		{"item,side\na,A\na,a\n", 3, "line 2"},
		{"item,side,two-sided\na,,yes\na,B,\n", 3, "line 2"},
		{"item,title\na,\"b\nc\"\n", 2, "line break"},
		{"item,title\na,\"b\nc,d\n", 2, "quote"},
		{"item,title\na,b\nc,x\"y\n", 3, "quote"},
		{"item\na\n\xe9t\xe9\n", 3, "UTF-8"},
		{"\xff\xfei\x00t\x00", 0, "UTF-16"},
		{"item\na\x00b\n", 2, "control"},
		{"item\na\n" + strings.Repeat("x", 501) + "\n", 3, "501 bytes"},
		{"item\n" + strings.Repeat("x", MaxBytes), 0, "larger"},
		{"item;title,part\na;b\n", 1, "title,part"},
	} {
		rows, err := Parse([]byte(c.text))
		var m *Mistake
		if !errors.As(err, &m) || m.Line != c.line || !strings.Contains(err.Error(), c.what) || rows != nil {
			t.Errorf("%.60q: %v (%d rows), want line %d and %q", c.text, err, len(rows), c.line, c.what)
		}
	}
}

func TestListIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("item\n")
	for i := range MaxRows {
		fmt.Fprintf(&b, "i%d\n", i)
	}
	begun := time.Now()
	if rows, err := Parse([]byte(b.String())); err != nil || len(rows) != MaxRows {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	b.WriteString("one more\n")
	var m *Mistake
	if _, err := Parse([]byte(b.String())); !errors.As(err, &m) || m.Line != MaxRows+2 {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("item,part,side,title,two-sided\n31234,1/2,A,\"The Atlas, new\",no\nx,,,,yes\n"))
	f.Add([]byte("\ufeffitem;title\r\na;\"b\"\"c\"\r\n"))
	f.Add([]byte("item\n\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := Parse(b)
		if err != nil {
			if m := (*Mistake)(nil); !errors.As(err, &m) || rows != nil || len(err.Error()) > 1000 || m.Line < 0 {
				t.Fatalf("%v, %d rows", err, len(rows))
			}
			return
		}
		seen := map[Slot]bool{}
		for _, r := range rows {
			if r.Item == "" || r.Part < 0 || r.Parts != 0 && r.Parts < r.Part || r.TwoSided && r.Side != "" || strings.ContainsAny(r.Item+r.Title+r.Side, "\n\x00") {
				t.Fatalf("%+v", r)
			}
			for _, s := range r.Slots() {
				if seen[s] {
					t.Fatalf("%+v stands twice", s)
				}
				seen[s] = true
			}
		}
	})
}
