package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vmrecord/bundle/store"
)

const (
	format      = "vmrecording/1"
	metaFile    = "recording.json"
	sectionFile = "sections"
	pageFile    = "pages"
	summaryFile = "summary.json"
	labelFile   = "label.json"
	tapeDir     = "tape"
	pagesDir    = "pages" // of the shelf
	partExt     = ".part"
	segExt      = ".seg"
	dropExt     = ".drop"
	ringExt     = ".ring" // an epoch of a ring
	saveExt     = ".save" // a recording that is being made of epochs

	// sweepSlack is how much the store may grow before what nobody needs any
	// more is looked for: a dropped recording's pages are mostly wanted again
	// by the next.
	sweepSlack = 256 << 20
)

// Limits bound a shelf; 0 means no bound.
type Limits struct {
	Bytes int64 // of pages and tapes on disk
	Kept  int   // recordings
}

// A LimitError says which limit was met and what can be done.
type LimitError struct {
	What        string
	Have, Limit int64
	Next        string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d, the limit is %d; %s", e.What, e.Have, e.Limit, e.Next)
}

// ErrInUse is a shelf that another program has opened.
var ErrInUse = errors.New("another program records there; end it, or choose another folder")

// A Shelf is a directory of recordings, opened by the one program that adds to it.
type Shelf struct {
	dir    string
	files  store.Files
	limits Limits
	pages  *store.Store
	unlock func() error

	mu    sync.Mutex
	next  int
	tapes int64        // bytes of all recordings but their pages
	swept int64        // bytes of the store after the last sweep
	last  []store.Hash // pages of the last recording, kept or not
	whole bool         // all of these are in the store
	err   error        // of work in the background
	work  sync.WaitGroup
}

// OpenShelf opens a shelf for writing, makes it if needed, and recovers what a
// crash left behind.
func OpenShelf(dir string, l Limits) (*Shelf, error) { return openShelf(dir, l, store.Disk{}) }

func openShelf(dir string, l Limits, files store.Files) (*Shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open recordings %s: %w", dir, err)
	}
	s := &Shelf{dir: dir, files: files, limits: l, unlock: unlock}
	if s.pages, err = store.Open(filepath.Join(dir, pagesDir), files); err == nil {
		err = s.recover()
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("open recordings %s: %w", dir, err)
	}
	s.swept = s.pages.Bytes()
	return s, nil
}

// recover finishes what was under way when the last program ended.
func (s *Shelf) recover() error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		n, ext, ok := number(e.Name())
		if !ok {
			continue
		}
		s.next = max(s.next, n)
		dir := filepath.Join(s.dir, e.Name())
		switch ext {
		case "":
		case ringExt:
			continue
		default:
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			continue
		}
		s.salvage(dir)
	}
	if err := s.recoverRing(); err != nil {
		return err
	}
	s.tapes = measure(s.dir)
	return nil
}

// number takes the name of a recording's directory apart. With ext it is none,
// but on its way to one or from one.
func number(name string) (n int, ext string, ok bool) {
	ext = filepath.Ext(name)
	base := strings.TrimSuffix(strings.TrimSuffix(name, ext), ringExt) // an epoch is dropped, too
	if ext != "" && ext != dropExt && ext != ringExt && ext != saveExt {
		return 0, "", false
	}
	_, err := fmt.Sscanf(base, "%06d", &n)
	return n, ext, err == nil && n > 0 && dirName(n) == base
}

func dirName(n int) string { return fmt.Sprintf("%06d", n) }

// measure adds up the files of a shelf or of a recording, without pages.
func measure(dir string) (n int64) {
	filepath.Walk(dir, func(path string, i os.FileInfo, err error) error {
		switch {
		case err != nil:
			return nil
		case i.IsDir() && path == filepath.Join(dir, pagesDir):
			return filepath.SkipDir
		case i.Mode().IsRegular():
			n += i.Size()
		}
		return nil
	})
	return n
}

// room tells whether a recording may grow to so many bytes of tape.
func (s *Shelf) room(tape int64) error {
	s.mu.Lock()
	have := s.tapes + tape
	s.mu.Unlock()
	if have += s.pages.Bytes(); s.limits.Bytes > 0 && have > s.limits.Bytes {
		return &LimitError{"bytes of recordings", have, s.limits.Bytes, "drop recordings (vmappliance recordings drop) or raise the limit"}
	}
	return nil
}

// note keeps the first error of the background.
func (s *Shelf) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// tidy runs behind every recording: it measures, and sweeps when it pays.
func (s *Shelf) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tapes = measure(s.dir)
	full := s.limits.Bytes > 0 && s.pages.Bytes()+s.tapes > s.limits.Bytes
	if full || s.pages.Bytes() >= 2*s.swept+sweepSlack {
		s.sweep()
	}
}

// Sweep gives back what only recordings dropped since have needed.
func (s *Shelf) Sweep() {
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
}

// sweep forgets the pages that no recording needs; the caller holds mu.
func (s *Shelf) sweep() {
	live := map[store.Hash]bool{}
	for _, h := range s.last {
		live[h] = true
	}
	entries, err := List(s.dir)
	if err != nil {
		return
	}
	epochs, err := ringDirs(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		epochs = append(epochs, filepath.Join(s.dir, e.Name))
	}
	for _, dir := range epochs {
		pages, err := readPages(dir)
		if err != nil {
			continue // it could not be replayed anyway
		}
		for _, h := range pages {
			live[h] = true
		}
	}
	if err := s.pages.Sweep(func(h store.Hash) bool { return live[h] }); err != nil && s.err == nil {
		s.err = err
	}
	s.swept = s.pages.Bytes()
}

// admit tells whether another recording may begin.
func (s *Shelf) admit() error {
	if err := s.room(0); err != nil {
		return err
	}
	if s.limits.Kept == 0 {
		return nil
	}
	entries, err := List(s.dir)
	if err != nil {
		return err
	}
	if n := len(entries); n >= s.limits.Kept {
		return &LimitError{"recordings kept", int64(n), int64(s.limits.Kept), "drop one (vmappliance recordings drop " + entries[0].Name + ") or raise the limit"}
	}
	return nil
}

// Drop removes a recording that is not being made.
func (s *Shelf) Drop(name string) error {
	if _, ext, ok := number(name); !ok || ext != "" {
		return fmt.Errorf("drop recording %q: there is no such recording; to see all: vmappliance recordings list", name)
	}
	if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
		return fmt.Errorf("drop recording %q: there is no such recording; to see all: vmappliance recordings list", name)
	}
	if err := remove(filepath.Join(s.dir, name)); err != nil {
		return fmt.Errorf("drop recording %s: %w", name, err)
	}
	s.tidy()
	return nil
}

// Bytes is what the shelf takes on disk, pages and tapes.
func (s *Shelf) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages.Bytes() + s.tapes
}

// Dir is the directory of a recording on this shelf.
func (s *Shelf) Dir(name string) string { return filepath.Join(s.dir, name) }

// Close waits for the background and closes the shelf; recordings must have
// been stopped.
func (s *Shelf) Close() error {
	s.work.Wait()
	return errors.Join(s.err, s.pages.Close(), s.unlock())
}

// An Entry is a recording on a shelf, for listings.
type Entry struct {
	Name    string  `json:"name"`
	Meta    Meta    `json:"meta"`
	Summary Summary `json:"summary"`
	Label   Label   `json:"label,omitzero"`
	Open    bool    `json:"open"`           // being made, or not yet recovered
	Err     string  `json:"error,omitzero"` // why it cannot be used
}

// List lists a shelf by name, oldest first; it may be in use.
func List(dir string) (all []Entry, err error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	for _, n := range names {
		if _, ext, ok := number(n.Name()); !ok || ext != "" {
			continue
		}
		e, d := Entry{Name: n.Name()}, filepath.Join(dir, n.Name())
		if e.Meta, err = readMeta(d); err != nil {
			e.Err = err.Error()
		}
		if e.Label, err = readLabel(d); err != nil {
			e.Err = err.Error()
		}
		b, err := limited(filepath.Join(d, summaryFile), maxMetaBytes)
		if e.Open = err != nil; !e.Open {
			if err := json.Unmarshal(b, &e.Summary); err != nil {
				e.Err = err.Error()
			}
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
