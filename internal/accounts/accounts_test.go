package accounts

import (
	"os"
	"reflect"
	"testing"
	"testing/fstest"
)

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\n# a comment:x:5:5\n\nbroken\nben:x:1000:1000:Ben,,,:/home/ben:/bin/sh\nodd:x:-4:x::\n+::::::\nripstation:!:999:998::/:/bin/false\n"
	groups = "root:x:0:\ncdrom:x:24:ben,ada\naudio:x:29:ben\nripstation:x:998:\nbad:x:none:ben\n:x:3:ben\nshort:x:4\n"
)

func TestAccounts(t *testing.T) {
	a, err := Read(fstest.MapFS{"etc/passwd": {Data: []byte(passwd)}, "etc/group": {Data: []byte(groups)}})
	if err != nil {
		t.Fatal(err)
	}
	ben, ok := a.User("ben")
	if !ok || ben != (User{"ben", 1000, 1000}) || !reflect.DeepEqual(a.GroupsOf(ben), []int{1000, 24, 29}) {
		t.Errorf("%+v %v %v", ben, ok, a.GroupsOf(ben))
	}
	if u, ok := a.User("999"); !ok || u.Name != "ripstation" || a.UserName(999) != "ripstation" || a.UserName(7) != "7" {
		t.Errorf("%+v %v", u, ok)
	}
	for _, none := range []string{"odd", "broken", "", "+", "5", "# a comment"} {
		if u, ok := a.User(none); ok {
			t.Errorf("%q is %+v", none, u)
		}
	}
	if gid, ok := a.Group("cdrom"); !ok || gid != 24 || a.GroupName(24) != "cdrom" || a.GroupName(77) != "77" {
		t.Error(gid, ok)
	}
	if gid, ok := a.Group("24"); !ok || gid != 24 {
		t.Error(gid, ok)
	}
	for _, none := range []string{"bad", "none", "", "-1", "short"} {
		if gid, ok := a.Group(none); ok {
			t.Errorf("%q is %d", none, gid)
		}
	}
	if _, err := Read(fstest.MapFS{"etc/passwd": {}}); err == nil {
		t.Error("a machine without groups")
	}
	a, err = Read(os.DirFS("/"))
	if u, ok := a.User("root"); err != nil || !ok || u.UID != 0 {
		t.Errorf("this machine: %v %+v", err, u)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(passwd, groups)
	f.Fuzz(func(t *testing.T, p, g string) {
		a, err := Read(fstest.MapFS{"etc/passwd": {Data: []byte(p)}, "etc/group": {Data: []byte(g)}})
		if err != nil {
			return
		}
		for _, u := range a.users {
			if u.UID < 0 || u.GID < 0 || u.Name == "" {
				t.Errorf("%+v", u)
			}
			a.GroupsOf(u)
		}
	})
}
