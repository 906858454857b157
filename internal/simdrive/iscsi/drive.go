package iscsi

import "ripstation/internal/simdrive"

// Drive is the target that shows a simulated drive.
func Drive(name string, d *simdrive.Drive) Target {
	return Target{Name: name, Attach: func() Unit { return d.Nexus() }, Reset: d.Reset}
}
