package export

import (
	"context"
	"io"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/vmm"
	"vmrecord/vmm/trace"
)

// A Recording is what is exported from: a replay at its tape's start, which is
// of no other use afterwards.
type Recording struct {
	Replay   *replay.Replay
	Manifest *bundle.Manifest
	ID       string // the bundle's
	Typed    string // the inlet of what is typed on the console
}

// Options say what to write.
type Options struct {
	From, To      vmm.Position                          // the window; of an instant, it is To
	Columns, Rows int                                   // of the console's terminal, 1 to MaxSide each
	Keys          bool                                  // asciicast: what was typed too
	Every         vmm.Instant                           // png: pictures of a window, one each so many instants; 0: one of an instant
	Period        uint64                                // pprof: instructions between samples
	Names         trace.Names                           // pprof: of programs' addresses; nil: none are known
	RAM           []Range                               // vmcore: the guest's memory, ascending
	Progress      func(what string, done, total uint64) // called now and then; must be set
	Note          func(text string)                     // told of what is missing in what was written; must be set
}

// A Range is one of physical memory.
type Range struct{ Base, Size uint64 }

// MaxSide is the most columns or rows that a terminal may have.
const MaxSide = 500

// A Format is one way to write a recording.
type Format struct {
	Name  string
	Does  string   // in a line
	Takes []string // what it heeds: names of the command line's flags
	Text  bool     // it may be written to a terminal
	write func(*job) error
}

// Formats are all there are.
func Formats() []Format {
	return []Format{
		{"asciicast", "the console, for asciinema", []string{"from", "to", "size", "keys"}, true, asciicast},
		{"ndjson", "what happened: inputs, marks, console, other outputs", []string{"from", "to"}, true, ndjson},
		{"png", "the console as a picture; with --every a film strip", []string{"at", "every", "from", "to", "size"}, false, picture},
		{"vmcore", "memory and registers at an instant, for crash, drgn, gdb", []string{"at"}, false, vmcore},
		{"pprof", "where the processor was, in kernel and programs, for go tool pprof", []string{"from", "to", "period", "symbols"}, false, pprof},
		{"symbols", "the guest kernel's symbols, for gdb with a vmcore", []string{"at"}, false, symbols},
	}
}

// Write replays a recording and writes it to w. Its errors are those of
// replay.Replay.Run and w's.
func (f Format) Write(ctx context.Context, r Recording, o Options, w io.Writer) error {
	j := &job{Recording: r, Options: o, ctx: ctx, m: r.Replay.Machine(), w: w}
	deliver := j.m.OnInput
	j.m.OnInput = func(in vmm.Input) {
		if j.ears.input != nil {
			j.ears.input(in)
		}
		deliver(in)
	}
	for _, name := range j.m.Outlets() {
		if name != r.Manifest.Machine.Console {
			j.m.OnOutput(name, func(p []byte) {
				if j.ears.output != nil {
					j.ears.output(name, p)
				}
			})
		}
	}
	return f.write(j)
}

// A job is a recording being written.
type job struct {
	Recording
	Options
	ctx  context.Context
	m    *vmm.Machine
	w    io.Writer
	ears ears
}

// Ears are told what happens during a replay, in order; each may be nil. None
// may keep the bytes it is given.
type ears struct {
	console func(p []byte)
	input   func(vmm.Input) // right before its delivery
	mark    func(kind, text string)
	output  func(outlet string, p []byte) // of outlets but the console's
}

// play replays to a position.
func (j *job) play(to vmm.Position, e ears) error {
	j.ears = e
	o := replay.Options{Until: &to, OnMark: e.mark}
	if e.console != nil {
		o.Console = heard(e.console)
	}
	o.Progress = func(s replay.Step) { j.Progress("replaying", uint64(s.Now-s.Start), uint64(j.To.At-s.Start)) }
	_, err := j.Replay.Run(j.ctx, o)
	return err
}

// seconds is guest time between two instants, to a microsecond.
func (j *job) seconds(from, to vmm.Instant) float64 { return j.Manifest.Machine.Seconds(from, to) }

// heard is a writer that tells of what is written.
type heard func(p []byte)

func (h heard) Write(p []byte) (int, error) {
	h(p)
	return len(p), nil
}
