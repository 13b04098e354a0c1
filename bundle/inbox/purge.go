package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"vmrecord/bundle/store"
)

// Purge removes a report, whole or begun, with all that lies beside it.
func (b *Inbox) Purge(ref string) (Report, error) {
	unlock, err := b.lock()
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	r, err := b.Show(ref)
	if err != nil {
		return r, err
	}
	return r, b.remove(r)
}

// PurgeBefore removes the reports whose first part came before t, and returns
// them. Damaged ones stay: somebody has to look at them.
func (b *Inbox) PurgeBefore(t time.Time) (gone []Report, err error) {
	unlock, err := b.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	all, err := b.List()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.State == Damaged || !r.First.Before(t) {
			continue
		}
		if err := b.remove(r); err != nil {
			return gone, err
		}
		gone = append(gone, r)
	}
	return gone, nil
}

// remove takes a report's folder away: whatever ends the program then, Open clears
// the rest. The caller holds the lock.
func (b *Inbox) remove(r Report) error {
	dir := b.path("partial", key(r.Bundle))
	switch r.State {
	case Complete:
		dir = filepath.Dir(r.File)
	case Damaged:
		return fmt.Errorf("%s is damaged (%s): look at %s and remove it by hand", r.ID, r.Problem, r.File)
	}
	empty, err := b.takeAway(dir)
	if err != nil {
		return err
	}
	b.kept.add(r.Install, -r.Bytes-reportBytes)
	if r.State == Complete {
		// A bucket of this report alone has its name, and goes with it.
		if err := os.Remove(b.path("buckets", r.ID+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := b.forgetLetters(r); err != nil {
			return err
		}
	}
	return empty()
}

// takeAway takes a folder away, durably and by one rename, so that nothing of it is
// there by halves; empty removes what was in it. The caller holds the lock.
func (b *Inbox) takeAway(dir string) (empty func() error, err error) {
	tmp, err := os.MkdirTemp(b.path("tmp"), "new-")
	if err != nil {
		return nil, err
	}
	empty = func() error { return os.RemoveAll(tmp) }
	if err := os.Rename(dir, filepath.Join(tmp, "gone")); err != nil {
		return nil, errors.Join(err, empty())
	}
	return empty, store.SyncDir(filepath.Dir(dir))
}
