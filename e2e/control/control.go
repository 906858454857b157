// Package control is what the bench and the agent in its guest say to each
// other: one JSON value a line, over a virtio serial port.
package control

// Port is the name of the virtio serial port.
const Port = "ripstation.control"

// The operations of a Request.
const (
	OpRun    = "run"    // run Argv to its end, answer with its output
	OpStart  = "start"  // start Argv as Name; its output and its end come as events
	OpSignal = "signal" // send Signal to Name
	OpRead   = "read"   // give the file Path
	OpWrite  = "write"  // make Path hold Data, with Mode
	OpReboot = "reboot" // unmount the disk and reboot
)

// Request is what the bench wants of the guest.
type Request struct {
	ID      uint64   `json:"id"`
	Op      string   `json:"op"`
	Argv    []string `json:"argv,omitempty"`
	Env     []string `json:"env,omitempty"` // NAME=value, added to the agent's own
	Stdin   []byte   `json:"stdin,omitempty"`
	Name    string   `json:"name,omitempty"`
	Path    string   `json:"path,omitempty"`
	Data    []byte   `json:"data,omitempty"`
	Mode    uint32   `json:"mode,omitempty"`
	Signal  int      `json:"signal,omitempty"`
	Seconds int      `json:"seconds,omitempty"` // Run: kill it after so long; 0 means 60
}

// Message is what the guest says: the answer to the request of the same ID,
// or, with ID 0, an event.
type Message struct {
	ID uint64 `json:"id"`

	// Answers. Err is set when the operation itself did not work.
	Err    string `json:"err,omitempty"`
	Exit   int    `json:"exit"` // exit status; 128 + signal when killed
	Stdout []byte `json:"stdout,omitempty"`
	Stderr []byte `json:"stderr,omitempty"`
	Data   []byte `json:"data,omitempty"`
	PID    int    `json:"pid,omitempty"`

	// Events.
	Event  string `json:"event,omitempty"`
	Name   string `json:"name,omitempty"`    // EventOutput, EventExit: which started process
	Line   string `json:"line,omitempty"`    // EventOutput: one line
	BootID string `json:"boot_id,omitempty"` // EventHello
}

// The events of a Message.
const (
	EventHello  = "hello"  // the guest is up; first thing after every boot
	EventOutput = "output" // a started process wrote a line
	EventExit   = "exit"   // a started process ended with Exit
)
