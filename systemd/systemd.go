// Package systemd holds what a machine needs to run a station: the files
// beside it, as an administrator installs them. Doctor holds the installed
// ones against these.
package systemd

import _ "embed"

// RulesName is what the file of udev's rules is called where it is installed.
const RulesName = "90-ripstation.rules"

// UnitName is the service's.
const UnitName = "ripstation.service"

// Rules are udev's rules for the drives of a station.
//
//go:embed 90-ripstation.rules
var Rules string
