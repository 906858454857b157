package station

import (
	"sync"
	"time"
)

// Word is what a screen or a line of talk says of a disc, in capitals. It
// never claims more than was done.
type Word string

const (
	WordInserted     Word = "INSERTED"
	WordIdentified   Word = "IDENTIFIED"
	WordResumed      Word = "GOES ON"
	WordReading      Word = "READING"
	WordPass         Word = "PASS DONE"
	WordChecking     Word = "CHECKING SPOOL"
	WordComplete     Word = "READ WITHOUT ERRORS"
	WordSuspect      Word = "READ, SOME SECTORS SUSPECT"
	WordIncomplete   Word = "INCOMPLETE"
	WordProtected    Word = "PROTECTED"
	WordSending      Word = "SENDING"
	WordStored       Word = "STORED"
	WordWaitStore    Word = "WAITING FOR STORE"
	WordRecorded     Word = "RECORDED"
	WordEjected      Word = "TAKE DISC OUT"
	WordFinished     Word = "FINISHED" // in the place of TAKE DISC OUT where there is no tray
	WordEjectFailed  Word = "EJECT FAILED"
	WordReadBack     Word = "READ BACK"
	WordDamaged      Word = "COPY DAMAGED"
	WordReleased     Word = "LEFT THE SPOOL"
	WordAlready      Word = "ALREADY ARCHIVED"
	WordStillSending Word = "ALREADY READ, STILL SENDING"
	// WordLooksSame is shown when a disc is not read since it is the same, by its descriptors and samples, as
	// one that is held under another item.
	WordLooksSame Word = "LOOKS THE SAME AS, NOT READ"
	// WordComparing is shown when a recordable that looks like a held one begins to be read in full.
	WordComparing Word = "READ TO BE COMPARED"
	// WordCompared is shown when a recordable that was read in full is equal to the image that is held.
	WordCompared Word = "ALREADY ARCHIVED, COMPARED IN FULL"
	// WordKept is shown when what was read to be compared is archived as a disc of its own.
	WordKept           Word = "ARCHIVED ON ITS OWN"
	WordNeedsYou       Word = "NEEDS YOU"
	WordPaused         Word = "PAUSED"
	WordTakenOut       Word = "DISC TAKEN OUT"
	WordButton         Word = "EJECT BUTTON PRESSED"
	WordDriveFault     Word = "DRIVE FAULT"
	WordDriveGone      Word = "DRIVE GONE"
	WordFailed         Word = "FAILED"
	WordEmpty          Word = "EMPTY"
	WordStopping       Word = "STOPPING"
	WordWaitForSpace   Word = "WAITING FOR SPACE"
	WordIdentityNeeded Word = "NEEDS IDENTITY"
	// WordFlip: a disc goes out of which the batch's list expects two sides, and
	// the other one has not come.
	WordFlip Word = "FLIP DISC"
	// WordLabel: the label of a disc fits the title of another disc of its batch
	// clearly better than its own, or several in a row fit shifted by one.
	WordLabel Word = "LABEL FITS ANOTHER DISC"
	// WordShelf: a batch is closed, and each of its discs has a record and in every
	// required store the proof that the spool waits for. Said once.
	WordShelf Word = "BACK TO THE SHELF"
	// WordWhose: the disc waits, read or not, until it is known which scan is its.
	WordWhose Word = "WAITING FOR ITS IDENTITY"
	// WordScanned: a scan belongs to a disc now, or was taken back.
	WordScanned Word = "SCANNED"
	// WordScanVoid: a scan got no disc, or nobody can say which one is its.
	WordScanVoid Word = "SCAN VOID"
	// WordPending is in the place of TAKE DISC OUT when a required store was dark
	// and eject.when_store_dark is "pending".
	WordPending Word = "TAKE OUT, PENDING RACK, IMAGE ONLY ON THIS STATION"
	// WordOffRack is said of a disc on the pending rack when the required stores
	// have its image.
	WordOffRack Word = "MAY LEAVE THE PENDING RACK"
	// WordHeld is said of a disc whose story has ended and whose tray stays shut
	// because eject.* says "hold".
	WordHeld Word = "DISC HELD"
	// WordHeldAtStart is said of a disc that lay in the drive when the station
	// started, has no job in the spool, and start.disc is "hold".
	WordHeldAtStart Word = "HELD AT START"
	// WordOnHold is said of a drive that begins no disc: drives.failures in a row
	// failed or came out incomplete in it.
	WordOnHold Word = "DRIVE ON HOLD"
)

// Notice is one step of a disc's story, as it happens.
type Notice struct {
	Time  time.Time `json:"time"`
	Drive string    `json:"drive"` // key of the drive, empty when none is concerned
	Node  string    `json:"node"`
	ID    string    `json:"id"` // the carrier, empty before it has one
	Word  Word      `json:"word"`
	Text  string    `json:"text"` // a sentence without the word
	Hint  string    `json:"hint"` // what to do next, or empty
	// Progress is set on notices of work under way; these may be dropped when
	// a listener is slow, others never are.
	Progress *Progress `json:"progress,omitempty"`
	// Final is true on the last notice of a disc in a bay: what Outcome says
	// is how it ended.
	Final   bool    `json:"final"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Outcome is how a disc's stay in a bay ended.
type Outcome string

const (
	OutcomeDone       Outcome = "done"
	OutcomeIncomplete Outcome = "incomplete" // archived, with sectors missing
	OutcomeAlready    Outcome = "already archived"
	OutcomeNeedsYou   Outcome = "needs you"
	OutcomeFailed     Outcome = "failed"
	OutcomeTakenOut   Outcome = "taken out"
)

// Progress tells how far the work on a disc is.
type Progress struct {
	What    string  `json:"what"` // "reading", "checking", "sending to NAME", "reading back from NAME"
	Pass    string  `json:"pass,omitempty"`
	Done    int64   `json:"done_bytes"`
	Total   int64   `json:"total_bytes"`
	Rate    float64 `json:"bytes_per_second"`
	Missing int64   `json:"sectors_missing"` // not read so far though tried
}

// board hands notices to all who listen.
type board struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
}

// listener keeps what is unread. A notice of progress replaces the one before
// of the same work.
type listener struct {
	mu     sync.Mutex
	queue  []Notice
	wake   chan struct{}
	closed bool
}

// maxQueue bounds what a listener that never reads can hold; what comes after
// is lost to it.
const maxQueue = 10000

func (b *board) post(n Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		l.push(n)
	}
}

func (l *listener) push(n Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := len(l.queue)
	// Only progress is passed over on the way back, so that the order of the words stays.
	for i := k - 1; n.Progress != nil && i >= 0 && l.queue[i].Progress != nil; i-- {
		if q := l.queue[i]; q.Drive == n.Drive && q.ID == n.ID && q.Progress.What == n.Progress.What {
			k = i
			break
		}
	}
	switch {
	case k < len(l.queue):
		l.queue[k] = n
	case k < maxQueue:
		l.queue = append(l.queue, n)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// listen gives notices from now on. The channel is closed after stop.
func (b *board) listen() (notices <-chan Notice, stop func()) {
	l := &listener{wake: make(chan struct{}, 1)}
	out, done := make(chan Notice), make(chan struct{})
	b.mu.Lock()
	if b.listeners == nil {
		b.listeners = map[*listener]struct{}{}
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()
	go func() {
		defer close(out)
		for {
			l.mu.Lock()
			batch := l.queue
			l.queue = nil
			l.mu.Unlock()
			for _, n := range batch {
				select {
				case out <- n:
				case <-done:
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-l.wake:
			case <-done:
				return
			}
		}
	}()
	var once sync.Once
	return out, func() {
		once.Do(func() {
			b.mu.Lock()
			delete(b.listeners, l)
			b.mu.Unlock()
			close(done)
		})
	}
}
