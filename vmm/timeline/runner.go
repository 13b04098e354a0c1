package timeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// piece is how many instants pass between looks at the context.
const piece = 1 << 24

// A runner is one machine with its tape, which can be put to any checkpoint.
type runner struct {
	*Run
	table table     // of RAM when it was last known in full
	since mem.Epoch // which pages changed since
	bad   bool      // it is not in a state of the recording
	leap  leap
	watch *watch
	text  []byte // of the console: the last TextBytes at least, where there are so many; only appended to
	tell  func() // on the way, now and then; may be nil
}

// A leap is the last one of guest time that came off the tape: no boundary
// lies between.
type leap struct {
	from vmm.Position
	to   vmm.Instant
}

// newRunner takes a run over; RAM is what table says, or unknown if it is nil.
func newRunner(r *Run, t table) *runner {
	n := &runner{Run: r, table: t, since: r.Machine.Mem.Mark()}
	deliver := r.Machine.OnInput
	r.Machine.OnInput = func(in vmm.Input) {
		n.input(in)
		deliver(in)
	}
	r.Player.OnMark = n.mark
	if r.Console != "" {
		r.Machine.OnOutput(r.Console, n.wrote)
	}
	return n
}

// input notes leaps, and what a search looks for.
func (r *runner) input(in vmm.Input) {
	p := r.Machine.Position()
	if in.Inlet == vmm.InletLeap && len(in.Data) == 8 {
		r.leap = leap{p, p.At + vmm.Instant(min(binary.LittleEndian.Uint64(in.Data), r.Machine.Hz()))}
	}
	if w := r.watch; w != nil && w.q.Input != nil && w.q.Input(in) {
		in.Data = slices.Clone(in.Data)
		w.note(Found{Kind: AtInput, Position: p, Input: in})
	}
}

func (r *runner) mark(k tape.MarkKind, text string) {
	if w := r.watch; w != nil && w.q.Mark != nil && w.q.Mark(k, text) {
		w.note(Found{Kind: AtMark, Position: r.Machine.Position(), Mark: k, Text: text})
	}
}

// wrote follows the console. What a leap's timers write is written at its end,
// the first boundary after.
func (r *runner) wrote(b []byte) {
	for _, c := range b {
		r.text = append(r.text, c)
		w := r.watch
		if w == nil || w.q.Text == "" || !endsIn(r.text, w.q.Text) {
			continue
		}
		p := r.Machine.Position()
		p.At = max(p.At, r.leap.to)
		w.note(Found{Kind: AtText, Position: p, Text: w.q.Text})
	}
	if len(r.text) > 2*TextBytes {
		r.text = slices.Clone(last(r.text))
	}
}

// last is what of the console's text is kept.
func last(text []byte) []byte { return text[max(0, len(text)-TextBytes):] }

func endsIn(b []byte, s string) bool { return len(b) >= len(s) && string(b[len(b)-len(s):]) == s }

// play runs to a position, to the boundary at which so many instructions have
// retired (0: none), or to the end of the tape, and tells whether it was the
// second. A search that wants no more ends it too.
func (r *runner) play(ctx context.Context, to vmm.Position, beat uint64) (beaten bool, err error) {
	m := r.Machine
	m.Beat = beat
	defer func() { m.Beat = 0 }()
	for {
		next := vmm.Position{At: m.Now() + piece, Inputs: tape.All}
		last := next.At >= to.At
		if last {
			next = to
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if r.tell != nil {
			r.tell()
		}
		e, err := r.Player.Run(next)
		if err != nil {
			r.bad = true
			return false, err
		}
		if e == vmm.Struck {
			if r.struck(); !r.watch.enough() {
				continue
			}
		}
		switch {
		case beat != 0 && m.Retired() >= beat:
			return true, nil
		case last || r.Player.Ended() || r.watch.enough():
			return false, nil
		}
	}
}

// struck notes a stop, and has the machine go on from it.
func (r *runner) struck() {
	m := r.Machine
	h, _ := m.Hit()
	if w := r.watch; w.visit != nil {
		stops, on := w.visit(h)
		if stops != nil {
			m.SetStops(stops)
		}
		w.over, m.Pass = !on, on
		return
	}
	r.watch.note(Found{Kind: AtStop, Position: m.Position(), Hit: h})
	m.Pass = !r.watch.enough()
}

// look begins a search, and with nil ends one.
func (r *runner) look(w *watch) {
	m := r.Machine
	r.watch = w
	if m.Pass = false; w != nil && len(w.q.Stops) > 0 {
		m.SetStops(w.q.Stops)
	} else if list, _ := m.Stops(); len(list) > 0 {
		m.SetStops(nil)
	}
}

// restore puts the machine to a checkpoint: the pages that differ, the rest of
// its state, the tape. After an error the runner is of no use.
func (r *runner) restore(c *checkpoint, s *shape) error {
	r.bad = true
	ram, buf := r.Machine.Mem, make([]byte, mem.PageBytes)
	put := func(no uint32, p *page) { ram.Restore(no, p.content(buf), p.hash) }
	for _, no := range ram.Changed(r.since).No {
		put(no, c.table.at(no))
	}
	r.table.differing(c.table, put)
	r.table, r.since = c.table, ram.Mark()
	if err := r.Machine.Reload(s.sections(c.state)); err != nil {
		return err
	}
	if m := r.Machine; m.Position() != c.pos || m.Retired() != c.retired {
		return &SavedError{fmt.Sprintf("one of %v holds the state of %v", c.pos, m.Position())}
	}
	if err := r.Player.SetPlace(c.place); err != nil {
		return err
	}
	r.leap, r.text, r.bad = leap{}, slices.Clip(c.text), false
	return nil
}

// close gives the machine back.
func (r *runner) close() error {
	if r.Close == nil {
		return nil
	}
	return r.Close()
}

// A shape is what all saved states of a tape's machines have in common.
type shape struct{ names, schemas []string }

func shapeOf(secs []vmm.Section) *shape {
	s := new(shape)
	for _, x := range secs {
		s.names, s.schemas = append(s.names, x.Name), append(s.schemas, x.Schema)
	}
	return s
}

func (s *shape) sections(state [][]byte) (secs []vmm.Section) {
	for i, d := range state {
		secs = append(secs, vmm.Section{Name: s.names[i], Schema: s.schemas[i], Data: d})
	}
	return secs
}
