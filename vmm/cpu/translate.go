package cpu

import (
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A Translator turns straight 64-bit code into code of the host's. It is an
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
	// do. At most budget steps and one block are done.
	Enter(s *State, t *Code, budget int64) Leave
	// Resume goes on after the instruction that Leave named was carried out.
	Resume(s *State, budget int64) Leave
	// Link says what code the last Leave's jump leads to, at physical address
	// pa, so that it need not ask again.
	Link(to *Code, pa uint64)
	// Cache says that in a bank the page of la may be read, and written
	// without asking if write is set, at pa.
	Cache(bank int, la, pa uint64, write bool)
	// Flush drops every translation of addresses; Unwrite takes back the right
	// to store to the page of pa without asking; Drop forgets code.
	Flush()
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
	CodeBytes, CodeRoom                     uint64

	Left [x86.NumSem]uint64 // exits by what was carried out, accesses that missed aside
}

// MaxCode is the largest number of instructions in a Code.
const MaxCode = 64

// A Code is a run of instructions within one page, as the reference engine
// decoded them: only the last may be one that always leaves it.
type Code struct {
	LA    uint64 // linear address of the first
	PA    uint64
	User  bool   // CPL 3
	Bank  int    // of translations: one for each set of rights
	Mode  uint16 // all that decides what the bytes mean, and Bank
	Insts []x86.Inst

	Owner any // the reference engine's

	// The translator's: where the code begins, with the flags in the host's
	// register or in memory (Entry is 0 when the code is gone), and where
	// those two lead then.
	Entry, Alt uint32
	Gone       [2]uint32
}

// At is the linear address of instruction k.
func (t *Code) At(k int) uint64 {
	la := t.LA
	for i := range t.Insts[:k] {
		la += uint64(t.Insts[i].Len)
	}
	return la
}

// A LeaveKind says why translated code came back.
type LeaveKind uint8

const (
	LeaveBudget LeaveKind = iota // the budget is spent, before instruction K of Code
	LeaveDo                      // instruction K of Code is to be carried out, then Resume
	LeaveJump                    // Code was run to its end: go on at RIP, and Link
)

// A Leave is where translated code stands. Left is what remains of the
// budget, counted from the start of Code; after LeaveJump from its end.
type Leave struct {
	Kind LeaveKind
	Code *Code
	K    int
	RIP  uint64
	Addr uint64 // LeaveDo: the linear address that had no translation, or NoAddr
	Left int64
}

// NoAddr is no address of a memory access.
const NoAddr = 1 << 63
