package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vmrecord/bundle/base"
	"vmrecord/bundle/store"
)

// Golden makes a base of the memory with which a bundle begins, in the order of
// addresses. progress is told of pages done; it may be nil. A file of that name is
// replaced.
func Golden(b *Bundle, out string, progress func(done, total int)) (base.Info, error) {
	i, err := golden(b, out, progress)
	if err != nil {
		return i, fmt.Errorf("make a golden of %s: %w", b.ID(), err)
	}
	return i, nil
}

func golden(b *Bundle, out string, progress func(done, total int)) (i base.Info, err error) {
	if err := b.Can(CanSeeAll, "making a golden"); err != nil {
		return i, err
	}
	w, p := base.NewBuilder(), make([]byte, pageBytes)
	total := b.man.Snapshot.Pages
	for n := range total {
		if progress != nil && n%1024 == 0 {
			progress(int(n), int(total))
		}
		if err := b.Page(n, p); err != nil {
			return i, err
		}
		w.Add(p)
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".vmg-")
	if err != nil {
		return i, err
	}
	defer os.Remove(f.Name())
	r := b.man.Recording
	i, err = w.Finish(f, base.Golden, fmt.Sprintf("%s %s", r.Appliance, r.Version))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return i, err
	}
	var d store.Disk
	return i, errors.Join(d.Rename(f.Name(), out), d.SyncDir(filepath.Dir(out)))
}
