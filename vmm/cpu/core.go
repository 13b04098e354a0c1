package cpu

import "vmrecord/vmm/mem"

// A Bus is what a processor sees of the board. Steps completed before the
// current instruction must have been stored with SetNow before any call.
type Bus interface {
	SetClock()
	PortIn(port uint16, size int) uint64
	PortOut(port uint16, size int, v uint64)
	MemIn(pa uint64, size int) uint64
	MemOut(pa uint64, size int, v uint64)
	RDMSR(n uint32) (v uint64, ok, owned bool)
	WRMSR(n uint32, v uint64) (ok, owned bool)
	TPR() uint8
	SetTPR(uint8)
	TSC() uint64 // the time-stamp counter before TSCOffset
	Hz() uint64  // its rate
	TripleFault()
}

// A Watcher is told what a Core is about to do of its own accord. It may panic,
// and then takes back what the step has done.
type Watcher interface {
	// Meet: n bytes at la are read, or written, in a descriptor table, task
	// state or a frame. Faults come before.
	Meet(la uint64, n int, write bool)
	// Raise: an exception is delivered.
	Raise(vector uint8)
	// Keep: n bytes of RAM at pa change, at most 8.
	Keep(pa uint64, n int)
}

// A Core is a processor at work: its State and what it is soldered to. Both
// engines embed one; nothing in it but State outlives a run.
//
// A guest fault leaves an instruction by Raise, which panics with the Core's
// own Fault; the engine recovers, and delivers it. No guest-visible state may
// change before an instruction's last access that can fault.
type Core struct {
	State
	Mem *mem.RAM
	Bus Bus

	Fault Fault

	// Watcher, if not nil, looks on.
	Watcher Watcher

	// Met are the DR6 bits of the data breakpoints that descriptor tables, task
	// state and stack frames met in the current instruction. The engine adds
	// them to PendDB after it; deliveries do so themselves.
	Met uint64

	// Stale asks the engine to drop all cached translations before the next
	// instruction: CR3, CR0, CR4 or EFER changed.
	Stale bool
	// Switched says that CR3 points to other paging structures. Translations are
	// coherent: those of both address spaces stay what they were.
	Switched bool
	// Recode asks the engine to look again at mode and privilege: a segment
	// register, CR0 or EFER changed.
	Recode bool
}

// Vectors of the exceptions (SDM vol. 3A, table 6-1).
const (
	DE  = 0
	DB  = 1
	NMI = 2
	BP  = 3
	OF  = 4
	BR  = 5
	UD  = 6
	NM  = 7
	DF  = 8
	TS  = 10
	NP  = 11
	SS  = 12
	GP  = 13
	PF  = 14
	MF  = 16
	AC  = 17
	MC  = 18
	XM  = 19
)

// hasCode tells which exceptions push an error code.
const hasCode = 1<<DF | 1<<TS | 1<<NP | 1<<SS | 1<<GP | 1<<PF | 1<<AC

// A Fault is an exception on its way to the guest.
type Fault struct {
	Vector   uint8
	Code     uint32 // error code; for #DB the bits of DR6
	Addr     uint64 // linear address of a page fault
	NonCanon bool   // a #GP(0) that is #SS(0) if the operand's segment is SS
}

// Raise leaves the current instruction with an exception.
func (c *Core) Raise(vector uint8, code uint32) {
	c.Fault = Fault{Vector: vector, Code: code}
	panic(&c.Fault)
}

// GP raises a general protection fault with the given error code.
func (c *Core) GP(code uint32) { c.Raise(GP, code) }

// UD raises an invalid-opcode exception.
func (c *Core) UD() { c.Raise(UD, 0) }

// Bits of RFLAGS.
const (
	FlagCF   = 1 << 0
	FlagPF   = 1 << 2
	FlagAF   = 1 << 4
	FlagZF   = 1 << 6
	FlagSF   = 1 << 7
	FlagTF   = 1 << 8
	FlagIF   = 1 << 9
	FlagDF   = 1 << 10
	FlagOF   = 1 << 11
	FlagIOPL = 3 << 12
	FlagNT   = 1 << 14
	FlagRF   = 1 << 16
	FlagVM   = 1 << 17
	FlagAC   = 1 << 18
	FlagVIF  = 1 << 19
	FlagVIP  = 1 << 20
	FlagID   = 1 << 21

	FlagsArith = FlagCF | FlagPF | FlagAF | FlagZF | FlagSF | FlagOF
	// FlagsAll are the bits that exist; bit 1 reads as one.
	FlagsAll = FlagsArith | FlagTF | FlagIF | FlagDF | FlagIOPL | FlagNT | FlagRF | FlagVM | FlagAC | FlagVIF | FlagVIP | FlagID
)

// Bits of CR0, CR4 and EFER.
const (
	CR0PE = 1 << 0
	CR0MP = 1 << 1
	CR0EM = 1 << 2
	CR0TS = 1 << 3
	CR0ET = 1 << 4
	CR0NE = 1 << 5
	CR0WP = 1 << 16
	CR0AM = 1 << 18
	CR0NW = 1 << 29
	CR0CD = 1 << 30
	CR0PG = 1 << 31

	CR4VME        = 1 << 0
	CR4PVI        = 1 << 1
	CR4TSD        = 1 << 2
	CR4DE         = 1 << 3
	CR4PSE        = 1 << 4
	CR4PAE        = 1 << 5
	CR4MCE        = 1 << 6
	CR4PGE        = 1 << 7
	CR4PCE        = 1 << 8
	CR4OSFXSR     = 1 << 9
	CR4OSXMMEXCPT = 1 << 10
	CR4UMIP       = 1 << 11
	CR4FSGSBASE   = 1 << 16
	CR4PCIDE      = 1 << 17
	CR4OSXSAVE    = 1 << 18
	CR4SMEP       = 1 << 20
	CR4SMAP       = 1 << 21

	EFERSCE   = 1 << 0
	EFERLME   = 1 << 8
	EFERLMA   = 1 << 10
	EFERNXE   = 1 << 11
	EFERFFXSR = 1 << 14
	EFERAIBRS = 1 << 21 // AMD: automatic IBRS; without effect here
)

// CPL is the current privilege level: SS.DPL (AMD APM vol. 2, 4.8.3).
func (c *Core) CPL() uint8 { return uint8(c.Seg[segSS].Attr >> 5 & 3) }

// Long tells whether long mode is active: 64-bit or compatibility mode.
func (c *Core) Long() bool { return c.EFER&EFERLMA != 0 }

// Code64 tells whether 64-bit code runs.
func (c *Core) Code64() bool { return c.Long() && c.Seg[segCS].Attr&AttrL != 0 }

const (
	segES = iota
	segCS
	segSS
	segDS
	segFS
	segGS
)
