// Package accounts reads a machine's own users and groups (passwd(5),
// group(5)). Those of a directory service are not among them.
package accounts

import (
	"cmp"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"ripstation/internal/smallfile"
)

// Accounts are the users and groups of one machine.
type Accounts struct {
	users  []User
	groups []group
}

// User is one line of passwd.
type User struct {
	Name     string
	UID, GID int
}

type group struct {
	name    string
	gid     int
	members []string
}

// Read reads both files. A line that is none is passed over, as the C library does.
func Read(fsys fs.FS) (Accounts, error) {
	var a Accounts
	users, err := smallfile.Read(fsys, "etc/passwd")
	if err != nil {
		return a, err
	}
	groups, err := smallfile.Read(fsys, "etc/group")
	if err != nil {
		return a, err
	}
	for f := range fields(string(users), 4) {
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if cmp.Or(err1, err2) == nil {
			a.users = append(a.users, User{f[0], int(uid), int(gid)})
		}
	}
	for f := range fields(string(groups), 4) {
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			a.groups = append(a.groups, group{f[0], int(gid), strings.Split(f[3], ",")})
		}
	}
	return a, nil
}

func fields(text string, n int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.SplitSeq(text, "\n") {
			if f := strings.Split(line, ":"); len(f) >= n && f[0] != "" && f[0][0] != '#' && !yield(f) {
				return
			}
		}
	}
}

// User finds one by name, or by number.
func (a Accounts) User(name string) (User, bool) {
	uid, err := strconv.Atoi(name)
	i := slices.IndexFunc(a.users, func(u User) bool { return u.Name == name || err == nil && u.UID == uid })
	if i < 0 {
		return User{}, false
	}
	return a.users[i], true
}

// GroupsOf are the numbers of the groups that a user is in.
func (a Accounts) GroupsOf(u User) []int {
	gids := []int{u.GID}
	for _, g := range a.groups {
		if slices.Contains(g.members, u.Name) {
			gids = append(gids, g.gid)
		}
	}
	return gids
}

// Group is the number of a group that is named, or given as a number.
func (a Accounts) Group(name string) (gid int, ok bool) {
	for _, g := range a.groups {
		if g.name == name {
			return g.gid, true
		}
	}
	gid, err := strconv.Atoi(name)
	return gid, err == nil && gid >= 0
}

// GroupName is a group's name, its number when it has none.
func (a Accounts) GroupName(gid int) string {
	for _, g := range a.groups {
		if g.gid == gid {
			return g.name
		}
	}
	return strconv.Itoa(gid)
}

// UserName is a user's name, its number when it has none.
func (a Accounts) UserName(uid int) string {
	for _, u := range a.users {
		if u.UID == uid {
			return u.Name
		}
	}
	return strconv.Itoa(uid)
}
