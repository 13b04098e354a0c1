package silicon

import (
	"encoding/binary"
	"fmt"

	"vmrecord/vmm/x86"
)

// Linear addresses, the same on both sides. Pages not named are not mapped.
const (
	codeAt    = 0x10000000 // readable, executable
	codeBytes = 0x8000
	dataAt    = 0x10010000 // two pages, readable and writable
	dataBytes = 0x2000
	fixedAt   = 0x10013000 // one page, readable
	pageBytes = 0x1000

	middle = dataAt + pageBytes // between the two data pages
	border = dataAt + dataBytes // behind the second one

	edgesAt    = 0x10020000 // pages of code, none of which has a neighbour
	edgeStride = 2 * pageBytes
	edges      = 24
	edgeBytes  = 64 // at a page's end, which cases use
)

// Every case has a slot of code. Slots start at slotAt, so that one in 64 lies
// in two pages. One case in brinkEvery of a unit stands at the end of an edge
// instead, and ends there or cannot be fetched in full.
const (
	slotAt     = codeAt + 0x38
	slotBytes  = 64
	slots      = 500
	brinkEvery = 25
)

// A Place is where a case's code may stand: in a slot, or at an edge for one
// that atBrink tells.
type Place struct{ Slot, Edge int }

// atBrink tells whether a unit's case of this number stands at an edge.
func atBrink(seq int) bool { return seq%brinkEvery == brinkEvery/2 }

// codeIndex is where a linear address of code is in the code pages followed by
// the ends of the edges; negative if it is in neither.
func codeIndex(la uint64) int {
	if la-codeAt < codeBytes {
		return int(la - codeAt)
	}
	n, at := (la-edgesAt)/edgeStride, (la-edgesAt)%edgeStride-(pageBytes-edgeBytes)
	if n >= edges || at >= edgeBytes {
		return -1
	}
	return int(codeBytes + n*edgeBytes + at)
}

// The windows of the data pages are part of a case: set before it, compared
// after it. The rest of the data pages must not change.
const (
	window1      = middle - 0x200
	window1Bytes = 0x400
	window2      = border - 0x100
	window2Bytes = 0x100
	windowBytes  = window1Bytes + window2Bytes
)

// window is the index in State.Win of a linear address, or -1.
func window(la uint64) int {
	switch {
	case la-window1 < window1Bytes:
		return int(la - window1)
	case la-window2 < window2Bytes:
		return int(la-window2) + window1Bytes
	}
	return -1
}

// A State is what an instruction in user mode can see and change. FX is the
// head of FXSAVE64's area (SDM vol. 1, table 10-2).
type State struct {
	R     [16]uint64
	RIP   uint64 // an offset in CS
	Flags uint64
	Sel   [6]uint16
	Base  [2]uint64 // of FS and GS
	FX    [fxBytes]byte
	Win   [windowBytes]byte
}

// Offsets in State.FX.
const (
	fxFCW   = 0
	fxFSW   = 2
	fxTags  = 4
	fxFOP   = 6
	fxFIP   = 8
	fxFDP   = 16
	fxMXCSR = 24
	fxST    = 32
	fxXMM   = 160
	fxBytes = 416
)

func (s *State) u16(at int) uint16      { return binary.LittleEndian.Uint16(s.FX[at:]) }
func (s *State) u32(at int) uint32      { return binary.LittleEndian.Uint32(s.FX[at:]) }
func (s *State) u64(at int) uint64      { return binary.LittleEndian.Uint64(s.FX[at:]) }
func (s *State) put16(at int, v uint16) { binary.LittleEndian.PutUint16(s.FX[at:], v) }
func (s *State) put32(at int, v uint32) { binary.LittleEndian.PutUint32(s.FX[at:], v) }
func (s *State) put64(at int, v uint64) { binary.LittleEndian.PutUint64(s.FX[at:], v) }
func (s *State) putWin(la uint64, b []byte) {
	for i, v := range b {
		if w := window(la + uint64(i)); w >= 0 {
			s.Win[w] = v
		}
	}
}

// A Unit is what cases are made and counted for: a row in one operand size, in
// 64-bit code or in compatibility mode. Mode is Mode64 or Mode32; some of the
// latter's cases run in 16-bit code. Size is Inst.OpSize.
type Unit struct {
	Row  uint16
	Mode x86.Mode
	Size uint8
}

// String is the form, its operand size and its mode.
func (u Unit) String() string {
	mode := 64
	if u.Mode != x86.Mode64 {
		mode = 32
	}
	return fmt.Sprintf("%-34s size %2d, %d-bit", x86.Table[u.Row].Text, u.Size, mode)
}

// A Case is one instruction with the state before it. It stands within its
// slot, or at an edge.
type Case struct {
	State
	Unit Unit
	Mode x86.Mode // in which it runs
	Code []byte
	Inst x86.Inst
	Seq  int // number of the case among its unit's
}

// An Outcome is the state after a case, and the exception that ended it: #BP
// from the INT3 behind the instruction, #DB from TF, or the instruction's own.
// Code is its error code; Addr, with #PF, CR2.
type Outcome struct {
	State
	Vector uint8
	Code   uint32
	Addr   uint64
}
