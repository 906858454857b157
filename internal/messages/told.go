package messages

import "slices"

// remedy is what to do about a text that does not say it, and where neither its
// word nor its chapter has one answer for all. when is empty where the text says
// it.
type remedy struct{ text, when, do string }

// told are all remedies. A text that is in none of them must say what to do
// itself, or come with a hint.
var told = slices.Concat(ofWords, ofScans, ofBatches, ofReview, ofStation, ofLooking, ofBringingBack, ofCatalog, ofCommands, ofDoctor)

// ofWords are about what a word's notices say.
var ofWords = []remedy{
	{"CHECK FAILED: …; …: …",
		"the image was read and sealed, and a check says that something is missing or cannot be believed", "Keep the disc. Look what `ripstation show ID` says of its checks; docs/checks.md explains them. Then `ripstation accept ID --reason TEXT`, or `ripstation retry ID` in another drive."},
}

// ofScans are about scans.
var ofScans = []remedy{
	{"bound to the disc in drive …",
		"the disc has its name now", "Nothing."},
	{"not bound",
		"the scan cannot be given to the disc in the drive that it names", "What stands behind it says why, and what to do."},
	{"not understood: there is no scan …",
		"the station was started anew since, or the scan is long decided", "`ripstation scan --list` shows those that it knows."},
	{"not understood: the … holds a control character, or is not UTF-8",
		"", "Scan it again, or type it."},
	{"not understood: the code is empty",
		"", "Scan it again."},
	{"not understood: the code \"…\" begins or ends with a blank",
		"", "Scan it again without the blank, or set the scanner so that it adds none."},
	{"said again for a drive",
		"the same code was scanned again, with a drive", "Nothing; the later scan counts."},
	{"said again for the drive",
		"the same code was scanned again, for the drive that the disc is in", "Nothing; the later scan counts."},
	{"waits for its disc until …",
		"", "Put its disc in before then, and no other one."},
	{"waits for a disc in drive … until …",
		"", "Put its disc into that drive before then."},
	{"a disc came into drive …; it is its disc when nothing contradicts that until …",
		"", "Nothing. Scan the next code when that time is over, or name its drive with it."},
	{"no disc came in its time",
		"the time of identity.hold is over", "Scan it again, and put its disc in after that."},
	{"the disc in drive … belongs to …, which was scanned before",
		"", "If that is wrong, let it be archived and say what it is with `ripstation annotate ID --item ITEM`."},
	{"item \"…\": scanned at …, and one disc came, in drive …",
		"stands in the disc's history", "Nothing."},
	{"item \"…\": scanned at … for the disc in drive …",
		"stands in the disc's history", "Nothing."},
	{"the station was stopped before it was known whose disc it is",
		"", "Say which item it is: `ripstation annotate ID --item ITEM`."},
	{"nobody can say which scan is this disc's: … (scanned: …)",
		"two scans and one disc, one scan and two discs, or a scan without a disc came together", "Look at the disc, and say which of them it is: `ripstation annotate ID --item ITEM`."},
	{"it names no drive; it is written as drive:2",
		"", "Print the drive's barcode anew, as drive:NAME."},
	{"the line is longer than … bytes",
		"what was scanned is no code", "Scan it again. If it stays so, look how the scanner is set."},
}

// ofCommands are about the demonstration.
var ofCommands = []remedy{
	{"drive …: the tray is closed, or there is no disc on it",
		"a simulated drive of the tests", "Nothing."},
	{"…: the station is done with it, and the tray is …",
		"the demonstration went wrong", "Report it."},
}

// ofDoctor are about doctor's lines.
var ofDoctor = []remedy{
	{"/proc does not show what runs here",
		"", "Run it on the station's own machine, outside of a sandbox."},
	{"off now; whether it stays so is not known: …",
		"", "Look yourself whether a file in /etc/sysctl.d says dev.cdrom.autoclose = 0 (systemd/ has one)."},
	{"… is not there yet; the station makes it",
		"", "Nothing."},
	{"…: nobody here knows how durable it is",
		"the file system is not among those that are known", "Find out whether it survives a power cut; else choose a folder on another one."},
	{"…; after a break every part is sent again",
		"", "Nothing."},
	{"…; HEAD is asked in its place",
		"", "Nothing."},
	{"no store is there yet; the station makes it when it first needs it",
		"", "Nothing."},
}
