package gate

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestGate(t *testing.T) {
	var mu sync.Mutex
	var got []int // bytes of each body that the server saw
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, len(b))
		mu.Unlock()
		if err == nil {
			w.Header().Set("X-Test", "yes")
			w.Write(bytes.ToUpper(b))
		}
	}))
	g := Open(t, server.URL)
	body := bytes.Repeat([]byte("a"), 1<<20)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	put := func() (string, error) {
		req, err := http.NewRequest(http.MethodPut, g.URL+"/b/k?partNumber=7", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if resp.Header.Get("X-Test") != "yes" || len(b) != len(body) || b[0] != 'A' {
			t.Errorf("%v, %d bytes", resp.Header, len(b))
		}
		return "done", err
	}
	for _, p := range Points {
		var passed []Point
		g.Set(func(r Request, at Point) bool {
			if r.N == 0 {
				passed = append(passed, at)
			}
			return r.N == 0 && at == p
		})
		// The transport itself sends again what got no answer on a used
		// connection, which these are not.
		if _, err := put(); err == nil {
			t.Errorf("%s: not cut", p)
		}
		if _, err := put(); err != nil {
			t.Errorf("%s: the next one: %v", p, err)
		}
		if len(passed) == 0 || passed[len(passed)-1] != p {
			t.Errorf("%s: passed %v", p, passed)
		}
		seen := g.Seen()
		if len(seen) != 2 || seen[1].Part() != "7" || seen[1].Length != int64(len(body)) || seen[1].Path != "/b/k" {
			t.Errorf("%s: %+v", p, seen)
		}
	}
	server.Close() // waits for the requests under way
	// before: one; mid-body: a torn one, and one; after: two.
	full, torn := 0, 0
	for _, n := range got {
		switch {
		case n == len(body):
			full++
		case n <= len(body)/2:
			torn++
		}
	}
	if full != 4 || torn != 1 || len(got) != 5 {
		t.Errorf("the server saw bodies of %v", got)
	}
}
