package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vmrecord/bundle/store"
)

// Options are a spool's surroundings and limits. Now and Jitter must be given.
type Options struct {
	Now      func() time.Time
	Jitter   func() float64 // from 0 up to 1
	Expire   time.Duration  // 0: DefaultExpire
	MaxBytes int64          // of all bundles together; 0: 2 GB
}

// A Spool is a directory of bundles to be sent. Any number of processes may use it.
type Spool struct {
	dir string
	opt Options
}

// OpenSpool opens the spool in dir, makes it if need be, and clears away what an
// Add or a Prune that was killed left behind.
func OpenSpool(dir string, opt Options) (*Spool, error) {
	if opt.Expire == 0 {
		opt.Expire = DefaultExpire
	}
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 2_000_000_000
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	if err := store.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, fmt.Errorf("make spool: %w", err)
	}
	s := &Spool{dir, opt}
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, e := range es {
		if strings.HasPrefix(e.Name(), ".new-") && e.IsDir() {
			if err := s.clearAbandoned(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("clear unfinished entry of spool: %w", err)
			}
		}
	}
	return s, nil
}

// clearAbandoned removes an unfinished entry unless its Add is still at work, which
// holds its lock. One without a lock yet may be about to get it: an hour settles it.
func (s *Spool) clearAbandoned(dir string) error {
	st, err := os.Stat(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		if st, err = os.Stat(dir); err == nil && s.opt.Now().Sub(st.ModTime()) < time.Hour {
			return nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l, err := lockItem(dir)
	if errors.Is(err, ErrBusy) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	return os.RemoveAll(dir)
}

// Add copies the bundle at path into the spool. When it returns without error the
// entry is durable. Adding the same bundle again returns the entry there is.
func (s *Spool) Add(path, id, uuid string) (Item, error) {
	return s.add(path, id, uuid, func(*Item) {})
}

// AddHeld is Add of a bundle that is not to be sent before Release; why says what
// it waits for. One that is there already stays as it is.
func (s *Spool) AddHeld(path, id, uuid, why string) (Item, error) {
	return s.add(path, id, uuid, func(it *Item) { it.State, it.Reason = Held, why })
}

func (s *Spool) add(path, id, uuid string, set func(*Item)) (Item, error) {
	if !idForm.MatchString(id) || !uuidForm.MatchString(uuid) {
		return Item{}, fmt.Errorf("queue %s: %q with uuid %q does not name a bundle", path, id, uuid)
	}
	final := filepath.Join(s.dir, id+"."+uuid)
	if _, err := os.Lstat(final); err == nil {
		return s.again(final, path)
	}
	if err := s.room(path); err != nil {
		return Item{}, err
	}
	dir, err := os.MkdirTemp(s.dir, ".new-")
	if err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", id, err)
	}
	defer os.RemoveAll(dir)
	lock, err := lockItem(dir)
	if err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", id, err)
	}
	defer lock.Close()
	b, err := copyBundle(filepath.Join(dir, bundleName), path)
	if err != nil {
		return Item{}, fmt.Errorf("queue %s: %w: nothing was queued", id, err)
	}
	b.ID, b.UUID = id, uuid
	if err := b.Check(); err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", path, err)
	}
	now := s.opt.Now().UTC().Truncate(time.Microsecond) // by which they are listed in order
	it := Item{Schema: itemSchema, Bundle: b, State: Queued, QueuedAt: now, GiveUpAt: now.Add(s.opt.Expire)}
	set(&it)
	if err := writeItem(dir, it); err != nil {
		return Item{}, fmt.Errorf("queue %s: %w: nothing was queued", id, err)
	}
	if err := os.Rename(dir, final); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return s.again(final, path)
		}
		return Item{}, fmt.Errorf("queue %s: %w", id, err)
	}
	if err := store.SyncDir(s.dir); err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", id, err)
	}
	it.Path = filepath.Join(final, bundleName)
	return it, nil
}

// again answers an Add of a bundle the spool has.
func (s *Spool) again(dir, path string) (Item, error) {
	it, err := s.look(dir)
	if err != nil {
		return Item{}, fmt.Errorf("queue %s: the spool has this bundle, damaged: %w: move %s away and send again", path, err, dir)
	}
	b, err := Describe(path, it.ID, it.UUID)
	if err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", path, err)
	}
	if b != it.Bundle {
		return Item{}, fmt.Errorf("queue %s: the spool has another file under the name %s: one of the two is damaged", path, it.ID)
	}
	// Its name may not be durable: that is what failed when it came before.
	if err := store.SyncDir(s.dir); err != nil {
		return Item{}, fmt.Errorf("queue %s: %w", path, err)
	}
	return it, nil
}

// room refuses a bundle that does not fit the spool's limit.
func (s *Spool) room(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("queue %s: not a regular file", path)
	}
	its, err := s.List()
	if err != nil {
		return err
	}
	used := int64(0)
	for _, it := range its {
		used += it.Size
	}
	if used+st.Size() > s.opt.MaxBytes {
		return fmt.Errorf("queue %s: the spool holds %d of at most %d bytes and this file has %d: to make room: vmappliance outbox prune; to allow more: record.limits.spool of the configuration", path, used, s.opt.MaxBytes, st.Size())
	}
	return nil
}

func copyBundle(dst, src string) (Bundle, error) {
	in, err := os.Open(src)
	if err != nil {
		return Bundle{}, err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Bundle{}, err
	}
	defer out.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), in)
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = out.Close()
	}
	return Bundle{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// look reads an entry as it stands now: "sending" without a sender is queued again.
func (s *Spool) look(dir string) (Item, error) {
	it, err := readItem(dir)
	if err == nil && it.State == Sending && !locked(dir) {
		it.State, it.Reason = Queued, "the last try was cut off"
	}
	return it, err
}

// List returns all entries, oldest first, damaged ones with state Damaged and the
// reason.
func (s *Spool) List() ([]Item, error) {
	es, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list spool: %w", err)
	}
	var its []Item
	for _, e := range es {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		dir := filepath.Join(s.dir, e.Name())
		it, err := s.look(dir)
		if err != nil {
			if _, gone := os.Lstat(dir); errors.Is(gone, fs.ErrNotExist) {
				continue
			}
			id, uuid, _ := strings.Cut(e.Name(), ".")
			it = Item{Bundle: Bundle{ID: id, UUID: uuid}, State: Damaged, Path: filepath.Join(dir, bundleName),
				Reason: oneLine(err.Error()), Fix: "look at " + dir + "; nothing there is deleted"}
		}
		its = append(its, it)
	}
	slices.SortStableFunc(its, func(a, b Item) int { return a.QueuedAt.Compare(b.QueuedAt) })
	return its, nil
}

// Find is the entry called by id or uuid.
func (s *Spool) Find(ref string) (Item, error) {
	dir, err := s.find(ref)
	if err != nil {
		return Item{}, err
	}
	return s.look(dir)
}

// find returns the directory of the entry called by id or uuid.
func (s *Spool) find(ref string) (string, error) {
	es, err := os.ReadDir(s.dir)
	if err != nil {
		return "", fmt.Errorf("read spool: %w", err)
	}
	var hits []string
	for _, e := range es {
		id, uuid, _ := strings.Cut(e.Name(), ".")
		if ref != "" && (ref == id || ref == uuid || ref == e.Name()) {
			hits = append(hits, e.Name())
		}
	}
	switch len(hits) {
	case 0:
		return "", store.Missing(fmt.Sprintf("report %.60q is not in the outbox; to see what is there: vmappliance outbox list", ref))
	case 1:
		return filepath.Join(s.dir, hits[0]), nil
	}
	return "", fmt.Errorf("%q names %d bundles: use one of %s", ref, len(hits), strings.Join(hits, ", "))
}

// change applies f to an entry under its lock and makes the result durable.
func (s *Spool) change(ref, verb string, f func(*Item) error) (Item, error) {
	dir, err := s.find(ref)
	if err != nil {
		return Item{}, fmt.Errorf("%s: %w", verb, err)
	}
	lock, err := lockItem(dir)
	if err != nil {
		return Item{}, fmt.Errorf("%s %s: %w", verb, ref, err)
	}
	defer lock.Close()
	it, err := readItem(dir)
	if err == nil {
		err = f(&it)
	}
	if err == nil {
		err = writeItem(dir, it)
	}
	if err != nil {
		return it, fmt.Errorf("%s %s: %w", verb, ref, err)
	}
	return it, nil
}

// Retry makes an entry due at once, and gives an expired, stopped or cancelled one
// its full time again. A sent one is left as it is.
func (s *Spool) Retry(ref string) (Item, error) {
	return s.change(ref, "retry", func(it *Item) error {
		switch it.State {
		case Sent:
			return nil
		case Held:
			return ErrHeld
		}
		it.State, it.Attempts, it.NextTry = Queued, 0, time.Time{}
		it.GiveUpAt = s.opt.Now().UTC().Truncate(time.Second).Add(s.opt.Expire)
		return nil
	})
}

// Release has a held entry sent, or one that was cancelled; others stay as they are.
func (s *Spool) Release(ref string) (Item, error) {
	return s.change(ref, "send", func(it *Item) error {
		if it.State == Held || it.State == Cancelled {
			it.State, it.Reason, it.Fix = Queued, "", ""
			it.GiveUpAt = s.opt.Now().UTC().Truncate(time.Second).Add(s.opt.Expire)
		}
		return nil
	})
}

// Hold keeps an entry from being sent before Release, unless it was sent or
// cancelled; why says what it waits for.
func (s *Spool) Hold(ref, why string) (Item, error) {
	return s.change(ref, "hold", func(it *Item) error {
		if it.State != Sent && it.State != Cancelled {
			it.State, it.Reason, it.Fix, it.NextTry = Held, why, "", time.Time{}
		}
		return nil
	})
}

// Learn notes what became of an entry at the vendor.
func (s *Spool) Learn(ref string, st Status) (Item, error) {
	return s.change(ref, "note the status of", func(it *Item) error {
		it.Status = st
		return nil
	})
}

// Cancel keeps an entry from being sent; its file stays until Prune.
func (s *Spool) Cancel(ref string) (Item, error) {
	return s.change(ref, "cancel", func(it *Item) error {
		if it.State == Sent {
			return errors.New("all of it has been sent")
		}
		it.State, it.Reason, it.Fix = Cancelled, "cancelled", "to send it after all: vmappliance send "+it.ID
		return nil
	})
}

// Export copies an entry's bundle to path, which must not exist.
func (s *Spool) Export(ref, path string) (Item, error) {
	dir, err := s.find(ref)
	if err != nil {
		return Item{}, fmt.Errorf("export: %w", err)
	}
	it, err := s.look(dir)
	if err != nil {
		return it, fmt.Errorf("export %s: %w", ref, err)
	}
	b, err := copyBundle(path, it.Path)
	if err == nil && b.SHA256 != it.SHA256 {
		err = fmt.Errorf("%s in the spool is damaged: its SHA-256 has changed since it was queued", it.Path)
	}
	if err == nil {
		err = store.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		if !errors.Is(err, fs.ErrExist) {
			os.Remove(path)
		}
		return it, fmt.Errorf("export %s: %w", ref, err)
	}
	return it, nil
}

// Prune removes entries that were sent or cancelled and not touched since t, and
// returns them. One that another process is at is left for another time.
func (s *Spool) Prune(t time.Time) (gone []Item, err error) {
	its, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, it := range its {
		if !it.stale(t) {
			continue
		}
		switch err := s.drop(filepath.Dir(it.Path), t); {
		case err == nil:
			gone = append(gone, it)
		case !errors.Is(err, ErrBusy) && !errors.Is(err, fs.ErrNotExist):
			return gone, fmt.Errorf("prune %s: %w", it.ID, err)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return gone, store.SyncDir(s.dir)
}

// stale reports whether nobody will want the entry any more.
func (it Item) stale(t time.Time) bool {
	return (it.State == Sent || it.State == Cancelled) && it.QueuedAt.Before(t) && it.TriedAt.Before(t)
}

// drop removes an entry that is stale still, now that it is locked. It goes by one
// rename, so that it is never there by halves; OpenSpool clears what a kill leaves.
func (s *Spool) drop(dir string, t time.Time) error {
	lock, err := lockItem(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	it, err := readItem(dir)
	if err != nil {
		return err
	}
	if !it.stale(t) {
		return ErrBusy
	}
	gone := filepath.Join(s.dir, ".new-"+filepath.Base(dir))
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}
