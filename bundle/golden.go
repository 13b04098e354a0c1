package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
)

// Golden makes a golden of the state with which a bundle begins: a base of its
// memory, in the order of addresses, and a start. progress is told of pages done; it
// may be nil. A file of that name is replaced.
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
	secs, err := b.Sections()
	if err != nil {
		return i, err
	}
	m, r := b.man.Machine, b.man.Recording
	g := &goldenWriter{name: named(r), pages: b.man.Snapshot.Pages, page: b.Page, progress: progress,
		start: Start{Model: m.Model, Machine: m.Config, Boot: r.Boot, sections: secs}}
	return g.write(out)
}

// GoldenOf makes a golden of a machine that stands still. Of meta it takes the
// appliance, and what builds its machine and what that booted.
func GoldenOf(m *vmm.Machine, meta recording.Meta, out string, progress func(done, total int)) (base.Info, error) {
	g := &goldenWriter{name: named(meta), pages: m.Mem.Size() / pageBytes, progress: progress,
		page:  func(no uint64, p []byte) error { m.Mem.Read(no*pageBytes, p); return nil },
		start: Start{Model: vmm.Model, Machine: meta.Machine, Boot: meta.Boot, sections: m.Save()}}
	i, err := g.write(out)
	if err != nil {
		return i, fmt.Errorf("make a golden of %s: %w", g.name, err)
	}
	return i, nil
}

func named(m recording.Meta) string { return fmt.Sprintf("%s %s", m.Appliance, m.Version) }

// A goldenWriter is what a golden is made of.
type goldenWriter struct {
	name     string
	start    Start // but for its map
	pages    uint64
	page     func(no uint64, p []byte) error
	progress func(done, total int)
}

func (g *goldenWriter) write(out string) (i base.Info, err error) {
	w, p := base.NewBuilder(), make([]byte, pageBytes)
	g.start.pages = make(pageMap, g.pages)
	for n := range g.pages {
		if g.progress != nil && n%1024 == 0 {
			g.progress(int(n), int(g.pages))
		}
		if err := g.page(n, p); err != nil {
			return i, err
		}
		g.start.pages[n] = w.Add(p)
	}
	start, err := g.start.append(nil)
	if err != nil {
		return i, err
	}
	f, err := store.CreateTemp(filepath.Dir(out), ".vmg-")
	if err != nil {
		return i, err
	}
	defer os.Remove(f.Name())
	i, err = w.Finish(f, base.Golden, g.name, start)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return i, err
	}
	var d store.Disk
	return i, errors.Join(d.Rename(f.Name(), out), d.SyncDir(filepath.Dir(out)))
}
