package recording

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// Meta says what is recorded; it goes into the bundle.
type Meta struct {
	Format    string            `json:"format"` // set by Start
	Feature   string            `json:"feature,omitzero"`
	Appliance string            `json:"appliance,omitzero"`
	Version   string            `json:"version,omitzero"` // of the appliance
	Source    string            `json:"source,omitzero"`  // revision of the recording program
	Created   int64             `json:"created,omitzero"` // Unix seconds
	Machine   string            `json:"machine"`          // the configuration that builds the machine again
	Console   string            `json:"console,omitzero"` // outlet whose bytes Console is told of
	Boot      string            `json:"boot,omitzero"`    // digest of what the machine booted, by who booted it
	Facts     map[string]string `json:"facts,omitzero"`
	Branch    *Branch           `json:"branch,omitzero"` // nil: the machine ran live from power-on
}

// A Branch says where a recording left another one: a replay went live there.
type Branch struct {
	ID     string       `json:"id"`     // of this recording
	Parent string       `json:"parent"` // id of the other: a bundle's or a branch's
	At     vmm.Position `json:"position"`
}

// Options say how to record.
type Options struct {
	Meta   Meta
	Period uint64 // retired instructions between heartbeats; 0: tape.DefaultPeriod
	Seed   uint64
	Keys   func(vmm.Input) uint64 // how many keys an input stands for; nil: none
	Every  time.Duration          // between syncs of the tape; 0: one second
	Stirs  bool                   // vmm.InletEntropy may get inputs
	Tail   *Tail                  // of the console, which the caller writes to; nil: none
}

// A Summary is what became of a recording.
type Summary struct {
	Name         string       `json:"name"`
	Kept         bool         `json:"kept"`
	Why          string       `json:"why,omitzero"`
	Truncated    bool         `json:"truncated"`
	Cause        string       `json:"cause,omitzero"`   // of the truncation, or of trouble at the end
	Failure      string       `json:"failure,omitzero"` // the last one marked
	Lost         string       `json:"lost,omitzero"`    // why nothing of it can be used
	Start        vmm.Position `json:"start"`
	End          vmm.Position `json:"end"`
	Retired      uint64       `json:"retired"`
	Inputs       uint64       `json:"inputs"`
	Heartbeats   uint64       `json:"heartbeats"`
	Keys         uint64       `json:"keys"`
	Frames       uint64       `json:"frames"` // of the tape
	ConsoleBytes uint64       `json:"consoleBytes"`
	EndHash      string       `json:"endHash,omitzero"`      // hex; none if truncated
	Bytes        int64        `json:"bytes"`                 // on disk: tape and new pages
	First        string       `json:"consoleFirst,omitzero"` // last lines on the console at the start
	Last         string       `json:"consoleLast,omitzero"`  // and at the end
}

// A Recording is one that is being made. Its methods belong to the goroutine
// that runs the machine and are called at boundaries; Status may be called by
// anyone.
type Recording struct {
	s      *Shelf
	m      *vmm.Machine
	w      *writer
	rec    *tape.Recorder
	name   string
	start  vmm.Position
	from   uint64 // retired at the start
	frozen *mem.Frozen
	sync   time.Time
	sunk   uint64 // frames at the last sync frame
	failed string // the last failure marked
	tail   *Tail
	first  Tail // at the start
}

// Start snapshots the machine at this boundary and begins to record. The guest
// waits for the hashes of the pages that it wrote since the last snapshot, but those
// that an Ahead made; memory is written while it runs.
func (s *Shelf) Start(m *vmm.Machine, o Options) (*Recording, error) {
	if err := s.admit(); err != nil {
		return nil, fmt.Errorf("start recording: %w", err)
	}
	return s.begin(m, o, "")
}

// begin is Start, in a directory whose name ends with ext.
func (s *Shelf) begin(m *vmm.Machine, o Options, ext string) (*Recording, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	name := dirName(s.next) + ext
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Join(dir, tapeDir), 0o700); err != nil {
		return nil, fmt.Errorf("start recording: %w", err)
	}
	m.TakeControl()
	zero, asked := store.Zero(), map[mem.Hash]bool{}
	stored := s.last
	if !s.whole || len(stored) != int(m.Mem.Size()/mem.PageBytes) {
		stored = nil
	}
	frozen := m.Mem.Freeze(func(p uint32, h mem.Hash) bool {
		// Most pages did not change, and the store need not be asked.
		if h == zero || stored != nil && stored[p] == h || asked[h] || s.pages.Has(h) {
			return false
		}
		asked[h] = true
		return true
	})
	s.last, s.whole = frozen.Hash, false
	w := &writer{dir: dir, s: s, coder: store.NewCoder(true), every: o.Every, hashes: frozen.Hash,
		pages: make(chan mem.Page, queuePages), kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	w.head = header(s, dir, o.Meta, m.Save(), frozen.Hash)
	r := &Recording{s: s, m: m, w: w, name: name, start: m.Position(), from: m.Retired(), frozen: frozen, sync: time.Now(), tail: o.Tail}
	if r.tail != nil {
		r.first = Tail{slices.Clone(r.tail.b)}
	}
	w.at = r.start
	var err error
	r.rec, err = tape.NewRecorder(m, sink{r}, tape.Options{Period: o.Period, Seed: o.Seed,
		Config: sha256.Sum256([]byte(o.Meta.Machine)), Keys: o.Keys, Stirs: o.Stirs})
	if err != nil {
		m.Mem.Release(frozen)
		return nil, errors.Join(fmt.Errorf("start recording: %w", err), remove(dir))
	}
	s.work.Go(w.run)
	return r, nil
}

// header returns what writes a recording's files other than the tape.
func header(s *Shelf, dir string, meta Meta, secs []vmm.Section, pages []store.Hash) func() error {
	return func() error {
		c := store.NewCoder(true)
		list := appendPages(nil, pages, store.Zero())
		var blocks []byte
		for len(list) > 0 {
			n := min(len(list), store.MaxBlock)
			blocks, list = c.Append(blocks, nil, list[:n]), list[n:]
		}
		return errors.Join(
			saveMeta(s.files, dir, meta),
			save(s.files, filepath.Join(dir, sectionFile), c.Append(nil, nil, AppendSections(nil, secs))),
			save(s.files, filepath.Join(dir, pageFile), blocks),
			s.files.SyncDir(dir), s.files.SyncDir(s.dir))
	}
}

func saveMeta(files store.Files, dir string, m Meta) error {
	m.Format = format
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return save(files, filepath.Join(dir, metaFile), append(b, '\n'))
}

// A sink takes the tape's frames with the position at which they were written.
type sink struct{ r *Recording }

func (k sink) Write(p []byte) (int, error) {
	k.r.w.mu.Lock()
	k.r.w.at = k.r.m.Position()
	k.r.w.mu.Unlock()
	return k.r.w.Write(p)
}

// Name is the recording's name on its shelf.
func (r *Recording) Name() string { return r.name }

// Status tells how far the recording has come.
func (r *Recording) Status() Status { return r.w.get() }

// Console is told of the bytes that the guest writes to its console.
func (r *Recording) Console(p []byte) { r.rec.Console(p) }

// Beat is called when the machine's Run returned vmm.Beat.
func (r *Recording) Beat() { r.rec.Beat() }

// Mark marks this position.
func (r *Recording) Mark(text string) { r.rec.Mark(text) }

// Fail marks the failure that the recording is about.
func (r *Recording) Fail(text string) {
	r.failed = text
	r.rec.Fail(text)
}

// Attr notes a fact.
func (r *Recording) Attr(key, value string) { r.rec.Attr(key, value) }

// Slice is called between two runs of the machine, some hundred times a
// second: it hands a few pages to the writer and has the tape made durable
// from time to time.
func (r *Recording) Slice() {
	st := r.w.get()
	if st.Err != nil {
		r.release()
		r.rec.Detach()
		return
	}
	if n := cap(r.w.pages) - len(r.w.pages); n > 0 {
		r.drain(n)
	}
	if time.Since(r.sync) >= r.w.every && st.Frames > r.sunk {
		r.rec.Sync()
		r.sunk, r.sync = st.Frames+1, time.Now()
		r.w.wake()
	}
}

// drain hands n pages over; the queue is closed behind the last.
func (r *Recording) drain(n int) (more bool) {
	if r.frozen == nil {
		return false
	}
	pages := r.m.Mem.Drain(r.frozen, n)
	for _, p := range pages {
		r.w.pages <- p
	}
	if len(pages) < n {
		r.release()
	}
	return r.frozen != nil
}

func (r *Recording) release() {
	if r.frozen != nil {
		r.m.Mem.Release(r.frozen)
		r.frozen = nil
		close(r.w.pages)
	}
}

// ErrLost is a recording of which nothing can be used.
var ErrLost = errors.New("the recording is lost: too little of it is on disk")

// Stop ends the recording. Dropped, it is removed behind the running guest.
// Kept, it is sealed: on disk and durable when Stop returns. If the disk failed
// in between, what was durable is kept, truncated, and the summary says why;
// only if that is nothing, the error is ErrLost.
func (r *Recording) Stop(keep bool, why string) (Summary, error) {
	sum := Summary{Name: r.name, Kept: keep, Why: why, Failure: r.failed, Start: r.start, End: r.m.Position(), Retired: r.m.Retired() - r.from}
	if !keep {
		r.rec.Detach()
		r.w.mu.Lock()
		r.w.drop = true
		r.w.mu.Unlock()
		r.release()
		_, c := r.rec.Written()
		sum.Inputs, sum.Heartbeats, sum.Keys, sum.Bytes = c.Inputs, c.Heartbeats, c.Keys, r.w.get().Bytes
		close(r.w.stop)
		return sum, nil
	}
	f, err := r.seal(true, why)
	<-r.w.done
	st := r.w.get()
	if st.Err != nil {
		err = st.Err
	}
	if err != nil && !st.Snapshot {
		return sum, fmt.Errorf("recording %s: %w (%w)", r.name, ErrLost, err)
	}
	if err != nil {
		cause := err
		found, err := recoverAll(r.s.Dir(r.name))
		switch {
		case err == nil:
			sum = found
		case st.Durable == 0:
			return sum, fmt.Errorf("recording %s: %w (%w)", r.name, ErrLost, cause)
		default: // the disk fails still; what is durable is recovered when the shelf is opened
			sum.Truncated, sum.End, sum.Frames = true, st.At, st.Durable
		}
		sum.Why, sum.Cause = why, cause.Error()
	} else {
		sum.fill(f)
		sum.Frames, sum.Bytes = st.Frames, st.Bytes
	}
	if r.tail != nil {
		sum.First, sum.Last = r.first.Lines(), r.tail.Lines()
	}
	// The summary is for listings; without it the recording is still whole.
	r.s.note(saveSummary(r.s.Dir(r.name), sum))
	return sum, nil
}

// seal ends the tape; the writer goes on until it is on disk.
func (r *Recording) seal(keep bool, why string) (tape.Footer, error) {
	for !r.w.failed() && r.drain(queuePages) {
	}
	r.release()
	f, err := r.rec.Stop(keep, false, why)
	close(r.w.stop)
	return f, err
}

// fill takes what a footer says.
func (s *Summary) fill(f tape.Footer) {
	s.Inputs, s.Heartbeats, s.Keys, s.ConsoleBytes = f.Frames.Inputs, f.Frames.Heartbeats, f.Frames.Keys, f.ConsoleBytes
	s.Retired, s.EndHash = f.Retired, fmt.Sprintf("%x", f.End)
	s.Kept, s.Why, s.Truncated = f.Kept, f.Why, f.Truncated
}
