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
	{"item … was said of a disc that looks the same and was taken out before it was done, and another was scanned when this one came",
		"no drive can tell the two apart, so the image has neither item", "Look at the disc, then say which item it is: `ripstation annotate ID --item ITEM`."},
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

// hintWhen says when a hint is given whose text is nothing but another
// message, under a word that has several.
var hintWhen = map[string]string{
	"switch the drive off and on, with the disc in it: it goes on by itself where it stopped; the other drives work on": "the drive does not come back from a command",
	"the user that runs ripstation must be in the group that owns the drive's node (cdrom)":                             "the station may not open the drive",
	"check the drive's cable and power, or try another drive; what was read is kept":                                    "the connection to the drive broke, or it was not ready, again and again",
	"switch the drive off and on, or unplug it and plug it in again; it goes on by itself then":                         "the drive did not answer when it was asked what is in it",
	"make room on the disk of the spool and the catalog; nothing is lost meanwhile, and it goes on by itself":           "what has to be written down does not fit on the disk any more",
	"the disc stays in the drive and goes on as soon as there is room; images leave when their copies are read back":    "there is no room for the disc's image",
	"nothing was deleted; `ripstation review` says what can be done":                                                    "a folder of the spool cannot be used, or contradicts the catalog",
	"the disc goes on all the same; look at its place with `ripstation batch report`":                                   "the disc could not be given its place in the batch",
	"the other copies go on without this one":                                                                           "a store that is not required refuses the copy for good",
	"the image stays in the spool; mend the cause and restart the station":                                              "a required copy, or the record, cannot be finished",
	"the copy is there; it can be deleted once its lock has run out":                                                    "the lock of a copy could not be renewed",
	"it is tried again by itself":                                                             "the disc or the drive made trouble",
	"press the drive's button, or use the emergency hole":                                     "somebody asked for the disc (`ripstation eject`)",
	"plug the drive in again with the disc in it, or put the disc into another one, to go on": "its disc was not done yet",
	"is it a further copy of item …, or the wrong disc? To have it read: ripstation retry … --drive …; to leave it so: ripstation accept … --reason TEXT": "it looks the same as a disc of another item",
	"what was read is kept; put the disc in again to go on, or try another drive":                                                                         "the disc failed, and eject.failed is \"eject\"",
}
