package gdb

import (
	"context"
	"io"

	"vmrecord/vmm/cpu"
)

// A View is a machine that stands still. Nothing in it has side effects.
type View interface {
	// Threads lists what gdb shows as threads, at least one; the first is what
	// the processor runs now. IDs are not 0 and stay what they are.
	Threads() []Thread
	// Registers are a thread's. Those that are not known of it, because it
	// does not run and they were not saved, are shown as unavailable. The
	// caller only reads.
	Registers(thread uint64) (*cpu.State, Known)
	// Read copies memory at a linear address of a thread, and returns how many
	// bytes are mapped from there on, at most len(p). It sets no accessed bit
	// and touches no device.
	Read(thread, la uint64, p []byte) int
}

// A Target is a machine that gdb debugs. Its methods are called one at a time.
type Target interface {
	View
	// Run goes where it is told. When ctx is done it comes back soon, at some
	// place on the way. An error means that it could not, or no further.
	Run(ctx context.Context, o Order) (Stop, error)
	// Monitor carries out a command of the user's and writes what it has to
	// say. It may move the machine.
	Monitor(ctx context.Context, command string, out io.Writer) error
}

// A Writer is a Target that may be changed: a live machine. The error of one
// that is a replay says so; of a Target that is no Writer, Serve says it.
type Writer interface {
	SetRegisters(thread uint64, s *cpu.State) error
	Write(thread, la uint64, p []byte) error
}

// A Thread is one line of gdb's "info threads".
type Thread struct {
	ID   uint64
	Name string // such as the task's
	Note string // in parentheses behind it
}

// Known says which of a thread's registers can be had.
type Known uint8

const (
	Saved    Known = 1 << iota // RIP, RSP and what a function keeps for its caller: RBX, RBP, R12 to R15
	General                    // the other general registers, and RFLAGS
	Selector                   // CS, SS, DS, ES, FS, GS
	Base                       // of FS and GS
	Float                      // x87 and SSE
	System                     // the processor's own
	All      = 1<<iota - 1
)

// An Order is a way to go from the current position.
type Order struct {
	Back bool
	// Steps is how many instants to go at most; 0: any number.
	Steps uint64
	// Thread is whose steps count; 0: all of the processor's.
	Thread uint64
	// Points end the way earlier. Forward, an Exec point ends it before the
	// instruction at its address, another after an access to its bytes.
	// Backward, both end it before the instruction. The position where the way
	// begins never is its end.
	Points []Point
}

// A Stop says why a machine stands where it is.
type Stop struct {
	Reason Reason
	Point  Point  // with Met: the one that was
	Note   string // for the user, if not empty: a line
}

// A Reason is why a Run ended.
type Reason uint8

const (
	Done        Reason = iota // Order.Steps
	Met                       // a point
	Interrupted               // the context
	Begin                     // of what is recorded
	End                       // of what is recorded, or of a machine that stopped
)

// A Point is a breakpoint or a watchpoint. It is never written into memory.
type Point struct {
	Kind Kind
	Addr uint64 // linear
	Size uint64 // bytes watched; 0 with Exec
}

// A Kind is what a point waits for.
type Kind uint8

const (
	Exec Kind = iota
	Write
	Read
	Access // read or write
)
