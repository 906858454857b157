package messages

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// section is one chapter of the document: which texts stand in it, when they
// are met, and what to do about those that do not say it.
type section struct {
	title string
	intro string
	// do is what to do about all that say nothing of it themselves. Empty: each one
	// has to.
	do   string
	exit string // of all that do not say it by their place
	from []from
}

// from are the files of a package whose texts belong to a section.
type from struct {
	dir    string
	files  string // patterns of path.Match, apart by blanks
	wanted func(Sentence) bool
}

func (s section) takes(x Sentence) bool {
	for _, f := range s.from {
		if f.dir != x.Dir || !f.wanted(x) {
			continue
		}
		for _, p := range strings.Fields(f.files) {
			if ok, _ := path.Match(p, x.File); ok {
				return true
			}
		}
	}
	return false
}

// inStation are all texts of the station: what is no error is a reason, an
// answer or an action. What it says of its own Config nobody meets: the program
// has looked at every key before.
func inStation(s Sentence) bool {
	if strings.HasPrefix(s.Text, "station: ") {
		return false
	}
	switch s.Call {
	case ".event", ".copyEvent", ".rackEvent", "Detail:", "Name:", "What:", "act":
		return false
	}
	return !frame(s)
}

// history are the texts of events.
func history(s Sentence) bool {
	switch s.Call {
	case ".event", ".copyEvent", ".rackEvent", "Detail:":
		return true
	}
	return false
}

// failures are the errors, and what is said beside a result.
func failures(s Sentence) bool {
	switch s.Call {
	case "errors.New", "fmt.Errorf":
		return !frame(s)
	case "usage", "no", "invalid", ".bad", ".say", "say", ".add", "Message:", "Hint:", "hint:":
		return true
	}
	return loud.MatchString(s.Text)
}

// reasons are failures, and what is put together to be one.
func reasons(s Sentence) bool { return s.Call == "" && !frame(s) || failures(s) }

// loud are words in capitals, which a result shouts.
var loud = regexp.MustCompile(`[A-Z]{3,} [A-Z]{2,}`)

// frame holds for an error that only says what was being done: its end is
// another one's.
func frame(s Sentence) bool {
	return s.Call == "fmt.Errorf" && len(strings.Fields(s.Text)) < 10 && strings.HasSuffix(s.Text, ": "+gap) && !strings.Contains(s.Text, ";")
}

// sections are the chapters behind the words, in their order. A text belongs to
// the first one that takes it.
var sections = []section{
	{title: "Scanning", intro: "The answers to `scan`, and what becomes of a scan.",
		from: []from{{"station", "scan*.go arrival.go doubt.go whose.go lies.go", inStation}, {"cmd/ripstation", "verb_scan.go scan_lines.go", failures}}},
	{title: "Batches", intro: "What `batch` and its report say.",
		from: []from{{"station", "batch*.go", inStation}, {"catalog", "batch*.go", reasons}, {"internal/carrierlist", "*.go", failures},
			{"cmd/ripstation", "verb_batch.go report_batch.go books_batch.go", failures}}},
	{title: "What wants you", intro: "The reasons that `review`, `status`, `list` and `show` give, and the answers to `retry`, `accept`, `reject`, `annotate`, `note` and `photo`.",
		from: []from{{"station", "review.go aside.go retry.go retention.go mail*.go unfinished.go known.go release.go alike.go already.go anew.go compared.go content.go drivename.go", inStation},
			{"station", "job.go", func(s Sentence) bool { return s.Call == "" && inStation(s) }},
			{"catalog", "decide.go annotate.go carrier.go retry.go notread.go wanted.go added.go", reasons},
			{"cmd/ripstation", "verb_review.go verb_retry.go verb_decide.go verb_annotate.go verb_note.go verb_photo.go books_people.go", failures},
			{"web", "people.go", func(s Sentence) bool { return s.Call == "Text:" || s.Call == "fmt.Errorf" && !frame(s) }}}},
	{title: "The running station", intro: "What a running station answers to a command, and what the commands say that speak to it: `run`, `status`, `drives`, `eject`, `rip`.",
		from: []from{{"station", "request.go bay.go failures.go eject.go tray.go start.go pending.go station.go status.go admission.go after.go comeback.go deliver.go giveback.go read.go stay.go", inStation},
			{"web", "client.go socket.go stream.go", reasons},
			{"cmd/ripstation", "verb_run.go verb_status.go verb_drives.go verb_eject.go verb_release.go verb_rip.go follow.go drives.go", failures}}},
	{title: "The configuration", intro: "Mistakes in the configuration. Each one comes with the file and the path of its key: `/etc/ripstation/config.toml: eject.when: ...`. The exit code is 2.",
		do:   "Mend that key. `config.example.toml` documents each one, and `ripstation config check` looks at all of them.",
		exit: "2",
		from: []from{{"cmd/ripstation", "config*.go verb_config.go stores.go", reasons}, {"station", "config.go", inStation}}},
	{title: "Looking things up", intro: "`list`, `show`, `find`, `ls`, `cat`, `inspect`.",
		from: []from{{"cmd/ripstation", "verb_list.go verb_show.go show_files.go verb_find.go verb_ls.go verb_cat.go verb_inspect.go report.go digests.go archived.go copies.go books.go", failures}}},
	{title: "Bringing things back", intro: "`extract`, `restore`, `handover`, `verify`, `repair`, `audit`, `withdraw`, `store init`, `catalog`.",
		from: []from{{"cmd/ripstation", "verb_extract.go verb_restore.go restore_all.go verb_handover.go handover_*.go verb_verify.go verb_repair.go verb_audit.go verb_withdraw.go verb_store.go verb_catalog.go bags*.go books_*.go names.go assemble.go", failures},
			{"audit", "repair.go added.go audit.go", failures}}},
	{title: "Every command", intro: "What any command may say.",
		from: []from{{"cmd/ripstation", "*.go", failures}}},
	{title: "The catalog", intro: "What is wrong with the catalog, or with what was to be written into it.",
		do:   "This should not happen. Nothing was recorded by it. Keep the message, and tell whoever looks after the station.",
		from: []from{{"catalog", "*.go", failures}}},
	{title: "The drive says", intro: "These stand at the end of longer messages: under PAUSED, DRIVE FAULT, FAILED, EJECT FAILED, or behind `rip` and `eject`.",
		do:   "Do what the word or the hint beside it says. If one drive says it again and again, try the disc in another drive.",
		from: []from{{"mmc", "*.go", failures}, {"watcher", "*.go", failures}, {"disc", "errors.go", failures}}},
	{title: "The store says", intro: "These stand at the end of longer messages: under WAITING FOR STORE, COPY DAMAGED, NEEDS YOU, or behind a command that reads a store.",
		do:   "The station tries again by itself, and nothing is lost meanwhile. If it stays so, run `ripstation doctor --store NAME` and show both to whoever looks after that store.",
		from: []from{{"archive", "*.go", failures}}},
	{title: "The spool says", intro: "These stand at the end of longer messages about an image that is being read, or waits in the spool.",
		do:   "Nothing was deleted. Look at the disk of the spool (the system's log), and keep the disc until its copies are stored.",
		from: []from{{"station", "spool.go job.go books.go delivery.go keeping.go record.go identify.go guard.go look.go", inStation}, {"ripper", "*.go", failures}}},
	{title: "More of the station", intro: "What else the station may say.",
		from: []from{{"station", "*.go", inStation}}},
	{title: "Programs that use the API", intro: "What the station answers to a program that speaks to its socket in another way than these commands.",
		do:   "Mend the program; `web/api.go` has the requests and their answers.",
		from: []from{{"web", "*.go", reasons}}},
	{title: "The history of a disc", intro: "Lines that `show` prints of what happened to a disc.",
		do:   none,
		from: []from{{"station", "*.go", history}, {"catalog", "*.go", history}, {"audit", "*.go", history}}},
}

// rooms are the packages that are read, and dirs says where each lies.
func rooms() (out []string) {
	for _, s := range sections {
		for _, f := range s.from {
			if !slices.Contains(out, f.dir) {
				out = append(out, f.dir)
			}
		}
	}
	return out
}
