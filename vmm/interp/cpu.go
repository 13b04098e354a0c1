package interp

import (
	"math/bits"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// An Op is one decoded instruction with its semantic routine. Off is its
// distance from the start of its block.
type Op struct {
	Fn  func(*CPU, *Op)
	Off uint16
	EA  eaKind
	x86.Inst
}

// A CPU is the interpreter at work on one processor.
type CPU struct {
	cpu.Core

	// The arithmetic flags, lazily: what the last instruction that wrote them
	// left behind. RFLAGS in State holds the other bits; flags() puts the two
	// together.
	zr  uint64 // ZF: zr == 0
	sr  uint64 // SF: bit 63
	pr  uint8  // PF: even parity
	aux uint64 // CF: bit 63; OF: bit 63 xor bit 62; AF: bit 3

	mx   softfp.Env // what MXCSR says to arithmetic, and
	mxOf uint32     // the MXCSR that it was made from
	x87  softfp.Env // that of the current x87 instruction

	start  uint64 // RIP of the current block's first instruction
	i      int    // index of the current instruction in its block
	single bool   // look around after each step
	quiet  bool   // the current instruction sees to its single-step trap itself
	hits   uint64 // DR6 bits of the data and I/O breakpoints that it met
	leave  leave  // why to leave the block after the current instruction

	left  int64 // steps until the deadline, from the start of the current block
	limit vmm.Instant

	mode   x86.Mode
	guards guards
	cpl    uint8
	flat   bool // 64-bit code: no segment checks, FS and GS bases only
	chains bool // code in which RIP is the linear address and any of them may be run
	level  bool // code that may be translated: 64-bit, or 32-bit in flat segments
	armed  cpu.Watch
	checks bool // alignment is checked
	tlb    *[tlbSize]entry
	blk    *block

	tlbs    [cpu.Spaces]space
	space   int            // the current one
	writers []bool         // by page: some TLB lets stores to it go without asking
	victim  int            // the last space given away
	bank    int            // the current one's TLB in use
	noTags  [tlbSize]entry // never filled: in use where every access must be looked at

	board  *vmm.Board
	memGen uint32 // Mem.Gen when the TLBs were last emptied for it
	cache  cache
	fast   cpu.Translator // or nil
	tune   Tuning

	swiftSteps uint64
	crawled    bool // whether crawl stopped for something to look at
	err        error

	stops  stops
	struck bool // the step was not made: Board.Hit says why

	// Before, if set, is told of each instruction right before its routine runs:
	// where RIP is, the instant, and what was decoded there. State holds all
	// else but the arithmetic flags; nothing may be changed. It is called again
	// for a REP instruction that goes on and for one that faulted and is tried
	// anew. Nothing is translated meanwhile; it may be set between two Runs.
	Before func(ip uint64, at vmm.Instant, in *x86.Inst)
}

// Flags is RFLAGS, for Before: State has it exact only between two Runs.
func (c *CPU) Flags() uint64 { return c.flags() }

// leave says how a block is left before its end.
type leave uint8

const (
	stay    leave = iota
	after         // the next instruction follows this one: look around first
	jumped        // the instruction wrote RIP itself
	again         // the same instruction goes on: an unfinished REP
	unknown       // not an instruction we have: c.err says which
)

// flag tests, from the lazy form.
func (c *CPU) cf() bool { return c.aux>>63 != 0 }
func (c *CPU) zf() bool { return c.zr == 0 }
func (c *CPU) sf() bool { return c.sr>>63 != 0 }
func (c *CPU) of() bool { return (c.aux^c.aux<<1)>>63 != 0 }
func (c *CPU) pf() bool { return bits.OnesCount8(c.pr)&1 == 0 }
func (c *CPU) af() bool { return c.aux&8 != 0 }

// carry is CF as a number.
func (c *CPU) carry() uint64 { return c.aux >> 63 }

// cond evaluates a condition code (SDM vol. 1, appendix B).
func (c *CPU) cond(cc uint8) bool {
	var r bool
	switch cc >> 1 {
	case 0:
		r = c.of()
	case 1:
		r = c.cf()
	case 2:
		r = c.zf()
	case 3:
		r = c.cf() || c.zf()
	case 4:
		r = c.sf()
	case 5:
		r = c.pf()
	case 6:
		r = c.sf() != c.of()
	default:
		r = c.zf() || c.sf() != c.of()
	}
	return r != (cc&1 != 0)
}

// flags is RFLAGS, exact.
func (c *CPU) flags() uint64 {
	f := c.RFLAGS &^ cpu.FlagsArith
	if c.cf() {
		f |= cpu.FlagCF
	}
	if c.pf() {
		f |= cpu.FlagPF
	}
	if c.af() {
		f |= cpu.FlagAF
	}
	if c.zf() {
		f |= cpu.FlagZF
	}
	if c.sf() {
		f |= cpu.FlagSF
	}
	if c.of() {
		f |= cpu.FlagOF
	}
	return f
}

// setFlags replaces RFLAGS; the caller has applied masks and privilege.
func (c *CPU) setFlags(f uint64) {
	c.RFLAGS = f
	c.zr = ^f & cpu.FlagZF
	c.sr = f & cpu.FlagSF << 56
	c.pr = uint8(^f>>2) & 1
	c.aux = f&cpu.FlagCF<<63 | f&cpu.FlagAF>>1
	c.aux |= (c.aux >> 63 << 62) ^ (f & cpu.FlagOF << 51)
}

// setArith replaces the six arithmetic flags only.
func (c *CPU) setArith(f uint64) { c.setFlags(c.RFLAGS&^cpu.FlagsArith | f&cpu.FlagsArith) }

// setCF replaces CF only.
func (c *CPU) setCF(v bool) {
	of := c.aux ^ c.aux<<1
	c.aux &= 8
	if v {
		c.aux |= 1 << 63
	}
	c.aux |= (c.aux>>63<<62 ^ of>>1) & (1 << 62)
}

// syncFlags makes State.RFLAGS exact; loadFlags takes it over again after
// State was changed by cpu.Core.
func (c *CPU) syncFlags() { c.RFLAGS = c.flags() }
func (c *CPU) loadFlags() { c.setFlags(c.RFLAGS) }

// next is the address of the instruction after o, as RIP counts.
func (c *CPU) next(o *Op) uint64 {
	return c.wrapIP(c.start + uint64(o.Off) + uint64(o.Len))
}

// here is the address of o itself.
func (c *CPU) here(o *Op) uint64 { return c.wrapIP(c.start + uint64(o.Off)) }

func (c *CPU) wrapIP(ip uint64) uint64 {
	switch c.mode {
	case x86.Mode64:
		return ip
	case x86.Mode32:
		return ip & 0xffffffff
	}
	return ip & 0xffff
}

// jump continues at ip, already truncated to the operand size.
func (c *CPU) jump(ip uint64) {
	c.RIP = ip
	c.leave = jumped
}

// SetClock stores the steps completed before the current instruction on the
// board. It must precede every access to a device; the block is left after it.
func (c *CPU) SetClock() {
	if c.leave == stay {
		c.leave = after
	}
	c.board.SetNow(c.instant())
	c.stops.asked = c.instant() + 1
}
