package interp

import (
	"slices"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
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

// NewTranslating returns an engine that hands its hot 64-bit and 32-bit code to t.
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

// swift tells whether translated code may run at all: no segments to check, no
// access that must be looked at, no floating-point exception that could be raised.
func (c *CPU) swift() bool {
	return c.level && c.tlb != &c.noTags && c.MXCSR&mxcsrMasks == mxcsrMasks
}

// mxcsrMasks are the bits that mask every exception (SDM vol. 1, 10.2.3).
const mxcsrMasks = 0x1f80

// ready returns b's translation for RIP and the current rights, making it if
// b is hot; nil if there is none.
func (c *CPU) ready(b *block) *translation {
	if b.heat < c.tune.Hot {
		b.heat++
		return nil
	}
	mode := c.modeOf()
	for _, t := range b.fast {
		if t.LA == c.RIP && t.Mode == mode && t.Entry != 0 && (!b.cross || t.PA == c.fetch(t.LA) && t.PA2 == c.fetch((t.LA+pageMax)&^pageMax)) {
			return t
		}
	}
	if b.refused || c.stopsIn(int(b.size)) {
		return nil
	}
	return c.translateBlock(b)
}

// modeOf is all that decides what bytes mean.
func (c *CPU) modeOf() uint16 {
	m := uint16(c.guards)
	if c.noTSC() {
		m |= 1 << 8
	}
	return m
}

func (c *CPU) noTSC() bool { return c.CR4&cpu.CR4TSD != 0 && c.cpl != 0 }

func (c *CPU) translateBlock(b *block) *translation {
	n := min(len(b.ops), c.tune.Most)
	if b.ops[n-1].Sem == x86.SemSti { // see cpu.Leave
		n--
	}
	if n == 0 || c.cpl == 1 || c.cpl == 2 { // a Code is the supervisor's or a user's
		b.refused = true
		return nil
	}
	t := &translation{b: b, Code: cpu.Code{LA: c.RIP, PA: c.fetch(c.RIP), User: c.cpl == 3,
		NoTSC: c.noTSC(), Narrow: !c.flat, Insts: make([]x86.Inst, n)}}
	t.Owner, t.Mode = t, c.modeOf()
	t.Other = uint16(c.guards ^ (guardUser | guardRing))
	for i := range t.Insts {
		t.Insts[i] = b.ops[i].Inst
	}
	if b.cross {
		c.split(t)
	}
	if len(b.fast) == variants {
		c.fast.Drop(&b.fast[0].Code)
		c.cache.held -= len(b.fast[0].Insts)
		b.fast = append(b.fast[:0], b.fast[1:]...)
	}
	if !c.fast.Translate(&t.Code) {
		b.refused = true
		return nil
	}
	b.fast = append(b.fast, t)
	c.cache.held += n
	return t
}

// split says where the second page of a crossing is, and has both pages tell of
// stores to it. In 32-bit code it is never linear page 0: what goes on beyond
// 4 GiB has raised #GP(0).
func (c *CPU) split(t *translation) {
	next := (t.LA + pageMax) &^ pageMax
	t.Split, t.PA2 = true, c.fetch(next)
	n := int(next - t.LA)
	for i, pa := range [2]uint64{t.PA, t.PA2} {
		size := n
		if i == 1 {
			size = int(t.Insts[0].Len) - n
		}
		c.Mem.MarkCode(pa, size)
		c.dropWrites(pa)
		if p := uint32(pa >> 12); !slices.Contains(c.cache.splits[p], t.LA) {
			c.cache.splits[p] = append(c.cache.splits[p], t.LA)
		}
	}
}

// dropFast forgets what was made of b.
func (c *CPU) dropFast(b *block) {
	for _, t := range b.fast {
		c.fast.Drop(&t.Code)
		c.cache.held -= len(t.Insts)
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
	later := max(c.left-slice, 0) + margin // not for translated code
	c.syncFlags()
	was := c.RFLAGS & cpu.FlagAC
	l := c.fast.Enter(&c.State, &t.Code, c.grant(later))
	for {
		c.left = l.Left + later
		if ac := c.RFLAGS & cpu.FlagAC; c.CPL() != c.cpl {
			was = ac
			c.recode() // SYSCALL, SYSRET or IRET
		} else if ac != was {
			was = ac
			c.pickTLB() // STAC or CLAC
		}
		c.loadFlags()
		switch l.Kind {
		case cpu.LeaveBudget:
			c.RIP = l.Code.At(l.K)
			c.left -= int64(l.K)
			return true
		case cpu.LeaveJump:
			c.RIP, c.blk, c.i = l.RIP, nil, 0
		default:
			if l.Kind == cpu.LeaveMiss && c.find(&l) {
				c.syncFlags()
				l = c.fast.Retry(&c.State, c.grant(later))
				continue
			}
			if !c.carryOut(&l) {
				c.syncFlags()
				l = c.fast.Resume(&c.State, c.grant(later))
				continue
			}
			if c.cut(&c.blk.ops[c.i]) && !c.rearm() {
				return true
			}
			c.blk = nil
			was = c.RFLAGS & cpu.FlagAC
		}
		next := c.crawl(later)
		if next == nil {
			return c.crawled
		}
		if l.Kind == cpu.LeaveJump && l.RIP == next.LA {
			c.fast.Link(&next.Code)
		}
		c.syncFlags()
		was = c.RFLAGS & cpu.FlagAC
		l = c.fast.Enter(&c.State, &next.Code, c.grant(later))
	}
}

// crawl runs what is not translated, up to a block that is. It returns nil
// where there is something to do first; crawled says whether to look around.
func (c *CPU) crawl(later int64) *translation {
	for {
		c.crawled = true
		if c.left <= later {
			return nil
		}
		if c.stopAt(c.RIP) { // before the fetch
			c.crawled = false
			return nil
		}
		b := c.lookup()
		t := c.ready(b)
		if c.left-later < int64(len(b.ops)) || !c.swift() || c.stopsIn(int(b.size)) {
			c.crawled = false
			return nil
		}
		if t != nil {
			return t
		}
		c.start, c.blk = c.RIP, b
		if c.block(b.ops) {
			return nil
		}
		c.blk = nil
	}
}

// grant is what translated code may do now, with so many steps kept back.
func (c *CPU) grant(later int64) cpu.Run {
	return cpu.Run{Budget: c.left - later, TSC: uint64(c.limit) - uint64(later), Space: c.space, SMAP: c.CR4&cpu.CR4SMAP != 0,
		Pending: c.board.INTR() || c.board.NMIPending(), Stops: c.stops.on && c.stops.back}
}

// rearm does what is left to do at a boundary if it is only a change of mode
// or of the address space, and tells whether translated code may go on.
func (c *CPU) rearm() bool {
	if c.board.Attention || c.board.INTR() || c.board.NMIPending() || c.Shadow != 0 || c.PendDB != 0 || c.Halted || c.Dead ||
		c.RFLAGS&(cpu.FlagTF|cpu.FlagRF) != 0 {
		return false
	}
	c.attend()
	return c.armed == 0 && c.swift()
}

// find caches the translation that an access missed. It tells whether the
// access can be tried again; if not, the reference carries it out.
func (c *CPU) find(l *cpu.Leave) bool {
	page := l.Addr &^ pageMax
	odd := x86.Table[l.Code.Insts[l.K].Row].Attr&x86.AttrA16 != 0 && l.Addr&uint64(l.Size-1) != 0 // #GP comes before #PF
	if odd || l.Addr&pageMax+uint64(l.Size) > mem.PageBytes || !cpu.Canonical(l.Addr) {
		return false
	}
	c.blk, c.start, c.i = l.Code.Owner.(*translation).b, l.Code.LA, l.K
	c.stops.entry, c.stops.sti = c.left, l.Shadow
	e := &c.tlb[l.Addr>>12%tlbSize]
	if e.r != page || l.Write && e.w != page {
		_, _ = c.fill(l.Addr, l.Write)
	}
	if e.r != page || l.Write && e.w != page || c.leave != stay {
		return false
	}
	c.fast.Cache(c.space, c.bank, page, page+e.add, e.w == page)
	return true
}

// carryOut does the instructions in a row that translated code left to the
// reference, and tells whether the block must be left after the last.
func (c *CPU) carryOut(l *cpu.Leave) bool {
	b := l.Code.Owner.(*translation).b
	c.blk, c.start = b, l.Code.LA
	tlb, left := c.tlb, c.left
	c.stops.entry, c.stops.sti = left, l.Shadow
	for c.i = l.K; ; c.i++ {
		o := &b.ops[c.i]
		o.Fn(c, o)
		c.swiftSteps--
		c.stops.sti = false
		if c.leave == stay && (c.tlb != tlb || c.Recode || c.Stale || c.Switched || c.board.Attention || !c.swift()) {
			c.leave = after
		}
		if c.leave != stay {
			c.swiftSteps -= uint64(left - c.left)
			return true
		}
		if l.Kind == cpu.LeaveMiss || c.i+1 == len(l.Code.Insts) || l.Code.Rest[c.i+1] == 0 {
			break
		}
	}
	c.swiftSteps -= uint64(left - c.left)
	return false
}
