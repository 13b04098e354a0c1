// Package interp is the reference engine: one plain function per semantic of
// the instruction table, on any host. Other engines must equal it.
//
// A block of instructions within a page is decoded once, from physical memory,
// and kept under its physical address and the guards it was decoded under:
// mode, ring 0 or not, and the switches that disable x87 and SSE. Stores to its
// 64-byte lines drop the page's blocks before the next instruction. An
// instruction that lies in two pages is compared byte by byte on every run, but
// for its translations, which are dropped as all others are. When blocks and
// translations hold more than two million instructions (heldMost), all are
// forgotten before the next stretch: what a guest can make the host keep has a
// bound, some 400 MB.
//
// # Time
//
// left counts the steps until the board's deadline, from the start of the
// current block; i is the instruction's index in it. Every device access stores
// the instant first (SetClock) and leaves the block after the instruction, so
// that deadlines, pins and windows that it moved are seen at the next boundary.
//
// # Flags
//
// The six arithmetic flags are kept lazily: result for ZF, SF and PF, and a
// word of carries for CF, OF and AF. State.RFLAGS holds the other bits, and is
// made whole when State leaves the engine or package cpu needs it.
//
// # Memory
//
// Direct-mapped TLBs, one for each set of rights (ring 3, supervisor with and
// without user data under SMAP), and one without tags for when every access is
// to be looked at (#AC, data breakpoints), hold page tags for read, for
// store without asking, for store at all, and for fetch. A page that is clean
// in this epoch or holds code or paging entries in use is not stored to without
// asking; such stores go through mem.RAM.Store. When a marked line is hit, the
// engine looks before the next instruction.
//
// There is a set of TLBs for each of the last few address spaces (space.go).
// Translations are coherent: nothing that the guest loads into CR3 makes them
// wrong, only a store to a paging entry does, but in PAE paging, whose first
// level is in registers. A store to the last level drops the translations of
// data in its line, 8 or 16; any other drops all.
//
// # Stops
//
// Stops (vmm.Stop) work as breakpoints do, with machinery of their own, so that
// DR0 to DR7 stay the guest's (stops.go). A block is run up to the next stop on
// code in it; pages with a stop on data are never tagged, so that accesses to
// them, and only they, are compared. What is struck is taken back, down to
// accessed bits.
//
// # Translated code
//
// NewTranslating makes an engine that hands hot blocks of 64-bit and 32-bit code
// to a cpu.Translator (translated.go). All that is exact stays here: the count of
// steps, faults, devices, and every instruction that the translation leaves.
package interp
