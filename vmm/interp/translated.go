package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

const (
	variants = 4               // translations of one block: by address and rights
	margin   = 2 * cpu.MaxCode // steps before the deadline that are the reference engine's own
	slice    = 250_000         // steps at most in translated code: the host's collector waits for it
)

// A Tuning sets what changes speed and nothing else; 0 is as usual.
type Tuning struct {
	Hot  uint8 // runs of a block before it is translated
	Most int   // instructions of a block that are translated
}

// NewTranslating returns an engine that hands its hot 64-bit code to t.
func NewTranslating(t cpu.Translator, tune Tuning) *CPU {
	c := New()
	c.fast, c.tune = t, tune
	if tune.Hot == 0 {
		c.tune.Hot = 12
	}
	if tune.Most == 0 {
		c.tune.Most = cpu.MaxCode
	}
	return c
}

// Translator is the translator in use, or nil. Translated counts the steps that
// its code did itself.
func (c *CPU) Translator() cpu.Translator { return c.fast }
func (c *CPU) Translated() uint64         { return c.swiftSteps }

// A translation is a block's code for one address and one set of rights.
type translation struct {
	cpu.Code
	b *block
}

// swift tells whether translated code may run at all: 64-bit code, no access
// that must be looked at, no floating-point exception that could be raised.
func (c *CPU) swift() bool {
	return c.flat && c.tlb != &c.noTags && c.MXCSR&mxcsrMasks == mxcsrMasks
}

// mxcsrMasks are the bits that mask every exception (SDM vol. 1, 10.2.3).
const mxcsrMasks = 0x1f80

// bank is the number of the TLB in use.
func (c *CPU) bank() int {
	for i := range c.tlbs {
		if c.tlb == &c.tlbs[i] {
			return i
		}
	}
	return banks
}

// ready returns b's translation for RIP and the current rights, making it if
// b is hot; nil if there is none.
func (c *CPU) ready(b *block) *translation {
	if b.heat < c.tune.Hot {
		b.heat++
		return nil
	}
	bank := c.bank()
	for _, t := range b.fast {
		if t.LA == c.RIP && t.Bank == bank && t.Entry != 0 {
			return t
		}
	}
	if b.cross || b.refused {
		return nil
	}
	return c.translateBlock(b, bank)
}

func (c *CPU) translateBlock(b *block, bank int) *translation {
	t := &translation{b: b, Code: cpu.Code{LA: c.RIP, PA: c.fetch(c.RIP), User: c.cpl == 3, Bank: bank,
		Mode: uint16(c.guards)<<2 | uint16(bank), Insts: make([]x86.Inst, min(len(b.ops), c.tune.Most))}}
	t.Owner = t
	for i := range t.Insts {
		t.Insts[i] = b.ops[i].Inst
	}
	if len(b.fast) == variants {
		c.fast.Drop(&b.fast[0].Code)
		b.fast = append(b.fast[:0], b.fast[1:]...)
	}
	if !c.fast.Translate(&t.Code) {
		b.refused = true
		return nil
	}
	b.fast = append(b.fast, t)
	return t
}

// dropFast forgets what was made of b.
func (c *CPU) dropFast(b *block) {
	for _, t := range b.fast {
		c.fast.Drop(&t.Code)
	}
	b.fast = nil
}

// sprint runs t and what follows it, as far as translated code leads. It tells
// whether to look around; if not, RIP is where to go on.
func (c *CPU) sprint(t *translation) (look bool) {
	left := c.left
	look = c.dash(t)
	c.swiftSteps += uint64(left - c.left)
	return look
}

func (c *CPU) dash(t *translation) (look bool) {
	later := max(c.left-slice, 0) // beyond this slice
	c.syncFlags()
	l := c.fast.Enter(&c.State, &t.Code, c.left-later-margin)
	for {
		c.left = l.Left + margin + later
		c.loadFlags()
		switch l.Kind {
		case cpu.LeaveBudget:
			c.RIP = l.Code.At(l.K)
			c.left -= int64(l.K)
			return true
		case cpu.LeaveJump:
			c.RIP, c.blk = l.RIP, nil
			if l.Left <= 0 {
				return true
			}
			next := c.ready(c.lookup())
			if next == nil || l.Left < int64(len(next.Insts)) {
				return false
			}
			c.fast.Link(&next.Code, next.PA)
			c.syncFlags()
			l = c.fast.Enter(&c.State, &next.Code, l.Left)
		default:
			if c.carryOut(&l) {
				return c.cut(&c.blk.ops[c.i])
			}
			c.syncFlags()
			l = c.fast.Resume(&c.State, c.left-margin-later)
		}
	}
}

// carryOut does one instruction that translated code left to the reference,
// and tells whether the block must be left after it.
func (c *CPU) carryOut(l *cpu.Leave) bool {
	b := l.Code.Owner.(*translation).b
	o := &b.ops[l.K]
	c.blk, c.start, c.i = b, l.Code.LA, l.K
	tlb, left := c.tlb, c.left
	o.Fn(c, o)
	c.swiftSteps -= uint64(left-c.left) + 1
	if c.leave == stay && (c.tlb != tlb || c.Recode || c.Stale || c.board.Attention || !c.swift()) {
		c.leave = after
	}
	if c.leave != stay {
		return true
	}
	if e, page := &tlb[l.Addr>>12%tlbSize], l.Addr&^pageMax; l.Addr != cpu.NoAddr && e.r == page {
		c.fast.Cache(l.Code.Bank, page, page+e.add, e.w == page)
	}
	return false
}
