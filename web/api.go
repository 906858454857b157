// Package web is the station's HTTP API: JSON over a Unix socket that the
// station's group may use. The same package holds its client.
//
// Under /api/v1:
//
//	GET  version            Version
//	GET  status             station.Status
//	GET  drives             []station.BayStatus
//	GET  jobs               []station.JobStatus
//	GET  list?image=&copy=&item=&needs_you=&limit=     what Books.List gives
//	GET  show/{id}          what Books.Show gives; id may be a unique prefix
//	GET  show/{id}/files    a stream of FilesLine: the list, then its files
//	GET  files?name=&sha256=&limit=    what Books.Find gives
//	GET  notices            a stream of station.Notice, one a line
//	POST rip                station.Request -> Ripping
//	POST eject              EjectRequest -> nothing
//	POST scan               ScanRequest -> station.Scan
//	POST scan/cancel        CancelRequest -> []station.Scan: what was taken back
//	GET  scans              []station.Scan
//	POST release            ReleaseRequest -> Released
//	POST annotate/{id}      Annotation -> what Books.Annotate gives
//	GET  review             station.Review
//	POST accept, reject     Deciding -> []Settled
//	POST retry              RetryRequest -> []Settled
//	POST note/{id}          Noting -> what Books.Annotate gives
//	POST photo/{id}?role=&note=&operator=    the bytes of a file -> AddedTo
//	GET  show/{id}/added/{sha256}    the bytes of a file
//	POST handed-out/{id}    HandedOut -> nothing
//	GET  batches            what Books.Batches gives
//	GET  batch?name=        what Books.BatchReport gives; no name: the open batch, else the one closed last
//	POST batch/open         BatchOpen -> the batch
//	POST batch/close        BatchClose -> the report
//	POST batch/import       BatchImport -> what of the list is new; up to 2 MiB
//	POST batch/shift        BatchShift -> the discs with what they are called now
//	POST batch/swap         BatchSwap -> the same
//	POST audit              AuditRequest -> a stream of AuditLine, the report last
//	POST repair             RepairRequest -> a stream of AuditLine, the report last
//
// A failure has a status of 400 or more and an Error as its body.
package web

import (
	"context"
	"encoding/json"
	"net/http"

	"ripstation/disc"
)

// prefix is where the API begins.
const prefix = "/api/v1/"

// maxBody bounds what a caller may send, and what a client takes for one
// answer that is not a stream.
const (
	maxBody   = 64 << 10
	maxAnswer = 256 << 20
)

// Code sorts failures for a program.
type Code string

const (
	CodeUsage     Code = "usage"      // the request itself cannot be
	CodeNotFound  Code = "not found"  // no such disc, drive or file
	CodeAmbiguous Code = "ambiguous"  // the id fits more than one disc
	CodeNoDisc    Code = "no disc"    // the drive is empty
	CodeConflict  Code = "conflict"   // it cannot be done now
	CodeForbidden Code = "permission" // the station's user may not
	CodeFailed    Code = "failed"     // all else
)

var statusOf = map[Code]int{
	CodeUsage: http.StatusBadRequest, CodeNotFound: http.StatusNotFound, CodeAmbiguous: http.StatusConflict,
	CodeNoDisc: http.StatusConflict, CodeConflict: http.StatusConflict, CodeForbidden: http.StatusForbidden,
	CodeFailed: http.StatusInternalServerError,
}

// Error is a failure as it crosses the socket.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do next, or empty
	Err     error  `json:"-"`    // what lies below, on the server's side
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Version says which program answers.
type Version struct {
	Program string `json:"program"`
	PID     int    `json:"pid"`
}

// Ripping is the answer to a request to rip: the drive whose notices tell the
// story.
type Ripping struct {
	Drive disc.Drive `json:"drive"`
}

// EjectRequest names a drive by key or node.
type EjectRequest struct {
	Drive string `json:"drive"`
}

// ReleaseRequest names a drive that is on hold, by key or node.
type ReleaseRequest struct {
	Drive string `json:"drive"`
}

// Released says whether the drive was on hold.
type Released struct {
	Was bool `json:"was_on_hold"`
}

// Annotation is what a person says of a carrier. A nil field stays as it is,
// an empty one is taken away.
type Annotation struct {
	Item        *string `json:"item,omitempty"`
	Title       *string `json:"title,omitempty"`
	Part        *int    `json:"part,omitempty"`
	Parts       *int    `json:"parts,omitempty"`
	Side        *string `json:"side,omitempty"`
	Condition   *string `json:"condition,omitempty"`
	Access      *string `json:"access,omitempty"`
	Disposition *string `json:"disposition,omitempty"`
	Note        string  `json:"note,omitempty"`
	Authority   string  `json:"authority,omitempty"` // on whose word a disc is withdrawn
	Operator    string  `json:"operator,omitempty"`
}

// Query narrows a list; empty fields let everything through.
type Query struct {
	Image    string
	Copy     string
	Item     string
	NeedsYou bool
	Limit    int
}

// AuditRequest says how deep an audit looks.
type AuditRequest struct {
	Full     bool   `json:"full"` // re-read and hash every byte
	Operator string `json:"operator,omitempty"`
	// Disc narrows it to one disc's copies: its id, or the beginning of it. Then
	// Version and Store may narrow it further.
	Disc    string `json:"disc,omitempty"`
	Version int    `json:"version,omitempty"` // of its image; 0: every one
	Store   string `json:"store,omitempty"`   // empty: every one
}

// HandedOut says of one disc that a copy of it left the archive: restored or
// handed over, whole and checked.
type HandedOut struct {
	Version  int      `json:"version"`
	How      string   `json:"how"`              // what was done, in words
	From     []string `json:"from"`             // stores that gave bytes
	Faults   string   `json:"faults,omitempty"` // what was found wrong with copies on the way, in words
	Operator string   `json:"operator,omitempty"`
}

// RepairRequest asks for a disc's missing and damaged copies to be made good.
type RepairRequest struct {
	Disc     string `json:"disc"`         // its id, or the beginning of it
	To       string `json:"to,omitempty"` // one store; empty: every one that has a copy
	Operator string `json:"operator,omitempty"`
}

// AuditProgress tells how far an audit is.
type AuditProgress struct {
	Store string `json:"store"`
	Key   string `json:"key"`
	Done  int64  `json:"done"` // copies
	Total int64  `json:"total"`
}

// AuditLine is one line of an audit's stream; exactly one field is set.
type AuditLine struct {
	Progress *AuditProgress  `json:"progress,omitempty"`
	Report   json.RawMessage `json:"report,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// FileQuery asks for files by a part of their name or by digest.
type FileQuery struct {
	Name   string // plain text, in any case
	SHA256 string // or its first digits
	Limit  int    // 0 means the default
}

// FilesLine is one line of a stream of a disc's files; exactly one field is
// set. The list comes first; the last line is Done or Error.
type FilesLine struct {
	List  json.RawMessage `json:"list,omitempty"`
	File  json.RawMessage `json:"file,omitempty"`
	Done  bool            `json:"done,omitempty"`
	Error *Error          `json:"error,omitempty"`
}

// Books is what the API tells of the catalog and the stores. What its methods
// return is sent as JSON; their errors should be *Error where a caller can do
// something about them.
type Books interface {
	People
	List(ctx context.Context, q Query) (any, error)
	Show(ctx context.Context, id string) (any, error)
	// Find looks for files.
	Find(ctx context.Context, q FileQuery) (any, error)
	// Files calls list once and then file for each of a disc's files; an error
	// of theirs ends it.
	Files(ctx context.Context, id string, list, file func(any) error) error
	Annotate(ctx context.Context, id string, a Annotation) (any, error)
	BatchBooks
	HandedOut(ctx context.Context, id string, h HandedOut) error
	Audit(ctx context.Context, in AuditRequest, progress func(AuditProgress)) (any, error)
	Repair(ctx context.Context, in RepairRequest, progress func(AuditProgress)) (any, error)
}
