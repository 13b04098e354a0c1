package tape

import (
	"crypto/sha256"
	"hash"
	"io"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

const (
	// DefaultPeriod is the usual number of retired instructions between heartbeats.
	DefaultPeriod = 1 << 26
	rootEvery     = 1 << 32 // retired instructions between RAM roots in periodic heartbeats
	stateEvery    = 1 << 30 // and between full states
)

// Options are what a machine cannot tell of itself.
type Options struct {
	Period uint64 // retired instructions between heartbeats; 0: DefaultPeriod
	Seed   uint64
	Config mem.Hash               // SHA-256 of the machine's configuration text
	Keys   func(vmm.Input) uint64 // how many keys an input stands for; nil: none
	Stirs  bool                   // vmm.InletEntropy may get inputs
}

// A Recorder writes the tape of a running machine. Between NewRecorder and
// Stop or Detach it owns the machine's Beat and listens on OnInput. Its methods
// are called at boundaries, that is between two calls of the machine's Run.
type Recorder struct {
	m      *vmm.Machine
	w      *Writer
	o      Options
	before func(vmm.Input)

	console  hash.Hash
	consoleN uint64
	rootAt   uint64 // retired instructions at the last periodic root
	stateAt  uint64
}

// NewRecorder writes a header and the first heartbeat and begins to record.
func NewRecorder(m *vmm.Machine, w io.Writer, o Options) (*Recorder, error) {
	if o.Period == 0 {
		o.Period = DefaultPeriod
	}
	m.TakeControl()
	c, inlets := m.Clock(), m.Inlets()
	if o.Stirs {
		inlets = append(inlets, vmm.InletEntropy)
	}
	tw, err := NewWriter(w, Header{Model: vmm.Model, Period: o.Period, Hz: c.Hz(), Epoch: c.Epoch(), Seed: o.Seed,
		Memory: m.Mem.Size(), Start: m.Position(), Retired: m.Retired(), Config: o.Config,
		Sections: m.SectionNames(), Inlets: inlets})
	if err != nil {
		return nil, err
	}
	r := &Recorder{m: m, w: tw, o: o, before: m.OnInput, console: sha256.New()}
	m.OnInput = r.input
	m.Beat = m.Retired() + o.Period
	r.heartbeat(BeatStart, true)
	return r, r.w.Err()
}

func (r *Recorder) input(in vmm.Input) {
	r.w.Input(in, r.m.RegDigest())
	if r.o.Keys != nil {
		r.w.Counts.Keys += r.o.Keys(in)
	}
	if r.before != nil {
		r.before(in)
	}
}

func (r *Recorder) retired() uint64 { return r.m.Retired() - r.w.h.Retired }

func (r *Recorder) heartbeat(k BeatKind, withRoot bool) {
	r.m.TakeControl() // a replay, too, is done with the request when it compares
	b := Heartbeat{Kind: k, Inputs: r.m.Inputs() - r.w.h.Start.Inputs, Retired: r.retired(), HasRoot: withRoot}
	b.Digests, _ = r.m.Digests()
	if withRoot {
		b.Root = r.m.Mem.Root()
	}
	r.w.Heartbeat(r.m.Now(), b)
}

// Beat is called when the machine's Run returned vmm.Beat.
func (r *Recorder) Beat() {
	n := r.retired()
	if r.m.Beat == 0 || n+r.w.h.Retired < r.m.Beat {
		return
	}
	if n-r.stateAt >= stateEvery {
		r.w.State(r.m.Now(), r.m.Save())
		r.stateAt = n
	}
	withRoot := n-r.rootAt >= rootEvery
	if withRoot {
		r.rootAt = n
	}
	r.heartbeat(BeatPeriodic, withRoot)
	r.m.Beat += r.o.Period
}

// Mark writes a mark and its heartbeat.
func (r *Recorder) Mark(text string) {
	r.w.Mark(r.m.Now(), Mark, text)
	r.heartbeat(BeatMark, true)
}

// Fail marks the failure that the recording is about.
func (r *Recorder) Fail(text string) {
	r.m.TakeControl()
	r.w.Mark(r.m.Now(), Fail, text)
	r.w.State(r.m.Now(), r.m.Save())
	r.heartbeat(BeatFail, true)
}

// Attr notes a fact about the recording.
func (r *Recorder) Attr(key, value string) { r.w.Mark(r.m.Now(), Attr, key+"="+value) }

// Console is told of what the guest wrote to its console.
func (r *Recorder) Console(p []byte) {
	r.console.Write(p)
	r.consoleN += uint64(len(p))
}

// Sync writes a sync frame; the caller makes the tape durable next.
func (r *Recorder) Sync() { r.w.Sync() }

// Written is the number of frames written, and Counts what is in them.
func (r *Recorder) Written() (frames uint64, c Counts) { return r.w.Frames, r.w.Counts }

// Err is the first write error, if any.
func (r *Recorder) Err() error { return r.w.Err() }

// Detach gives the machine back; no more is written.
func (r *Recorder) Detach() {
	r.m.OnInput, r.m.Beat = r.before, 0
}

// Stop ends the tape with the state of the machine as it is, a heartbeat and
// the footer, and gives the machine back.
func (r *Recorder) Stop(kept, truncated bool, why string) (Footer, error) {
	r.Detach()
	r.m.TakeControl()
	r.w.State(r.m.Now(), r.m.Save())
	r.heartbeat(BeatStop, true)
	f := Footer{Inputs: r.m.Inputs() - r.w.h.Start.Inputs, Retired: r.retired(), End: EndHash(r.m),
		ConsoleBytes: r.consoleN, Frames: r.w.Counts, Kept: kept, Truncated: truncated, Why: cut(why, maxWhy)}
	r.console.Sum(f.Console[:0])
	r.w.Footer(r.m.Now(), f)
	return f, r.w.Err()
}
