package disc

import "time"

// TrayStatus is what a drive says of its tray and medium.
type TrayStatus string

const (
	TrayUnknown  TrayStatus = "unknown"
	TrayOpen     TrayStatus = "open"
	TrayEmpty    TrayStatus = "empty"     // closed, no medium
	TrayNotReady TrayStatus = "not-ready" // closed, a medium is spinning up
	TrayLoaded   TrayStatus = "loaded"    // closed, medium ready
)

// Drive is one drive as it presents itself.
type Drive struct {
	// Key tells this drive from all others: its serial if that is unique
	// among the drives present, else vendor, model, firmware and place.
	Key string `json:"key"`
	// KeyByPlace is true when Key holds where the drive is plugged in, so
	// that it changes when the drive is moved.
	KeyByPlace bool   `json:"key_by_place"`
	Node       string `json:"node"` // device node, /dev/sr0; empty for a drive in process
	Vendor     string `json:"vendor"`
	Model      string `json:"model"`
	Firmware   string `json:"firmware"`
	Serial     string `json:"serial"`
}

// Insertion is one arrival of a medium in a drive. Two events with the same
// Insertion are the same arrival.
type Insertion struct {
	DriveKey string `json:"drive_key"`
	BootID   string `json:"boot_id"`
	// DiskSeq is the kernel's DISKSEQ; it rises with every media change it
	// reports and restarts at boot.
	DiskSeq uint64 `json:"diskseq"`
}

// EventKind is what happened to a drive.
type EventKind string

const (
	EventInserted       EventKind = "inserted"
	EventRemoved        EventKind = "removed"
	EventEjectRequested EventKind = "eject-requested"
	EventDriveAdded     EventKind = "drive-added"
	EventDriveGone      EventKind = "drive-gone"
	// EventDriveFault: the drive does not answer, or cannot be asked; Text says
	// why. When it can be asked again, EventDriveAdded comes once more.
	EventDriveFault EventKind = "drive-fault"
)

// DriveEvent is what the watcher tells the station.
type DriveEvent struct {
	Kind      EventKind
	Drive     Drive
	Insertion Insertion // set for EventInserted
	AtStart   bool      // the medium was there when the watcher started
	Time      time.Time
	Text      string // set for EventDriveFault
}
