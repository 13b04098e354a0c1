//go:build linux && amd64

package jit

import (
	"unsafe"

	"vmrecord/vmm/cpu"
)

// enter runs emitted code at address code with RSP at state. It is left by
// emitted code too, which restores RSP and RBP; every other register is lost,
// as in any call between ABI0 functions.
//
//go:noescape
func enter(state, code uintptr)

// cpuid executes CPUID of the host.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// An arena is what emitted code reaches through RSP: the guest's registers as
// of the last exit, scratch words, and the caches it looks up itself. It lies
// outside the collector's memory and holds no pointer into it.
type arena struct {
	R [16]uint64 // RSP points behind it; R13 to R15 live here

	Budget int64  // steps left
	Flags  uint64 // AH and AL as LAHF and SETO AL leave them
	Save   uint64 // RAX, while flags are restored or far is looked at,
	Save2  uint64 // and RCX
	Target uint64 // of an indirect call
	Addr   uint64 // linear address of the access that missed
	Site   uint64 // low half: the number of the exit; high half is zero
	FS, GS uint64 // segment bases

	KernelGS  uint64
	Bank      uint64 // address of the TLB in use,
	Open      uint64 // of that for RFLAGS.AC = 1 in ring 0,
	Closed    uint64 // and = 0
	Pages     uint64 // address of the tables of Exec in use
	StackTag  uint64 // minus the address of the stack's page
	StackEnd  uint64 // offsets below this are served; 0: none
	StackHost uint64 // where the page is
	System    uint64 // RFLAGS but for the arithmetic flags
	Pending   uint64 // 1: an interrupt waits to be let in
	Before    uint64 // System before the last STI
	TSC       uint64 // when the budget is 0
	Offset    uint64 // State.TSCOffset
	Aux       uint64 // what RDTSCP puts into RCX
	Gates     uint64 // 1: SYSCALL and SYSRET change rings here
	Crossed   uint64 // the last change of rings, or IRET, since the entry
	LSTAR     uint64 // where SYSCALL leads,
	Kept      uint64 // and the flags that it keeps

	Returns [2]uint64 // 1: IRET returns here, to ring 0, and to ring 3
	Barred  uint64    // the flags that it must not find
	GDT     uint64    // where that is,
	GDTEnd  uint64    // and the last place of a descriptor in it
	Frame   uint64    // where what IRET pops is in the host
	CS, SS  uint64    // what it popped last

	Loaded  uint64 // XMM and MXCSR are in the host's registers
	MXGuest uint32
	MXHost  uint32
	GoSP    uint64
	GoBP    uint64
	Resume  uint64 // where the prologue jumps to
	TopFS   int64  // see cpu.Segment.Top
	TopGS   int64
	Extents [extents]extent
	Missed  uint64 // accesses that the near tables did not serve

	X [16][2]uint64

	TLB   [cpu.Spaces][cpu.Banks]table
	Exec  [cpu.Spaces][2][execSize]uint64
	Jumps [jumpSize]jump
}

// An extent is a page that a loop goes on in: minus its address, where it is, and below what
// offsets it may be read and written; 0: nowhere.
type extent struct{ Tag, Host, Read, Write uint64 }

// A table is the translations of one bank of a space. What code looks up
// itself is near; near is a part of far.
type table struct {
	near [tlbSize]entry
	far  [farSize]entry
}

// An entry is one translation: tags are minus the page's linear address, or
// noTag's, and host is where the page is.
type entry struct {
	r, w   uint64
	host   uint64
	listed uint64 // it is in Translator.cached
}

// A jump is an entry of the cache behind indirect jumps: RIP plus the code's
// kind, the key that its page has while it is where it was and that key's
// place in Pages, and where the translation for flags in memory begins. Empty,
// its tag is its number: no kind is 0.
type jump struct{ tag, key, page, code uint64 }

const (
	tlbSize  = 1024
	farSize  = 8192
	execSize = 4096
	jumpSize = 65536
)

// Offsets from RSP.
const (
	bias       = int64(unsafe.Offsetof(arena{}.Budget))
	oR         = -bias
	oBudget    = 0
	oFlags     = int64(unsafe.Offsetof(arena{}.Flags)) - bias
	oSave      = int64(unsafe.Offsetof(arena{}.Save)) - bias
	oSave2     = int64(unsafe.Offsetof(arena{}.Save2)) - bias
	oTarget    = int64(unsafe.Offsetof(arena{}.Target)) - bias
	oAddr      = int64(unsafe.Offsetof(arena{}.Addr)) - bias
	oSite      = int64(unsafe.Offsetof(arena{}.Site)) - bias
	oFS        = int64(unsafe.Offsetof(arena{}.FS)) - bias
	oGS        = int64(unsafe.Offsetof(arena{}.GS)) - bias
	oTopFS     = int64(unsafe.Offsetof(arena{}.TopFS)) - bias
	oTopGS     = int64(unsafe.Offsetof(arena{}.TopGS)) - bias
	oMissed    = int64(unsafe.Offsetof(arena{}.Missed)) - bias
	oKernelGS  = int64(unsafe.Offsetof(arena{}.KernelGS)) - bias
	oSystem    = int64(unsafe.Offsetof(arena{}.System)) - bias
	oPending   = int64(unsafe.Offsetof(arena{}.Pending)) - bias
	oBefore    = int64(unsafe.Offsetof(arena{}.Before)) - bias
	oTSC       = int64(unsafe.Offsetof(arena{}.TSC)) - bias
	oOffset    = int64(unsafe.Offsetof(arena{}.Offset)) - bias
	oAux       = int64(unsafe.Offsetof(arena{}.Aux)) - bias
	oGates     = int64(unsafe.Offsetof(arena{}.Gates)) - bias
	oCrossed   = int64(unsafe.Offsetof(arena{}.Crossed)) - bias
	oLSTAR     = int64(unsafe.Offsetof(arena{}.LSTAR)) - bias
	oKept      = int64(unsafe.Offsetof(arena{}.Kept)) - bias
	oReturns   = int64(unsafe.Offsetof(arena{}.Returns)) - bias
	oBarred    = int64(unsafe.Offsetof(arena{}.Barred)) - bias
	oGDT       = int64(unsafe.Offsetof(arena{}.GDT)) - bias
	oGDTEnd    = int64(unsafe.Offsetof(arena{}.GDTEnd)) - bias
	oFrame     = int64(unsafe.Offsetof(arena{}.Frame)) - bias
	oCS        = int64(unsafe.Offsetof(arena{}.CS)) - bias
	oSS        = int64(unsafe.Offsetof(arena{}.SS)) - bias
	oBank      = int64(unsafe.Offsetof(arena{}.Bank)) - bias
	oOpen      = int64(unsafe.Offsetof(arena{}.Open)) - bias
	oClosed    = int64(unsafe.Offsetof(arena{}.Closed)) - bias
	oStackTag  = int64(unsafe.Offsetof(arena{}.StackTag)) - bias
	oStackEnd  = int64(unsafe.Offsetof(arena{}.StackEnd)) - bias
	oStackHost = int64(unsafe.Offsetof(arena{}.StackHost)) - bias
	oExtents   = int64(unsafe.Offsetof(arena{}.Extents)) - bias
	oPages     = int64(unsafe.Offsetof(arena{}.Pages)) - bias
	oJumps     = int64(unsafe.Offsetof(arena{}.Jumps)) - bias
	oLoaded    = int64(unsafe.Offsetof(arena{}.Loaded)) - bias
	oMXGuest   = int64(unsafe.Offsetof(arena{}.MXGuest)) - bias
	oMXHost    = int64(unsafe.Offsetof(arena{}.MXHost)) - bias
	oGoSP      = int64(unsafe.Offsetof(arena{}.GoSP)) - bias
	oGoBP      = int64(unsafe.Offsetof(arena{}.GoBP)) - bias
	oResume    = int64(unsafe.Offsetof(arena{}.Resume)) - bias
	oX         = int64(unsafe.Offsetof(arena{}.X)) - bias

	userTLB    = int64(unsafe.Sizeof(table{})) * (cpu.BankUser - cpu.BankSystem) // from Open to the user's
	ringExec   = int64(unsafe.Sizeof([execSize]uint64{}))                        // from Exec of the system to the user's
	entryBytes = int64(unsafe.Sizeof(entry{}))
	oFar       = int64(unsafe.Offsetof(table{}.far)) // from the table
)

// enterSpace chooses the tables of a space for code of a ring.
func (a *arena) enterSpace(r cpu.Run, user, ac bool) {
	t := &a.TLB[r.Space]
	open := uint64(uintptr(unsafe.Pointer(&t[cpu.BankSystem])))
	closed := open
	if r.SMAP {
		closed = uint64(uintptr(unsafe.Pointer(&t[cpu.BankClosed])))
	}
	ring := 0
	switch a.Open, a.Closed = open, closed; {
	case user:
		a.Bank = uint64(uintptr(unsafe.Pointer(&t[cpu.BankUser])))
		ring = 1
	case ac:
		a.Bank = open
	default:
		a.Bank = closed
	}
	a.Pages = uint64(uintptr(unsafe.Pointer(&a.Exec[r.Space][ring])))
}

func (a *arena) rsp() uintptr { return uintptr(unsafe.Pointer(&a.Budget)) }

// address is where the bytes are for the host's processor; they must not be
// the collector's to move or free while emitted code uses them.
func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
