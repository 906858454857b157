package discfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
)

// Media for which mkudffs takes few sizes alone, and its ways of keeping account
// of space and of files: no check finds fault with any.
func TestRareMediaOfMkudffs(t *testing.T) {
	type kind struct {
		args   string
		blocks int
	}
	var kinds []kind
	for _, medium := range []string{"worm", "mo"} {
		for _, revision := range []string{"1.02", "1.50", "2.00", "2.01"} {
			for _, block := range []int{512, 1024, 2048, 4096} {
				kinds = append(kinds, kind{fmt.Sprintf("--media-type=%s --udfrev=%s -b %d", medium, revision, block), 2000})
			}
		}
	}
	for _, args := range []string{
		"--strategy=4096", "--strategy=4096 --udfrev=1.02", "--ad=short", "--ad=long --noefe", "--ad=long --strategy=4096",
		"--space=freedbitmap", "--space=freedtable", "--space=unalloctable", "--spartable=4",
	} {
		kinds = append(kinds, kind{"--media-type=hd -b 2048 " + args, 8192})
	}
	for _, k := range kinds {
		t.Run(k.args, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image")
			args := append([]string{"--new-file", "--label=Rare"}, strings.Fields(k.args)...)
			tool(t, ".", "mkudffs", append(args, path, fmt.Sprint(k.blocks))...)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			m := Open(f, st.Size(), nil)
			if v := m.Main(); len(m.Systems) != 1 || v == nil || v.Label != "Rare" {
				t.Errorf("systems %v, volumes %+v", m.Systems, m.Volumes)
				for _, v := range m.Volumes {
					t.Error(v.Err)
				}
			}
			for _, c := range m.Checks {
				if c.Outcome == disc.Failure || c.Outcome == disc.Warning || c.Outcome == disc.NotRun {
					t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
				}
			}
		})
	}
}
