package vmm

// An Instant is one step of the machine: a retired instruction, a delivered
// fault or interrupt, one REP iteration; plus the gaps slept through in HLT
// and the leaps of the live door.
type Instant uint64

// Never is later than any instant a machine reaches.
const Never = Instant(1<<64 - 1)

// A Device is one piece of hardware. It has two kinds of field: its state, a
// struct of plain values holding everything the guest can observe, and its
// wires, obtained from the slot in Attach. There is no third kind.
type Device interface {
	Attach(*Slot) // claim windows, lines, timers and inlets; once, before Reset
	Reset()       // enter the power-on state
	State() any   // pointer to the state struct
}

// A Restorer rebuilds what it derives from its state (never saved) after a
// snapshot is loaded. It must not touch its wires.
type Restorer interface{ Restored() }

// A Handler answers guest accesses to one window. off counts from the start of
// the window; size is 1, 2, 4 or 8 bytes. Hardware cannot fail, so neither can
// a handler: an access that means nothing reads as all ones and writes nowhere.
type Handler interface {
	In(off uint64, size int) uint64
	Out(off uint64, size int, v uint64)
}

// An MSRHandler answers RDMSR and WRMSR of the registers a device owns; false
// means #GP(0).
type MSRHandler interface {
	RDMSR(msr uint32) (v uint64, ok bool)
	WRMSR(msr uint32, v uint64) (ok bool)
}

// RAM is how a device reaches guest memory. Addresses without RAM read all
// ones; writes there are lost. A write takes the path of a processor's store.
type RAM interface {
	Read(pa uint64, p []byte)
	Write(pa uint64, p []byte)
}

// Regs is what a register port sees of the processor: the backdoor's calling
// convention. Results are written back as they stand on return.
type Regs struct {
	RAX, RBX, RCX, RDX, RSI, RDI, RBP uint64

	CPL  uint8  // ring of the caller
	Size uint8  // operand size in bytes: 1, 2 or 4
	Out  bool   // OUT or OUTS
	Data []byte // REP INS/OUTS: the buffer, already read (OUTS) or to be filled (INS)
}

// An Input is one fact from outside: what arrived, where, and when the guest saw it.
type Input struct {
	At    Instant
	Inlet string
	Data  []byte
}

// A Door is where the outside world enters, and the only place it can: live,
// from a tape, or scripted by a test.
type Door interface {
	// Horizon is the latest instant the machine may run to before it knocks again.
	Horizon(now Instant) Instant
	// Next returns the next input due at now; false when there is none left.
	Next(now Instant) (Input, bool)
	// Idle is asked when the processor sleeps: to which instant, at most until,
	// may time pass? A live door waits here for the wall clock or an input.
	// Never means that nothing will ever come.
	Idle(now, until Instant) Instant
}

// A StopKind says why a board wants its machine to stop.
type StopKind uint8

const (
	StopNone StopKind = iota
	StopPowerOff
	StopReset     // keyboard controller, port 0xcf9 or a triple fault
	StopDebugExit // a write to the debug exit port; the code is the value written
)
