// Package replay makes a machine out of a bundle and plays its tape: the same
// instructions, the same console bytes, the same end. How a machine is built
// from its configuration is the caller's; everything else comes out of the
// bundle and out of executing.
package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"vmrecord/bundle"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// A Config is what a machine is built from.
type Config struct {
	MemoryBytes uint64 // of RAM; the machine must have exactly so many
	Board       vmm.Config
	Seed        uint64
	Machine     string // the configuration text of the recorded machine
}

// A Build builds a machine of a configuration, with all its devices and an
// engine; the door and the state are set by this package.
type Build func(Config) (*vmm.Machine, error)

// A Replay is a machine with its tape.
type Replay struct {
	b       *bundle.Bundle
	m       *vmm.Machine
	p       *tape.Player
	console hash.Hash
	bytes   uint64
	out     io.Writer
	outErr  error
}

// Options say how to play.
type Options struct {
	Slice    vmm.Instant   // cuts the run into pieces of so many instants; changes nothing
	Until    *vmm.Position // nil: the end of the tape
	Console  io.Writer     // gets what the guest writes to its console; may be nil
	Progress func(Step)    // called now and then; may be nil
	OnMark   func(k, text string)
}

// A Step is how far a replay has come.
type Step struct{ Start, Now, End vmm.Instant }

// A Result says what was compared.
type Result struct {
	Schema             string       `json:"schema"`
	ID                 string       `json:"id"`
	Position           vmm.Position `json:"position"`
	Ended              bool         `json:"ended"`     // the whole tape was played
	Truncated          bool         `json:"truncated"` // it has no end: the recording was interrupted
	Identical          bool         `json:"identical"` // ended, and everything compared was equal
	HeartbeatsCompared uint64       `json:"heartbeatsCompared"`
	InputsDelivered    uint64       `json:"inputsDelivered"`
	Retired            uint64       `json:"retired"` // instructions since the start
	ConsoleBytes       uint64       `json:"consoleBytes"`
	ConsoleEqual       bool         `json:"consoleEqual"`
	EndHash            string       `json:"endHash,omitzero"` // of this machine, compared with the recorded one
}

// step is how many instants pass between looks at the context.
const step = 1 << 24

// Open builds the machine and puts it into the state at the tape's start. Its
// errors are *bundle.IncompatibleError, *bundle.IntegrityError,
// *tape.Divergence or build's.
func Open(b *bundle.Bundle, build Build) (*Replay, error) {
	man := b.Manifest()
	if man.Machine.Model != vmm.Model {
		return nil, &bundle.IncompatibleError{
			Needs: fmt.Sprintf("machine model %d (program vmbundle-model-%d)", man.Machine.Model, man.Machine.Model),
			Have:  fmt.Sprintf("model %d", vmm.Model)}
	}
	in, err := b.Tape()
	if err != nil {
		return nil, err
	}
	if err := b.SameMachine(in.Header()); err != nil {
		return nil, err
	}
	secs, err := b.Sections()
	if err != nil {
		return nil, err
	}
	h := in.Header()
	m, err := build(Config{h.Memory, vmm.Config{Hz: h.Hz, Epoch: h.Epoch}, h.Seed, man.Machine.Config})
	if err != nil {
		return nil, fmt.Errorf("build the recorded machine: %w", err)
	}
	if m.Mem.Size() != h.Memory {
		return nil, &bundle.IncompatibleError{Needs: fmt.Sprintf("a machine with %d bytes of memory", h.Memory),
			Have: fmt.Sprintf("built one with %d", m.Mem.Size())}
	}
	if err := load(b, m); err != nil {
		return nil, err
	}
	if err := m.Load(secs); err != nil {
		return nil, &bundle.IncompatibleError{Needs: "the machine that was recorded", Have: "another: " + err.Error()}
	}
	r := &Replay{b: b, m: m, console: sha256.New()}
	if r.p, err = tape.NewPlayer(m, in); err != nil {
		return nil, classify(err)
	}
	if man.Machine.Console != "" {
		m.OnOutput(man.Machine.Console, r.output)
	}
	return r, nil
}

// classify gives what a player says its exit code's type.
func classify(err error) error {
	var m *tape.MachineError
	if errors.As(err, &m) {
		return &bundle.IncompatibleError{Needs: "the machine that was recorded", Have: "another: " + m.What}
	}
	return bundle.Damaged("tape", err)
}

// load fills memory; what the builder left there goes.
func load(b *bundle.Bundle, m *vmm.Machine) error {
	const page = 4096
	size := m.Mem.Size()
	kept := make([]bool, size/page)
	err := b.Memory(func(no uint64, p []byte) error {
		kept[no] = true
		m.Mem.Write(no*page, p)
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.Absent(func(no uint64) { m.Mem.Lack(uint32(no)) }); err != nil {
		return err
	}
	var zeros [page]byte
	zero := mem.Hash(sha256.Sum256(zeros[:]))
	for i, k := range kept {
		if !k && m.Mem.Digest(uint32(i)) != zero {
			m.Mem.Write(uint64(i)*page, zeros[:])
		}
	}
	return nil
}

func (r *Replay) output(p []byte) {
	r.console.Write(p)
	r.bytes += uint64(len(p))
	if r.out != nil && r.outErr == nil {
		_, r.outErr = r.out.Write(p)
	}
}

// Machine is the machine, to look at or to take over.
func (r *Replay) Machine() *vmm.Machine { return r.m }

// GoLive takes the machine off the tape: from here on the given door decides
// what comes in. The console outlet is the caller's again.
func (r *Replay) GoLive(d vmm.Door) *vmm.Machine {
	r.p.Detach()
	r.m.Door = d
	return r.m
}

// Run plays to a position, or to the end of the tape; it may be called again.
// Besides those of Open its errors are the context's and the console's. The
// result is good to where the error happened. A replay that compared nothing
// is an error.
func (r *Replay) Run(ctx context.Context, o Options) (Result, error) {
	until := vmm.Position{At: vmm.Never - 1, Inputs: tape.All}
	if o.Until != nil {
		until = *o.Until
	}
	r.m.Slice, r.out = o.Slice, o.Console
	r.p.OnMark = nil
	if o.OnMark != nil {
		r.p.OnMark = func(k tape.MarkKind, s string) { o.OnMark(k.String(), s) }
	}
	t := r.b.Manifest().Tape
	for !r.p.Ended() {
		next := vmm.Position{At: r.m.Now() + step, Inputs: tape.All}
		last := next.At >= until.At
		if last {
			next = until
		}
		if _, err := r.p.Run(next); err != nil {
			return r.result(), r.failed(err)
		}
		if err := errors.Join(r.outErr, ctx.Err()); err != nil {
			return r.result(), err
		}
		if o.Progress != nil {
			o.Progress(Step{t.Start.At, r.m.Now(), t.End.At})
		}
		if last {
			break
		}
	}
	res := r.result()
	if !r.p.Ended() {
		return res, nil
	}
	return r.ended(res)
}

func (r *Replay) failed(err error) error {
	if e := r.m.Err(); e != nil {
		return errors.Join(classify(err), e)
	}
	return classify(err)
}

func (r *Replay) result() Result {
	p := r.p.Played()
	man := r.b.Manifest()
	res := Result{Schema: "vmbundle.replay/1", ID: r.b.ID(), Position: r.m.Position(), Ended: r.p.Ended(), Truncated: p.Truncated,
		HeartbeatsCompared: p.Heartbeats, InputsDelivered: p.Inputs, ConsoleBytes: r.bytes}
	res.Retired = r.m.Retired() - r.p.Header().Retired
	if p.Footer != nil {
		res.EndHash = hex.EncodeToString(p.End[:])
		res.ConsoleEqual = man.Machine.Console == "" ||
			[sha256.Size]byte(r.console.Sum(nil)) == p.Footer.Console && r.bytes == p.Footer.ConsoleBytes
	}
	return res
}

// ended judges a tape that was played to its end.
func (r *Replay) ended(res Result) (Result, error) {
	t, p := r.b.Manifest().Tape, r.p.Played()
	switch {
	case res.HeartbeatsCompared == 0:
		return res, &bundle.IntegrityError{Part: "tape", What: "it holds no heartbeat, so nothing was compared"}
	case p.Footer == nil && !t.Truncated:
		return res, &bundle.IntegrityError{Part: "tape", What: "it ends too early"}
	case p.Footer != nil && !res.ConsoleEqual:
		f := p.Footer
		return res, &tape.Divergence{Good: p.Good, Bad: res.Position, Section: "console", Field: "bytes",
			Want: fmt.Sprintf("%d bytes %x", f.ConsoleBytes, f.Console), Got: fmt.Sprintf("%d bytes %x", r.bytes, r.console.Sum(nil))}
	}
	res.Identical = true
	return res, nil
}
