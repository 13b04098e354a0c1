// Package live runs a machine for a person: console, escape key, signals,
// recording, and how the end of a run is told. A machine that booted and one that went on from
// a replay are run alike.
package live

import (
	"fmt"

	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/host"
)

// A Session is one machine under way.
type Session struct {
	M       *vmm.Machine
	Door    *host.Door
	Console *Console
	Limit   vmm.Instant // where to end; vmm.Never: nowhere

	// Work is called at the boundary where the machine asked for host work,
	// Beat where the machine's Beat was reached, Slice some hundred times a
	// second. Each may be nil.
	Work, Beat, Slice func()
	// Due is an instant at which Slice must be called even if the guest sleeps then;
	// vmm.Never: at none. It may be nil.
	Due func() vmm.Instant
	// Struck is called where one of the machine's stops struck.
	Struck func()
	// Heard is told of what the guest prints, before the console; may be nil.
	Heard func(p []byte)

	in *host.Stream // where typed bytes go, once somebody listens
}

// An End is how a run ended.
type End struct {
	Outcome string // a word for programs
	Why     string // a sentence for people; empty for an orderly end
	Status  int
}

// The outcomes that callers ask about.
const (
	Reboot      = "reboot"
	Quit        = "quit"
	TripleFault = "triple-fault"
	Asleep      = "asleep"
)

const piecesInSecond = 100

// An untilStop is a door that closes when the machine stops: power-off is the
// last that happens on a tape, not a leap of the clock behind it.
type untilStop struct {
	*host.Door
	m *vmm.Machine
}

func (d untilStop) Next(now vmm.Instant) (vmm.Input, bool) {
	if kind, _ := d.m.Stopped(); kind != vmm.StopNone {
		return vmm.Input{}, false
	}
	return d.Door.Next(now)
}

// Listen has the door take what is typed from now on, before there is a machine.
func (s *Session) Listen() {
	s.in = s.Door.Stream(machine.ConsoleIn)
	s.Console.connect(s.in)
}

// Connect ties the machine to the door and the console.
func (s *Session) Connect(script host.Script) {
	if s.in == nil {
		s.Listen()
	}
	in := s.in
	s.M.Door = untilStop{s.Door, s.M}
	s.Door.OnQuit(func() { s.M.Leave = true })
	var cue *host.Listener
	if script.Cue != "" {
		cue = host.Listen(script.Cue)
	} else {
		in.Play(script.Keys, s.M.Now())
	}
	s.M.OnOutput(machine.ConsoleSpace, in.Announce)
	s.M.OnOutput(machine.ConsoleOut, func(p []byte) {
		if s.Heard != nil {
			s.Heard(p)
		}
		if cue != nil && cue.Hear(p) {
			in.Play(script.Keys, s.M.Now())
		}
		s.Console.out.Write(p)
	})
}

// Run runs the machine to an end.
func (s *Session) Run() End {
	for {
		e := s.steps()
		switch {
		case e == vmm.Left:
			return End{Outcome: Quit}
		case e == vmm.Struck:
			call(s.Struck)
		case e == vmm.Beat:
			call(s.Beat)
		case e == vmm.Control:
			call(s.Work)
			s.M.TakeControl()
		default:
			return s.end(e)
		}
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// steps runs the machine in pieces until there is something to do. A processor
// halted with interrupts off still sees timers run, but only a non-maskable
// interrupt or a reset could wake it: after a guest second of that nobody waits
// any longer.
func (s *Session) steps() vmm.Exit {
	piece := vmm.Instant(s.M.Clock().Hz() / piecesInSecond)
	if s.Door.Pace() != host.Real {
		piece /= 8 // no leaps: pieces are all work
	}
	for hung, quiet := vmm.Instant(0), 0; ; {
		call(s.Slice)
		from, before := s.M.Now(), s.M.Retired()
		until := min(s.Limit, from+piece)
		if s.M.CPU.Halted && s.interruptible() && (s.Slice == nil || quiet > piecesInSecond) {
			until = s.Limit // asleep, and nothing to do meanwhile
			if s.Due != nil {
				until = min(until, s.Due())
			}
		}
		e := s.M.Run(until)
		if e != vmm.Reached || s.M.Now() >= s.Limit || s.M.CPU.Dead {
			return e
		}
		quiet++
		if !s.M.CPU.Halted || s.M.Retired() != before {
			hung, quiet = 0, 0
		} else if !s.interruptible() {
			hung += s.M.Now() - from
		}
		if hung > piecesInSecond*piece {
			return vmm.Asleep
		}
	}
}

func (s *Session) interruptible() bool { return s.M.CPU.RFLAGS&cpu.FlagIF != 0 }

// end says how the machine ended.
func (s *Session) end(e vmm.Exit) End {
	at := fmt.Sprintf("at instant %d, RIP %#x", s.M.Now(), s.M.CPU.RIP)
	kind, code := s.M.Stopped()
	switch {
	case s.M.CPU.Dead:
		return End{TripleFault, "triple fault " + at + ": the guest has no way on", int(exit.Failure)}
	case e == vmm.Stopped && kind == vmm.StopPowerOff:
		return End{Outcome: "power-off"}
	case e == vmm.Stopped && kind == vmm.StopDebugExit:
		return End{Outcome: "debug-exit", Status: int(uint8(code<<1 | 1))}
	case e == vmm.Stopped:
		return End{Outcome: Reboot}
	case e == vmm.Asleep:
		return End{Asleep, "the guest sleeps " + at + ", and nothing will ever wake it", int(exit.Failure)}
	case e == vmm.Reached:
		return End{"max-instants", "--max-instants reached " + at, int(exit.Timeout)}
	}
	return End{"stopped", fmt.Sprintf("%v, %s", s.M.Err(), at), int(exit.Failure)}
}
