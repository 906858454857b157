package disc

// Track is one track of the table of contents (MMC-6, 6.25: READ TOC/PMA/ATIP).
type Track struct {
	Number  int    `json:"number"`
	Session int    `json:"session"`
	Data    bool   `json:"data"`    // CONTROL bit 2
	Control byte   `json:"control"` // the four CONTROL bits
	Mode    int    `json:"mode"`    // data mode by READ TRACK INFORMATION, or the sector header: 0 not known, 1, 2
	Form2   bool   `json:"form2"`   // a Mode 2 Form 2 sector was seen in it
	Blank   bool   `json:"blank"`   // reserved or empty by READ TRACK INFORMATION
	Start   LBA    `json:"start"`
	Sectors int64  `json:"sectors"` // by READ TRACK INFORMATION; 0 when not told
	ISRC    string `json:"isrc,omitempty"`
}

// TOC is what the disc's table of contents says.
type TOC struct {
	Sessions int     `json:"sessions"`
	Tracks   []Track `json:"tracks"`
	LeadOut  LBA     `json:"lead_out"` // of the last complete session
}

// SizeClaim is one source's word on how many sectors there are, counted from
// LBA 0. All of them are kept.
type SizeClaim struct {
	Source  string `json:"source"` // "READ CAPACITY", "READ TRACK INFORMATION", "READ DISC STRUCTURE", "file size"
	Sectors int64  `json:"sectors"`
}

// Blob is one raw answer of the drive, kept for those who know better later.
type Blob struct {
	Name string `json:"name"` // "READ TOC 0002h", "READ DISC STRUCTURE 00h layer 0"
	Data []byte `json:"data"`
	// Absent says why there is no answer: the drive was asked and does not
	// have it. Empty when Data is the answer.
	Absent string `json:"absent,omitempty"`
}

// Disc is what the drive says of the medium in it, before any data is read.
type Disc struct {
	Medium     Medium `json:"medium"`
	Kind       Kind   `json:"kind"`
	Profile    uint16 `json:"profile"`      // MMC current profile, 0 if none
	ProfileStr string `json:"profile_name"` // "DVD-ROM", "CD-R"
	// Recordable is true for media written one by one (CD-R, DVD+R, BD-RE).
	// Pressed media have it false. Two recordables that look alike are never
	// taken for the same.
	Recordable bool `json:"recordable"`
	// Protection names the copy protection the disc declares ("CSS", "CPRM",
	// "AACS"), empty for none.
	Protection string      `json:"protection"`
	TOC        TOC         `json:"toc"`
	Sectors    int64       `json:"sectors"` // to be imaged, from LBA 0
	Sizes      []SizeClaim `json:"sizes"`
	// SizeUnproven is true when nothing but the source's own length says how
	// long it is: a file or a plain block device.
	SizeUnproven bool `json:"size_unproven"`
	// Unrecorded are the extents inside [0, Sectors) that hold no recording:
	// run-out of track-at-once, gaps between sessions, border zones.
	Unrecorded []Extent `json:"unrecorded"`
	// RunOut are the extents where a recordable CD may be unreadable without
	// being damaged: the two run-out blocks that end a track written track at
	// once, the pregap before the next one, and a few last sectors that the
	// lead-out counts and READ CAPACITY does not. No drive tells such a track
	// from one written disc at once, where the same sectors hold data: they are
	// to be read like any other, and only those that cannot be read are
	// unrecorded.
	RunOut []Extent `json:"run_out,omitempty"`
	Blobs  []Blob   `json:"blobs"`
}
