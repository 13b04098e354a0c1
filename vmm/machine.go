package vmm

import (
	"cmp"
	"fmt"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// Model numbers guest-visible behaviour. A recording replays on the model it
// was made on; whatever a guest can tell apart raises the number.
const Model = 1

// Exit says why an engine or a machine returned.
type Exit uint8

const (
	Reached Exit = iota // the deadline, or Run's until
	Halted              // the processor sleeps
	Control             // host work was asked for: see Board.TakeControl
	Beat                // Machine.Beat instructions have retired
	Stopped             // power-off, reset, debug exit: see Board.Stopped
	Left                // Machine.Leave was set
	Asleep              // halted, and no timer or input will ever come
	Unknown             // an encoding outside the instruction table: see Machine.Err
	Broken              // a host failure: see Machine.Err
	Struck              // before a step that a stop names: see Board.Hit and Board.Pass
)

// An Engine executes guest instructions. Engines differ in speed and in
// nothing else: from one state to one instant every engine leaves the same
// state, however the way there is cut into calls.
type Engine interface {
	// Run executes to b.Deadline(), never beyond, or returns early with the
	// reason. State is exact and complete on return.
	Run(*cpu.State, *Board) Exit
	// Drop forgets what was derived from these pages, which changed behind
	// the engine's back; nil: from all.
	Drop(*mem.Pages)
	// Err is the reason of an Unknown exit.
	Err() error
	Close() error
}

// A Machine is a processor, a board, an engine and a door.
type Machine struct {
	*Board
	CPU    *cpu.State
	Engine Engine
	Door   Door

	// OnInput, if set, is told of each input right before its delivery.
	OnInput func(Input)
	// Beat is the count of retired instructions at which Run returns Beat; 0: never.
	Beat uint64
	// Leave has Run return Left at the next boundary; Run clears it. A door may
	// set it while it is asked for inputs.
	Leave bool
	// Slice, if not 0, cuts the run into pieces of so many instants. It changes nothing.
	Slice Instant

	schemas []string // of what Save saves, once made
}

// Retired is the number of instructions completed since instant 0.
func (m *Machine) Retired() uint64 {
	return uint64(m.w.Now-m.w.Asleep) - m.CPU.Overhead
}

// Position is the current instant and the inputs delivered until now.
func (m *Machine) Position() Position { return Position{m.w.Now, m.w.Inputs} }

// A Position is a point in an execution: an instant, and how many inputs were
// delivered at or before it, since instant 0.
type Position struct {
	At     Instant
	Inputs uint64
}

func (p Position) String() string { return fmt.Sprintf("%d+%d", p.At, p.Inputs) }

// Compare is negative if p comes before q, 0 if they are the same, else positive.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Inputs, q.Inputs))
}

// Before tells whether p comes before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// InletEntropy stirs the generator behind RDRAND and RDSEED with its data
// (cpu.State.Stir): what a machine that goes live is told, so that it does not
// draw the numbers that the recorded one drew. It is the processor's inlet, and
// not among the board's Inlets.
const InletEntropy = "cpu/entropy"

// Deliver hands an input to its inlet.
func (m *Machine) Deliver(in Input) {
	if in.Inlet != InletEntropy {
		m.Board.Deliver(in)
		return
	}
	m.w.Inputs++
	m.CPU.Stir(in.Data)
}

// boundary does what happens between two instructions, in order: timers,
// inputs, timers; host work is the caller's, pins the processor's.
func (m *Machine) boundary() {
	m.Settle()
	for in, ok := m.Door.Next(m.w.Now); ok; in, ok = m.Door.Next(m.w.Now) {
		if m.OnInput != nil {
			in.At = m.w.Now
			m.OnInput(in)
		}
		m.Deliver(in)
		m.Settle()
	}
}

// Run runs the machine up to the given instant, or until there is something to
// be done. It may be called again after every exit but Stopped, Unknown and Broken.
func (m *Machine) Run(until Instant) Exit {
	m.stops.struck = false
	for {
		m.boundary()
		switch {
		case m.w.Stop != 0:
			return Stopped
		case m.w.Control:
			return Control
		case m.Leave:
			m.Leave = false
			return Left
		case m.Beat != 0 && m.Retired() >= m.Beat:
			return Beat
		case m.w.Now >= until:
			return Reached
		}
		m.horizon = min(until, m.Door.Horizon(m.w.Now))
		if m.Beat != 0 {
			m.horizon = min(m.horizon, m.w.Now+Instant(m.Beat-m.Retired()))
		}
		if m.Slice != 0 {
			m.horizon = min(m.horizon, m.w.Now+m.Slice)
		}
		switch e := m.Engine.Run(m.CPU, m.Board); e {
		case Reached:
		case Halted:
			if !m.sleep(until) {
				return Asleep
			}
		default:
			return e
		}
	}
}

// sleep lets a halted processor's time pass, as far as the door allows.
func (m *Machine) sleep(until Instant) bool {
	if m.w.Stop != 0 || m.w.Control {
		return true
	}
	to := m.Door.Idle(m.w.Now, min(until, m.soonest))
	if to == Never {
		return false
	}
	m.Advance(to)
	return true
}

// TakeControl answers a Control exit: the request is done with.
func (m *Machine) TakeControl() { m.w.Control = false }

// Err is the reason of an Unknown exit.
func (m *Machine) Err() error { return m.Engine.Err() }
