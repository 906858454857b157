package main

import (
	"context"

	"ripstation/disc"
	"ripstation/station"
)

// called is what a name of the configuration stands for; anything else stays
// as it is. A file of that name comes first, as with a drive's short name.
func (d DrivesConfig) called(name string) string {
	drive := d.Names[name]
	if drive == "" || exists(name) {
		return name
	}
	if !isOptical(nodePath(drive)) {
		if node := nodeOf(drive); node != "" {
			return node
		}
	}
	return drive
}

// nodeOf is the node of the drive with this serial; empty when there is none.
// The watcher's key is its serial where that is unique.
func nodeOf(key string) string {
	for _, node := range nodes() {
		if d, err := nameOf(context.Background(), node); err == nil && d.Serial == key {
			return node
		}
	}
	return ""
}

// knows reports whether a drive goes by this name: in the configuration, or
// since it is connected and called so.
func (d DrivesConfig) knows(ctx context.Context, name string) bool {
	if d.Names[name] != "" {
		return true
	}
	var there []disc.Drive
	for _, node := range nodes() {
		dr, _ := nameOf(ctx, node) // its node is a name, whatever it says of itself
		there = append(there, dr)
	}
	called, _ := station.DriveNames(map[string]string{"it": name}, there)
	return len(called) > 0
}

// sayNames tells of names that stand for no drive, or for more than one.
func (a *app) sayNames(cfg *Config, bays []station.BayStatus) {
	var drives []disc.Drive
	for _, b := range bays {
		drives = append(drives, b.Drive)
	}
	called, wrong := station.DriveNames(cfg.Drives.Names, drives)
	for i := range bays {
		bays[i].Name = called[station.DriveID(bays[i].Drive)]
	}
	for _, w := range wrong {
		a.say("%s", one(w))
	}
}
