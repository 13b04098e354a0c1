package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

const maxMetaBytes = 4 << 20

// A Recorded is a recording on disk, opened for reading.
type Recorded struct {
	Meta     Meta
	Sections []vmm.Section
	Pages    []store.Hash // of all pages; store.Zero for those of zeros
	dir      string
	store    *store.Store
}

// Read opens the recording in a directory of a shelf. It may be one that is
// being made: what is on disk of its tape is read.
func Read(dir string) (*Recorded, error) {
	r := &Recorded{dir: dir}
	var err error
	if r.Meta, err = readMeta(dir); err != nil {
		return nil, err
	}
	b, err := blocks(filepath.Join(dir, sectionFile), 64<<20)
	if err == nil {
		r.Sections, err = ParseSections(b)
	}
	if err != nil {
		return nil, fmt.Errorf("recording %s: %s: %w", dir, sectionFile, err)
	}
	if r.Pages, err = readPages(dir); err != nil {
		return nil, err
	}
	if r.store, err = store.OpenReader(filepath.Join(dir, "..", pagesDir)); err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	return r, nil
}

func readMeta(dir string) (m Meta, err error) {
	b, err := limited(filepath.Join(dir, metaFile), maxMetaBytes)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("recording %s: %s: %w", dir, metaFile, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("recording %s: its format is %q, this program reads %q", dir, m.Format, format)
	}
	return m, nil
}

func readPages(dir string) ([]store.Hash, error) {
	b, err := blocks(filepath.Join(dir, pageFile), MaxPages*40)
	var pages []store.Hash
	if err == nil {
		pages, err = parsePages(b, store.Zero())
	}
	if err != nil {
		return nil, fmt.Errorf("recording %s: page list: %w", dir, err)
	}
	return pages, nil
}

func limited(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// blocks reads the content of a small file of blocks.
func blocks(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(store.NewBlocks(f, store.NewCoder(true)), most))
}

// Page copies a page of the snapshot to p.
func (r *Recorded) Page(h store.Hash, p []byte) error { return r.store.Get(h, p) }

// Bytes is what the recording takes on disk: its own files, and the pages of its
// snapshot, shared with others or not.
func (r *Recorded) Bytes() (n int64, err error) {
	seen := map[store.Hash]bool{}
	for _, h := range r.Pages {
		if !seen[h] {
			seen[h] = true
			n += r.store.Cost(h)
		}
	}
	return n + measure(r.dir), nil
}

// Complete tells whether every page of the snapshot is there.
func (r *Recorded) Complete() error {
	for i, h := range r.Pages {
		if !r.store.Has(h) {
			return fmt.Errorf("recording %s: page %d of its snapshot is missing: %w", r.dir, i, ErrLost)
		}
	}
	return nil
}

// Close closes the page store.
func (r *Recorded) Close() error { return r.store.Close() }

// Tape opens the tape: the content of all segments. The last one, if it is not
// sealed, is read up to its last whole block.
func (r *Recorded) Tape() (io.ReadCloser, error) { return openTape(r.dir) }

func openTape(dir string) (io.ReadCloser, error) {
	names, err := segments(dir)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	t := new(segmented)
	c := store.NewCoder(true)
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("recording %s: %w", dir, err)
		}
		t.files = append(t.files, f)
		b := store.NewBlocks(f, c)
		b.Lenient = strings.HasSuffix(n, partExt)
		t.readers = append(t.readers, b)
	}
	t.Reader = io.MultiReader(t.readers...)
	return t, nil
}

// segments lists the files of a tape in order, without gaps.
func segments(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, tapeDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == segExt || ext == partExt {
			names = append(names, filepath.Join(dir, tapeDir, e.Name()))
		}
	}
	slices.Sort(names)
	for i, n := range names {
		base := strings.TrimSuffix(filepath.Base(n), filepath.Ext(n))
		if base != fmt.Sprintf("%06d", i+1) || filepath.Ext(n) == partExt && i != len(names)-1 {
			return nil, fmt.Errorf("segment %d of its tape is missing, or there twice", i+1)
		}
	}
	return names, nil
}

// RawTape is the content of the whole tape, refused if it has more bytes than most.
func (r *Recorded) RawTape(most int) ([]byte, error) {
	in, err := r.Tape()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err == nil && len(raw) > most {
		err = fmt.Errorf("its tape has more than %d bytes; to open it, make a bundle of it: vmbundle pack %s", most, r.dir)
	}
	return raw, err
}

type segmented struct {
	io.Reader
	readers []io.Reader
	files   []*os.File
}

func (t *segmented) Close() error {
	for _, f := range t.files {
		f.Close()
	}
	return nil
}

// salvage makes the recording in a folder whole again. One that cannot be made so
// stays, and List says why. It is tried again each time: what was missing may be back.
func (s *Shelf) salvage(dir string) {
	if _, err := salvage(dir); err != nil {
		s.note(saveSummary(dir, Summary{Name: filepath.Base(dir), Lost: err.Error()}))
	}
}

// salvage makes a recording that a crash interrupted whole again: its tape
// ends behind the last whole block, sealed without footer, and the recording
// is truncated. A sealed recording stays as it is. The summary is read from
// the tape in both cases, but for what only the one that is there can tell.
func salvage(dir string) (Summary, error) {
	sum, err := recoverAll(dir)
	if err != nil {
		return sum, err
	}
	was, err := readSummary(dir)
	if err == nil && was.Lost == "" && was.End == sum.End && was.Truncated == sum.Truncated {
		sum.Why, sum.Cause, sum.First, sum.Last, sum.Bytes = was.Why, was.Cause, was.First, was.Last, was.Bytes
	}
	if sum.Bytes == 0 {
		sum.Bytes = measure(dir)
	}
	if err == nil && was == sum {
		return sum, nil
	}
	return sum, saveSummary(dir, sum)
}

func recoverAll(dir string) (Summary, error) {
	sum, err := recoverTape(dir)
	if err != nil {
		return sum, fmt.Errorf("recover recording %s: %w", dir, err)
	}
	r, err := Read(dir)
	if err != nil {
		return sum, err
	}
	defer r.Close()
	return sum, r.Complete()
}

func recoverTape(dir string) (Summary, error) {
	names, err := segments(dir)
	if err != nil {
		return Summary{}, err
	}
	if n := len(names); n > 0 && strings.HasSuffix(names[n-1], partExt) {
		if err := sealCut(names[n-1]); err != nil {
			return Summary{}, err
		}
	}
	return summarize(dir)
}

// sealCut cuts an unfinished segment behind its last whole block and seals it.
func sealCut(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := store.NewBlocks(f, store.NewCoder(true))
	b.Lenient = true
	if _, err := io.Copy(io.Discard, b); err != nil {
		return err
	}
	if err := f.Truncate(b.Good()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	var d store.Disk
	if err := d.Rename(name, strings.TrimSuffix(name, partExt)+segExt); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(name))
}

// summarize reads a whole tape.
func summarize(dir string) (s Summary, err error) {
	s.Name = filepath.Base(dir)
	in, err := openTape(dir)
	if err != nil {
		return s, err
	}
	defer in.Close()
	t, err := tape.NewReader(in)
	if err != nil {
		return s, err
	}
	s.Start, s.End = t.Header().Start, t.Header().Start
	var f tape.Frame
	for err == nil {
		if f, err = t.Next(); err != nil {
			break
		}
		s.Frames = t.Frames
		switch s.End = f.Pos; f.Kind {
		case tape.KindInput:
			s.End.Inputs++
		case tape.KindHeartbeat:
			s.Retired = f.Beat.Retired
		case tape.KindMark:
			if f.MarkKind == tape.Fail {
				s.Failure = f.Text
			}
		case tape.KindFooter:
			s.fill(*f.Footer)
		}
	}
	if errors.Is(err, tape.ErrTruncated) {
		s.Inputs, s.Heartbeats = t.Counts.Inputs, t.Counts.Heartbeats
		s.Kept, s.Truncated, s.Cause = true, true, "the recording was interrupted"
		err = nil
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return s, err
}

func readSummary(dir string) (s Summary, err error) {
	b, err := limited(filepath.Join(dir, summaryFile), maxMetaBytes)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// saveSummary replaces the summary, which is only for listings.
func saveSummary(dir string, s Summary) error {
	if err := replaceJSON(dir, summaryFile, s); err != nil {
		return fmt.Errorf("save summary: %w", err)
	}
	return nil
}
