package station

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ripstation/catalog"
	"ripstation/internal/atomicfile"
)

// delivery is one copy on its way to one store, kept in uploads/STORE.json.
type delivery struct {
	Store       string            `json:"store"`
	Key         string            `json:"key"` // "<id>/v1"
	State       catalog.CopyState `json:"state"`
	StoredAt    *time.Time        `json:"stored_at"`
	ReadBackAt  *time.Time        `json:"read_back_at"`
	TagManifest string            `json:"tag_manifest"` // SHA-512 of the object written last
	Completing  *time.Time        `json:"completing"`   // intent: when the store was asked to make the image visible
	Detail      string            `json:"detail"`       // the last fault

	sent int64
}

// failedState marks a copy that waits for a person: the store has another
// object under its key, or the spool is not what was sealed.
func (d *delivery) failed() bool {
	return d.State == catalog.Damaged || d.State == catalog.Unknown || d.State == catalog.Missing
}

func (d *delivery) stored() bool { return d.State == catalog.Stored || d.State == catalog.ReadBack }

func (d *delivery) status() DeliveryStatus {
	return DeliveryStatus{Store: d.Store, State: string(d.State), Sent: d.sent, Message: d.Detail}
}

func (d *delivery) copy() catalog.Copy {
	return catalog.Copy{Store: d.Store, Key: d.Key + "/", State: d.State, StoredAt: d.StoredAt, ReadBackAt: d.ReadBackAt, Detail: d.Detail}
}

// loadDeliveries reads what the uploads folder says.
func (j *job) loadDeliveries() error {
	entries, err := os.ReadDir(filepath.Join(j.dir, "uploads"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".json" || e.Name()[0] == '.' {
			continue
		}
		path := filepath.Join(j.dir, "uploads", e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var d delivery
		if err := json.Unmarshal(data, &d); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if d.Store+".json" != e.Name() {
			return fmt.Errorf("read %s: it is of store %q", path, d.Store)
		}
		j.copies[d.Store] = &d
	}
	return nil
}

// delivery changes what is known of the copy in one store, on disk first.
func (j *job) delivery(store string, change func(*delivery)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var next delivery
	if d := j.copies[store]; d != nil {
		next = *d
	} else {
		next = delivery{Store: store, Key: j.key(), State: catalog.Queued}
	}
	change(&next)
	data, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(j.dir, "uploads", store+".json"), append(data, '\n'), 0o640); err != nil {
		return err
	}
	j.copies[store] = &next
	return nil
}

// key is what the job's bag lies under in every store. j.mu is held, or the
// job is not shared yet.
func (j *job) key() string { return fmt.Sprintf("%s/v%d", j.ID, j.ImageVersion) }

// copyOf is what is known of the copy in one store.
func (j *job) copyOf(store string) delivery {
	j.mu.Lock()
	defer j.mu.Unlock()
	if d := j.copies[store]; d != nil {
		return *d
	}
	return delivery{Store: store, Key: j.key(), State: catalog.Queued}
}

// catalogCopies is the same for all stores, as the catalog records it.
func (j *job) catalogCopies(stores []Store) (copies []catalog.Copy) {
	for _, st := range stores {
		d := j.copyOf(st.Name())
		copies = append(copies, d.copy())
	}
	return copies
}

// progress notes how much of a copy a store holds; for screens only.
func (j *job) progress(store string, sent int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if d := j.copies[store]; d != nil {
		d.sent = sent
	}
}

// failed reports whether a copy waits for a person.
func (j *job) failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, d := range j.copies {
		if d.failed() {
			return true
		}
	}
	return false
}

// openUploads writes down where the disc's bag is to go, one file a store,
// before anything is read: from now on every store has its copy's state on
// disk. What is read to be compared is to go nowhere yet.
func (s *Station) openUploads(j *job) error {
	if j.comparing() {
		return nil
	}
	for _, st := range s.cfg.Stores {
		j.mu.Lock()
		there := j.copies[st.Name()] != nil
		j.mu.Unlock()
		if there {
			continue
		}
		if err := j.delivery(st.Name(), func(*delivery) {}); err != nil {
			return err
		}
	}
	return nil
}
