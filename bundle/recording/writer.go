package recording

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

const (
	queuePages   = 512     // between the engine and the writer
	flushBytes   = 4 << 20 // of tape: written before the second is over
	maxBuffered  = 64 << 20
	segmentBytes = 64 << 20
)

// A Status is how far a recording has come.
type Status struct {
	Frames   uint64       // of the tape, recorded
	Durable  uint64       // of these, readable after a power cut; 0 until the snapshot is
	At       vmm.Position // of the last durable frame
	Snapshot bool         // the snapshot is durable
	Bytes    int64        // on disk: of the tape and of new pages
	Err      error        // why nothing more is recorded, if so
}

// A writer is the background half of a recording.
type writer struct {
	dir    string
	s      *Shelf
	coder  *store.Coder
	every  time.Duration
	hashes []store.Hash // of all pages at the start
	head   func() error // writes what does not change: description, sections, page list

	pages chan mem.Page // closed when the whole snapshot was handed over
	kick  chan struct{}
	stop  chan struct{}
	done  chan struct{}

	seg     store.File
	segNo   int
	segSize int64

	mu     sync.Mutex
	buf    []byte
	at     vmm.Position // of the last frame in buf
	tape   int64        // bytes of it on disk
	status Status
	synced struct {
		frames uint64
		at     vmm.Position
	}
	drop bool
}

// Write takes one frame of the tape.
func (w *writer) Write(frame []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.Err == nil && len(w.buf)+len(frame) > maxBuffered {
		w.status.Err = fmt.Errorf("the disk is too slow: %d MiB of tape are waiting", maxBuffered>>20)
	}
	if w.status.Err != nil {
		w.buf = nil
		return 0, w.status.Err
	}
	w.buf = append(w.buf, frame...)
	w.status.Frames++
	if len(w.buf) > flushBytes {
		w.wake()
	}
	return len(frame), nil
}

// wake has the tape written soon.
func (w *writer) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *writer) fail(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.Err == nil {
		w.status.Err = err
	}
	w.buf = nil
}

func (w *writer) failed() bool { return w.get().Err != nil }

func (w *writer) get() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

func (w *writer) dropping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.drop
}

// count adds to the bytes on disk and ends the recording at the shelf's limit.
func (w *writer) count(pages, tape int64) {
	w.mu.Lock()
	w.status.Bytes += pages + tape
	w.tape += tape
	all := w.tape
	w.mu.Unlock()
	w.fail(w.s.room(all))
}

// run is the writer goroutine.
func (w *writer) run() {
	defer close(w.done)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	w.fail(w.head())
	pages := w.pages
	for stop := false; !stop; {
		select {
		case p, more := <-pages:
			if !more {
				pages = nil
				w.snapshot()
				continue
			}
			w.put(p)
		case <-tick.C:
			w.flush()
		case <-w.kick:
			w.flush()
		case <-w.stop:
			stop = true
		}
	}
	if pages != nil {
		for p := range pages {
			w.put(p)
		}
		w.snapshot()
	}
	w.finish()
}

func (w *writer) put(p mem.Page) {
	if w.dropping() || w.failed() {
		return
	}
	before := w.s.pages.Bytes()
	w.fail(w.s.pages.Put(w.hashes[p.No], p.Data))
	w.count(max(0, w.s.pages.Bytes()-before), 0)
}

// snapshot makes the snapshot durable; every page was put.
func (w *writer) snapshot() {
	if w.dropping() || w.failed() {
		return
	}
	if err := w.s.pages.Sync(); err != nil {
		w.fail(err)
		return
	}
	w.s.mu.Lock()
	if len(w.hashes) > 0 && len(w.s.last) > 0 && &w.hashes[0] == &w.s.last[0] {
		w.s.whole = true
	}
	w.s.mu.Unlock()
	w.mu.Lock()
	w.status.Snapshot = true
	w.status.Durable, w.status.At = w.synced.frames, w.synced.at
	w.mu.Unlock()
}

// flush writes the waiting frames and makes them durable.
func (w *writer) flush() {
	w.mu.Lock()
	b, frames, at := w.buf, w.status.Frames, w.at
	w.buf = nil
	if w.drop || w.status.Err != nil {
		b = nil
	}
	w.mu.Unlock()
	if len(b) == 0 {
		return
	}
	if err := w.write(b); err != nil {
		w.fail(fmt.Errorf("write tape: %w", err))
		return
	}
	w.mu.Lock()
	w.synced.frames, w.synced.at = frames, at
	if w.status.Snapshot {
		w.status.Durable, w.status.At = frames, at
	}
	w.mu.Unlock()
}

func (w *writer) segment(ext string) string {
	return filepath.Join(w.dir, tapeDir, fmt.Sprintf("%06d%s", w.segNo, ext))
}

// write appends frames to the segment, beginning one where needed.
func (w *writer) write(b []byte) error {
	if w.seg == nil {
		w.segNo++
		f, err := w.s.files.Create(w.segment(partExt))
		if err != nil {
			return err
		}
		w.seg, w.segSize = f, 0
		if err := w.s.files.SyncDir(filepath.Join(w.dir, tapeDir)); err != nil {
			return err
		}
	}
	var out []byte
	for len(b) > 0 {
		n := min(len(b), flushBytes)
		out = w.coder.Append(out, nil, b[:n])
		b = b[n:]
	}
	if _, err := w.seg.Write(out); err != nil {
		return err
	}
	if err := w.seg.Sync(); err != nil {
		return err
	}
	w.segSize += int64(len(out))
	w.count(0, int64(len(out)))
	if w.segSize >= segmentBytes {
		return w.seal()
	}
	return nil
}

// seal ends the segment, which is durable.
func (w *writer) seal() error {
	if w.seg == nil {
		return nil
	}
	err := w.seg.Close()
	w.seg = nil
	if err != nil {
		return err
	}
	if err := w.s.files.Rename(w.segment(partExt), w.segment(segExt)); err != nil {
		return err
	}
	return w.s.files.SyncDir(filepath.Join(w.dir, tapeDir))
}

// finish ends the recording on disk: sealed, given up, or removed.
func (w *writer) finish() {
	w.flush()
	if !w.dropping() && !w.failed() {
		w.fail(w.seal())
	}
	if w.seg != nil {
		w.seg.Close()
		w.seg = nil
	}
	switch st := w.get(); {
	case w.dropping() || !st.Snapshot:
		w.s.note(remove(w.dir))
	case st.Err != nil:
		if _, err := recoverAll(w.dir); err != nil && st.Durable == 0 { // not even the tape's header is there
			w.s.note(remove(w.dir))
		}
	}
	w.s.tidy()
}

// remove takes a recording off the shelf. The name goes first, so that half a
// recording is never taken for one.
func remove(dir string) error {
	gone := dir + dropExt
	if err := os.Rename(dir, gone); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.RemoveAll(gone)
}

// save writes a small file and makes it durable.
func save(files store.Files, name string, b []byte) error {
	f, err := files.Create(name)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
