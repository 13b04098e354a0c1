package tape

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// A Player is the door through which a tape enters a machine, and the eye that
// compares the machine with the tape. Before the first Run the machine must
// have been put into the state at the tape's start.
type Player struct {
	// OnMark, if set, is told of every mark passed.
	OnMark func(k MarkKind, text string)

	m    *vmm.Machine
	r    *Reader
	next Frame
	at   readerPlace // of next
	end  error       // why there is no next frame
	stop vmm.Position
	good vmm.Position
	err  error

	inputs, beats uint64
	footer        *Footer
	endHash       mem.Hash
}

// All, as a Position's Inputs, means every input at its instant.
const All = 1<<64 - 1

// A MachineError is a tape that cannot be played on this machine at all.
type MachineError struct{ What string }

func (e *MachineError) Error() string { return "tape: " + e.What }

// NewPlayer connects a tape to a machine, which must be of the construction
// and in the state that the tape's header describes.
func NewPlayer(m *vmm.Machine, r *Reader) (*Player, error) {
	h, c := r.Header(), m.Clock()
	p := &Player{m: m, r: r, good: h.Start}
	inlets := h.Inlets
	if n := len(inlets) - 1; n >= 0 && inlets[n] == vmm.InletEntropy {
		inlets = inlets[:n]
	}
	switch {
	case h.Model != vmm.Model:
		return nil, &MachineError{fmt.Sprintf("recorded on model %d, this is model %d", h.Model, vmm.Model)}
	case h.Hz != c.Hz() || h.Epoch != c.Epoch():
		return nil, &MachineError{fmt.Sprintf("recorded at %d Hz from epoch %d, the machine has %d and %d", h.Hz, h.Epoch, c.Hz(), c.Epoch())}
	case h.Memory != m.Mem.Size():
		return nil, &MachineError{fmt.Sprintf("recorded with %d bytes of memory, the machine has %d", h.Memory, m.Mem.Size())}
	case !slices.Equal(h.Sections, m.SectionNames()) || !slices.Equal(inlets, m.Inlets()):
		return nil, &MachineError{"recorded on a machine with other devices"}
	case h.Start != m.Position():
		return nil, p.differs("board", "Now", h.Start, m.Position())
	case h.Retired != m.Retired():
		return nil, p.differs("cpu", "retired", h.Retired, m.Retired())
	}
	m.Door, m.OnInput, m.Beat = p, p.input, 0
	p.read()
	return p, p.err
}

// Header is the tape's.
func (p *Player) Header() Header { return p.r.Header() }

// Detach gives the machine back, without a door.
func (p *Player) Detach() { p.m.Door, p.m.OnInput = nil, nil }

// read takes the next frame that matters off the tape.
func (p *Player) read() {
	for {
		if p.footer == nil { // behind it there is no place to go on from
			p.r.place(&p.at)
		}
		p.next, p.end = p.r.Next()
		switch {
		case p.end != nil:
			if !errors.Is(p.end, io.EOF) && !errors.Is(p.end, ErrTruncated) {
				p.fail(p.end)
			}
			p.next = Frame{Pos: vmm.Position{At: vmm.Never}}
			return
		case p.next.Kind != KindSync:
			return
		}
	}
}

func (p *Player) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *Player) differs(section, field string, want, got any) error {
	return &Divergence{Good: p.good, Bad: p.m.Position(), Section: section, Field: field, Want: fmt.Sprint(want), Got: fmt.Sprint(got)}
}

// Horizon is the instant of the next frame.
func (p *Player) Horizon(now vmm.Instant) vmm.Instant { return p.next.Pos.At }

// Idle lets time pass up to the next frame.
func (p *Player) Idle(now, until vmm.Instant) vmm.Instant { return min(until, p.next.Pos.At) }

// Next delivers inputs at their instants, but none behind a heartbeat that
// stands before it, nor behind the position where Run shall stop or that a leap
// has just passed.
func (p *Player) Next(now vmm.Instant) (vmm.Input, bool) {
	f := p.next
	if f.Kind != KindInput || f.Pos.At > now || p.err != nil || now > p.stop.At || now == p.stop.At && p.m.Inputs() >= p.stop.Inputs {
		return vmm.Input{}, false
	}
	if f.Pos.At < now {
		p.fail(p.differs("board", "Now", f.Pos, vmm.Position{At: now, Inputs: p.m.Inputs()}))
		return vmm.Input{}, false
	}
	return f.Input, true
}

// input compares the registers at the delivery of the frame that Next returned.
func (p *Player) input(vmm.Input) {
	if regs := p.m.RegDigest(); regs != p.next.Regs {
		p.fail(&Divergence{Good: p.good, Bad: p.m.Position(), Section: "cpu", HashesAlone: true})
	}
	p.inputs++
	p.read()
}

// Ended tells whether the whole tape was played: to its footer, or to its last
// whole frame if it is truncated.
func (p *Player) Ended() bool { return p.end != nil && p.err == nil }

// Run plays up to the given position, the end of the tape, what the caller set
// the machine's Beat, Leave or stops for, or a divergence, whatever comes first;
// only after the last is err not nil. It may be called again. The exit is the
// machine's last one.
func (p *Player) Run(until vmm.Position) (e vmm.Exit, err error) {
	p.stop = until
	for p.err == nil {
		if p.check(); p.err != nil || p.end != nil || p.arrived() {
			break
		}
		target := min(until.At, p.next.Pos.At)
		before := p.m.Position()
		switch e = p.m.Run(target); e {
		case vmm.Reached:
		case vmm.Beat, vmm.Left, vmm.Struck:
			p.check()
			return e, p.err
		case vmm.Control:
			p.m.TakeControl()
		case vmm.Stopped, vmm.Unknown:
			// An input of the same boundary, a leap, may have come behind the stop.
			if p.m.Position() == before || p.end == nil && p.next.Pos.At != p.m.Now() {
				p.fail(p.halted(e))
			}
		case vmm.Broken:
			p.fail(p.m.Err())
		default:
			p.fail(p.halted(e))
		}
		if p.err == nil && p.m.Now() > target && p.next.Pos.At < p.m.Now() {
			p.fail(p.differs("board", "Now", p.next.Pos, p.m.Position()))
		}
	}
	return e, p.err
}

// arrived tells whether the machine is where Run shall stop.
func (p *Player) arrived() bool {
	now, f := p.m.Now(), p.next
	if now != p.stop.At {
		return now > p.stop.At
	}
	return p.m.Inputs() >= p.stop.Inputs || f.Kind != KindInput || f.Pos.At > now
}

func (p *Player) halted(e vmm.Exit) error {
	kind, _ := p.m.Stopped()
	return p.differs("board", "Stop", "that the machine ran on", fmt.Sprintf("that it stopped (exit %d, stop %d)", e, kind))
}

// check compares every frame that stands here.
func (p *Player) check() {
	for p.err == nil && p.end == nil && p.next.Kind != KindInput && p.next.Pos.At <= p.m.Now() {
		f := p.next
		if f.Pos != p.m.Position() {
			p.fail(p.differs("board", "position", f.Pos, p.m.Position()))
			return
		}
		switch f.Kind {
		case KindHeartbeat:
			p.beat(f.Beat)
		case KindState:
			p.state(f.State)
		case KindFooter:
			p.finish(f.Footer)
		case KindMark:
			if p.OnMark != nil {
				p.OnMark(f.MarkKind, f.Text)
			}
		}
		if p.err != nil {
			return
		}
		if f.Kind == KindHeartbeat {
			p.good = f.Pos
		}
		p.read()
	}
}

func (p *Player) beat(b Heartbeat) {
	h := p.r.Header()
	p.m.TakeControl()
	p.beats++
	if n := p.m.Inputs() - h.Start.Inputs; n != b.Inputs {
		p.fail(p.differs("board", "Inputs", b.Inputs, n))
		return
	}
	if n := p.m.Retired() - h.Retired; n != b.Retired {
		p.fail(p.differs("cpu", "retired", b.Retired, n))
		return
	}
	got, _ := p.m.Digests()
	for i, d := range got {
		if d != b.Digests[i] {
			p.fail(&Divergence{Good: p.good, Bad: p.m.Position(), Section: h.Sections[i], HashesAlone: true})
			return
		}
	}
	if b.HasRoot && b.Root != p.m.Mem.Root() {
		p.fail(&Divergence{Good: p.good, Bad: p.m.Position(), Section: "ram", HashesAlone: true})
	}
}

func (p *Player) state(want [][]byte) {
	p.m.TakeControl()
	for i, s := range p.m.Save() {
		if slices.Equal(s.Data, want[i]) {
			continue
		}
		d := &Divergence{Good: p.good, Bad: p.m.Position(), Section: s.Name}
		d.Field, d.Want, d.Got, _ = FieldDiff(s.Schema, want[i], s.Data)
		p.fail(d)
		return
	}
}

func (p *Player) finish(f *Footer) {
	h := p.r.Header()
	p.endHash = EndHash(p.m)
	if n := p.m.Retired() - h.Retired; n != f.Retired {
		p.fail(p.differs("cpu", "retired", f.Retired, n))
	} else if p.endHash != f.End {
		p.fail(p.differs("end hash", "", fmt.Sprintf("%x", f.End), fmt.Sprintf("%x", p.endHash)))
	}
	p.footer = f
}

// A Played says what was compared.
type Played struct {
	Inputs     uint64 // delivered from the tape, their register digests compared
	Heartbeats uint64
	Truncated  bool     // the tape ended without footer
	Footer     *Footer  // nil before the end and on a truncated tape
	End        mem.Hash // of this machine, when Footer is set
	Good       vmm.Position
}

// Played tells what was compared so far.
func (p *Player) Played() Played {
	return Played{p.inputs, p.beats, errors.Is(p.end, ErrTruncated), p.footer, p.endHash, p.good}
}
