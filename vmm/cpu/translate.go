package cpu

import (
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A Translator turns straight 64-bit and 32-bit code into code of the host's. It is an
// accelerator beside the reference engine, which finds the code, owns every
// exact count, and carries out itself what the translation leaves to it.
//
// Between two calls everything is in State; RFLAGS is exact.
type Translator interface {
	// Attach says which RAM the machine has. All code and translations are dropped.
	Attach(*mem.RAM)
	// Translate makes code for t and reports whether it can be entered.
	Translate(t *Code) bool
	// Enter runs t, and whatever it is linked to, until there is something to
	// do. At most the budget and one block are done.
	Enter(s *State, t *Code, r Run) Leave
	// Resume goes on after the instructions that Leave named were carried out,
	// Retry with the access that missed.
	Resume(s *State, r Run) Leave
	Retry(s *State, r Run) Leave
	// Link says what code the last Leave's jump leads to, so that it need not
	// ask again.
	Link(to *Code)
	// Cache says that in a space and bank the page of la may be read, and
	// written without asking if write is set, at pa.
	Cache(space, bank int, la, pa uint64, write bool)
	// Flush drops every translation of addresses, FlushSpace those of a space,
	// FlushLow those of the lower half of addresses,
	// DropPages those of data in pages whose number modulo every is at least
	// first and less than first+n. Unwrite takes back the right to store to the
	// page of pa without asking. Drop forgets code.
	Flush()
	FlushSpace(space int)
	FlushLow()
	// Inherit gives an empty space the translations of another one that stand
	// in the given eighths of a TiB: a bit for each entry of the first level.
	Inherit(from, to int, slots *[8]uint64)
	DropPages(first, n, every uint32)
	Unwrite(pa uint64)
	Drop(*Code)
	Stats() Translated
	Close() error
}

// Translated counts what a Translator did since it was made.
type Translated struct {
	Entries, Jumps, Misses, Others, Budgets uint64 // exits: in all, and by reason
	Blocks, Insts, Native                   uint64 // translated; Native: not left to the reference
	Flushes, Resets, Drops                  uint64
	Far                                     uint64 // accesses looked up beyond the near translations
	CodeBytes, CodeRoom                     uint64

	Left [x86.NumSem]uint64 // exits by what was carried out, accesses that missed aside
}

// A Run is what translated code must know besides State.
type Run struct {
	Budget  int64  // steps, from the start of the block
	TSC     uint64 // the true count when the budget is 0: see Flutter
	Pending bool   // an interrupt waits to be let in
	Space   int    // the address space
	SMAP    bool   // CR4.SMAP: RFLAGS.AC chooses between two banks in ring 0
	Stops   bool   // the step after an IRET may be taken back: it must know of RFLAGS.RF
}

// Address spaces whose translations are kept, and the banks of each: one for
// each set of rights.
const (
	Spaces = 4

	BankSystem = iota - 1 // supervisor
	BankUser
	BankClosed // supervisor, kept from user pages by SMAP
	Banks
)

// MaxCode is the largest number of instructions in a Code.
const MaxCode = 64

// A Code is a run of instructions within one page, or one that lies in two, as
// the reference engine decoded them: only the last may be one that always
// leaves it.
type Code struct {
	LA    uint64 // linear address of the first
	PA    uint64
	User  bool   // CPL 3
	Mode  uint16 // all that decides what the bytes mean
	Other uint16 // Mode in the ring that SYSCALL, SYSRET or IRET leads to, unless CR4.TSD is set
	NoTSC bool   // RDTSC raises #GP(0)
	Split bool   // it is one instruction, and goes on in the next page,
	PA2   uint64 // which is there
	Insts []x86.Inst

	// Narrow is 32-bit code, in legacy or compatibility mode: linear addresses
	// have 32 bits. While it is run CS, DS, ES and SS are flat, and the stack
	// pointer is ESP. FS and GS may be anything.
	Narrow bool

	Owner any // the reference engine's

	// Rest is the translator's: where to go on after each instruction that it
	// leaves to the reference, 0 for the others. Those that follow one another
	// are carried out at once.
	Rest []uint32

	// The translator's: where the code begins, with the flags in the host's
	// register or in memory (Entry is 0 when the code is gone), and where
	// those two lead then. Loop is where it begins again from its own end, with
	// the flags in the host's register, or 0.
	Entry, Alt uint32
	Loop       uint32
	Gone       [2]uint32
}

// At is the linear address of instruction k.
func (t *Code) At(k int) uint64 {
	la := t.LA
	for i := range t.Insts[:k] {
		la += uint64(t.Insts[i].Len)
	}
	return t.Wrap(la)
}

// Wrap is a linear address as wide as the code's are.
func (t *Code) Wrap(la uint64) uint64 {
	if t.Narrow {
		return la & 0xffffffff
	}
	return la
}

// A LeaveKind says why translated code came back.
type LeaveKind uint8

const (
	LeaveBudget LeaveKind = iota // the budget is spent, before instruction K of Code
	LeaveDo                      // instruction K of Code is to be carried out, then Resume
	LeaveMiss                    // the access to Addr of instruction K has no translation: Cache and Retry, or as LeaveDo
	LeaveJump                    // Code was run to its end: go on at RIP, and Link
)

// A Leave is where translated code stands. Left is what remains of the
// budget, counted from the start of Code; after LeaveJump from its end.
type Leave struct {
	Kind  LeaveKind
	Code  *Code
	K     int
	RIP   uint64
	Left  int64
	Addr  uint64 // LeaveMiss: Size bytes there, in one page or two
	Size  uint8
	Write bool

	Shadow bool // the instruction before K is an STI that set IF; no Code ends with one
}
