package station

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

const goodJob = `{"format":"ripstation job","version":1,"id":"a","image_version":1,"step":"reading","captures":[{}]}`

func TestJobFilesThatAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          ``,
		"not JSON":       `ripstation job 1`,
		"another format": `{"format":"something","version":1,"id":"a","image_version":1,"step":"reading"}`,
		"newer":          `{"format":"ripstation job","version":2,"id":"a","image_version":1,"step":"reading"}`,
		"unknown step":   `{"format":"ripstation job","version":1,"id":"a","image_version":1,"step":"eaten"}`,
		"no version":     `{"format":"ripstation job","version":1,"id":"a","step":"reading"}`,
		"no capture":     `{"format":"ripstation job","version":1,"id":"a","image_version":1,"step":"sealed","sealed":{}}`,
		"seal missing":   `{"format":"ripstation job","version":1,"id":"a","image_version":1,"step":"stored"}`,
	} {
		if _, err := parseJob([]byte(text)); err == nil {
			t.Errorf("%s: taken for a job", name)
		}
	}
	if _, err := parseJob([]byte(goodJob)); err != nil {
		t.Errorf("a good job is refused: %v", err)
	}
}

func TestBrokenJobsAreToldAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	write := func(folder, name, text string) string {
		path := filepath.Join(dir, folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "" {
			if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	write("a", "job.json", goodJob)
	garbage := write("b", "job.json", "\x00\x00")
	wrong := write("c", "job.json", goodJob) // the job of carrier a
	lone := write("d", "image.iso", "data")  // no job.json, but data
	write("e", "", "")                       // made, and cut before its first job.json
	cut := write("f/uploads", "", "")        // the same, a moment later
	torn := write("f", ".job.json.1234.part", "{")
	gone := write(".gone-g", "job.json", goodJob) // done, and cut while it was cleared
	jobs, broken, err := (&spool{dir: dir}).jobs()
	if err != nil || len(jobs) != 1 || len(broken) != 3 {
		t.Fatalf("%d jobs, broken %v, %v", len(jobs), broken, err)
	}
	for _, path := range []string{cut, torn, gone} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range []string{garbage, wrong, lone} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a folder that could not be read as a job was touched: %v", err)
		}
	}
}

func FuzzJob(f *testing.F) {
	f.Add([]byte(goodJob))
	f.Add([]byte(`{"format":"ripstation job","version":1,"id":"a","image_version":1,"step":"sealed","sealed":{},"captures":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		jf, err := parseJob(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(jf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseJob(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}
