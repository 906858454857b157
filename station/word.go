package station

// Word is what a screen or a line of talk says of a disc, in capitals. It
// never claims more than was done.
type Word string

// The words, in the order of a disc's life. The comment of each becomes its
// entry in docs/messages.md: when it is shown, and behind "To do:" what a person
// has to do then, where no hint says it. `make messages` writes that down.
const (
	// WordEmpty is shown of a drive in which there is no disc. To do: put one in,
	// whenever you like.
	WordEmpty Word = "EMPTY"

	// WordScanned is shown when a scan belongs to a disc now. To do: nothing.
	WordScanned Word = "SCANNED"
	// WordScanVoid is shown when a scan got no disc, when nobody can say which disc
	// it was meant for, and when it was taken back. No disc bears its name
	// through it. To do: nothing, if you took it back; else what the message says.
	WordScanVoid Word = "SCAN VOID"

	// WordInserted is shown when a disc was noticed in a drive. To do: nothing.
	WordInserted Word = "INSERTED"
	// WordIdentified is shown when the drive has told what kind of disc it is, and
	// what is written on its first sectors. To do: nothing.
	WordIdentified Word = "IDENTIFIED"
	// WordHeldAtStart is shown of a disc that lay in the drive when the station
	// started, has no image under way, and is not read because start.disc is "hold".
	WordHeldAtStart Word = "HELD AT START"
	// WordOnHold is shown of a drive that begins no disc: as many discs in a row as
	// drives.failures says failed in it or came out incomplete. A dirty lens is
	// likelier than so many bad discs.
	WordOnHold Word = "DRIVE ON HOLD"
	// WordWhose is shown when the disc waits, read or not, until it is known which
	// scan is meant for it.
	WordWhose Word = "WAITING FOR ITS IDENTITY"
	// WordAlready is shown when the disc is known, and its image is held whole and
	// safe. It is not read again. To do: nothing; put it back to the shelf.
	WordAlready Word = "ALREADY ARCHIVED"
	// WordStillSending is shown when the disc is known, and its image is in the
	// spool and on its way to the stores. It is not read again. To do: keep the disc
	// until its copies are stored.
	WordStillSending Word = "ALREADY READ, STILL SENDING"
	// WordLooksSame is shown when a disc is not read since it is the same, by its
	// descriptors and samples, as one that is held under another item.
	WordLooksSame Word = "LOOKS THE SAME AS, NOT READ"
	// WordResumed is shown when the station goes on with a disc that was not done
	// when it left the drive, or when the station was stopped. To do: nothing.
	WordResumed Word = "GOES ON"

	// WordWaitForSpace is shown when there is no room in the spool for a disc's
	// image, or for what else has to be written. The disc stays in its drive, and
	// nothing is rejected.
	WordWaitForSpace Word = "WAITING FOR SPACE"
	// WordComparing is shown when a recordable disc that looks like a held one
	// begins to be read in full, to be compared with it. To do: nothing.
	WordComparing Word = "READ TO BE COMPARED"
	// WordReading is shown while a disc is read. To do: nothing.
	WordReading Word = "READING"
	// WordPass is shown when the disc was gone through once more, with how many
	// sectors could not be read so far. To do: nothing.
	WordPass Word = "PASS DONE"
	// WordPaused is shown when a reading was broken off and goes on by itself, or
	// with the next insertion. What was read is kept.
	WordPaused Word = "PAUSED"
	// WordButton is shown when somebody pressed the drive's button while its disc
	// was worked on.
	WordButton Word = "EJECT BUTTON PRESSED"
	// WordTakenOut is shown when a disc has left its drive before it was done.
	WordTakenOut Word = "DISC TAKEN OUT"
	// WordDriveGone is shown when the drive itself is not there any more.
	WordDriveGone Word = "DRIVE GONE"
	// WordDriveFault is shown when a drive does not answer, answers nonsense, or may
	// not be opened. The other drives work on.
	WordDriveFault Word = "DRIVE FAULT"
	// WordFailed is shown when a disc could not be read or archived, for another
	// reason than its drive.
	WordFailed Word = "FAILED"

	// WordChecking is shown while an image is read back from the spool's disk and
	// its digests are taken. To do: nothing.
	WordChecking Word = "CHECKING SPOOL"
	// WordComplete is shown when every sector was read, or is known never to have
	// been recorded. To do: nothing.
	WordComplete Word = "READ WITHOUT ERRORS"
	// WordSuspect is shown when every sector was read, and some only after errors,
	// so that their bytes are not confirmed. To do: look at the files that are
	// marked (`ripstation show ID --files`); read the disc anew in another drive if
	// they matter (`ripstation retry ID`).
	WordSuspect Word = "READ, SOME SECTORS SUSPECT"
	// WordIncomplete is shown when sectors could not be read. The image is archived
	// all the same: zeroes stand in their place, and its record lists them. To do:
	// clean the disc and try it in another drive (`ripstation retry ID`), or accept
	// it as it is (`ripstation accept ID --reason TEXT`).
	WordIncomplete Word = "INCOMPLETE"
	// WordProtected is shown when nothing is missing but sectors that the drive
	// withholds for copy protection. To do: nothing; another drive will not help.
	WordProtected Word = "PROTECTED"
	// WordCompared is shown when a recordable disc that was read in full equals the
	// image that is held, in every byte. It is not archived a second time. To do:
	// nothing; put it back to the shelf.
	WordCompared Word = "ALREADY ARCHIVED, COMPARED IN FULL"
	// WordKept is shown when a disc that was read to be compared is archived on its
	// own, because it is another one or nothing could be compared. To do: nothing.
	WordKept Word = "ARCHIVED ON ITS OWN"

	// WordSending is shown while an image is sent to a store. To do: nothing.
	WordSending Word = "SENDING"
	// WordWaitStore is shown when a store could not be reached, or refused. It is
	// tried again by itself, and nothing is lost meanwhile. To do: nothing for an
	// hour; if it stays so, run `ripstation doctor --store NAME` and have the store
	// mended.
	WordWaitStore Word = "WAITING FOR STORE"
	// WordStored is shown when a store has accepted the whole image, with matching
	// checksums. It was not read back yet. To do: nothing.
	WordStored Word = "STORED"
	// WordRecorded is shown when the disc stands in the catalog. To do: nothing.
	WordRecorded Word = "RECORDED"
	// WordIdentityNeeded is shown when a disc was archived and nobody has said which
	// item it is.
	WordIdentityNeeded Word = "NEEDS IDENTITY"
	// WordLabel is shown when the label of a disc fits the title of another disc of
	// its batch clearly better than its own, or several in a row fit shifted by one.
	WordLabel Word = "LABEL FITS ANOTHER DISC"
	// WordNeedsYou is shown when something cannot go on, or cannot be believed,
	// without a person. `ripstation review` lists all that wants one.
	WordNeedsYou Word = "NEEDS YOU"

	// WordEjected is shown when the disc may be taken out. What was done with it
	// stands behind the word. To do: take it out.
	WordEjected Word = "TAKE DISC OUT"
	// WordPending is shown in the place of TAKE DISC OUT when a required store was
	// dark for longer than eject.dark_after, and eject.when_store_dark is "pending".
	WordPending Word = "TAKE OUT, PENDING RACK, IMAGE ONLY ON THIS STATION"
	// WordFinished is shown in the place of TAKE DISC OUT where there is no tray: an
	// image file. To do: nothing.
	WordFinished Word = "FINISHED"
	// WordFlip is shown when a disc goes out of which the batch's list expects two
	// sides, and the other one has not come. To do: turn it over and put it in again.
	WordFlip Word = "FLIP DISC"
	// WordHeld is shown of a disc that is done and whose tray stays shut because a
	// key of eject.* says "hold". To do: look at what stands behind the word, then
	// take the disc out: `ripstation eject DRIVE`, or the drive's button.
	WordHeld Word = "DISC HELD"
	// WordEjectFailed is shown when the drive did not open its tray.
	WordEjectFailed Word = "EJECT FAILED"

	// WordReadBack is shown when every byte of a copy was read back from its store,
	// and its digests are the ones that were taken at the seal. To do: nothing.
	WordReadBack Word = "READ BACK"
	// WordDamaged is shown when a copy was read back and is not what was sent, or
	// lacks something. The image stays in the spool. To do: keep the disc; look at
	// the store (`ripstation doctor --store NAME`), then run `ripstation repair ID`.
	WordDamaged Word = "COPY DAMAGED"
	// WordReleased is shown when the image left the spool, because the stores have
	// it with the proof that is set for them. To do: nothing.
	WordReleased Word = "LEFT THE SPOOL"
	// WordOffRack is shown of a disc on the pending rack when the required stores
	// have its image. To do: take it off the pending rack, and put it to the others.
	WordOffRack Word = "MAY LEAVE THE PENDING RACK"
	// WordShelf is shown once, when a batch is closed and each of its discs has a
	// record and, in every required store, the proof that the spool waits for. To
	// do: give the discs back to the shelf.
	WordShelf Word = "BACK TO THE SHELF"
	// WordStopping is shown when the station was told to stop. To do: nothing; it
	// goes on with everything at its next start.
	WordStopping Word = "STOPPING"
)
