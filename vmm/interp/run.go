package interp

import (
	"fmt"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// New returns a reference engine.
func New() *CPU {
	c := new(CPU)
	for i := range c.noTags {
		c.noTags[i] = noEntry()
	}
	for i := range c.tlbs {
		c.tlbs[i].used = true
		c.tlbs[i].clear()
	}
	c.cache.reset()
	return c
}

// Close implements vmm.Engine.
func (c *CPU) Close() error {
	if c.fast == nil {
		return nil
	}
	return c.fast.Close()
}

// Err implements vmm.Engine.
func (c *CPU) Err() error { return c.err }

// Drop implements vmm.Engine.
func (c *CPU) Drop(p *mem.Pages) {
	if c.Mem == nil {
		return
	}
	if p == nil {
		for n := range c.Mem.Flags {
			c.Mem.ClearCode(uint32(n))
		}
		c.cache.reset()
		if c.fast != nil {
			c.fast.Attach(c.Mem)
		}
	} else {
		for _, n := range p.No {
			c.dropPage(n)
			c.Mem.ClearCode(n)
		}
	}
	c.flush()
}

// Run implements vmm.Engine.
func (c *CPU) Run(s *cpu.State, b *vmm.Board) vmm.Exit {
	if c.board != b {
		c.board, c.Mem, c.Bus = b, b.Mem, bus{b, c}
		c.writers, c.stops = nil, stops{}
		if c.fast != nil {
			c.fast.Attach(c.Mem)
		}
		c.flush()
	}
	if c.memGen != c.Mem.Gen {
		c.memGen = c.Mem.Gen
		c.flush()
	}
	c.State = *s
	c.loadFlags()
	c.takeStops()
	c.switchSpace()
	c.recode()
	e := c.run()
	c.syncFlags()
	*s = c.State
	return e
}

// maxStretch bounds the steps of one stretch, since left has a sign and a
// deadline may be vmm.Never.
const maxStretch = 1 << 62

// run alternates between the board's wishes and stretches of instructions.
func (c *CPU) run() vmm.Exit {
	b := c.board
	for {
		b.Attention = false
		if c.cache.held > heldMost {
			c.Drop(nil)
		}
		c.attend()
		now := b.Now()
		dead := min(b.Deadline(), now+maxStretch)
		if kind, _ := b.Stopped(); now >= dead || kind != vmm.StopNone || b.Wanted() {
			return vmm.Reached
		}
		if b.Pass {
			dead = now + 1
		}
		c.heedStops(len(c.stops.list) != 0 && !b.Pass)
		c.limit, c.left, c.i = dead, int64(dead-now), 0
		if !c.interrupt() {
			if c.Halted || c.Dead {
				return vmm.Halted
			}
			if c.stretch() == outFault {
				if c.deliver(); c.struck {
					c.restart()
				}
			}
		}
		b.SetNow(c.limit - vmm.Instant(c.left))
		if c.err != nil {
			return vmm.Unknown
		}
		b.Pass = false // one step was made
		if c.struck {
			c.struck = false
			return vmm.Struck
		}
	}
}

// attend does what was put off to the end of an instruction.
func (c *CPU) attend() {
	if len(c.Mem.Hits) != 0 {
		c.look()
	}
	if c.Stale {
		c.Stale = false
		c.flush()
	}
	if c.Switched {
		c.Switched = false
		c.switchSpace()
	}
	if c.Recode {
		c.recode()
	}
}

// recode derives what depends on mode and privilege.
func (c *CPU) recode() {
	c.Recode = false
	c.cpl = c.CPL()
	c.flat = c.Code64()
	cs := &c.Seg[x86.CS]
	c.chains = c.flat || cs.Base == 0 && cs.Limit == 0xffffffff
	switch {
	case c.flat:
		c.mode = x86.Mode64
	case c.Seg[x86.CS].Attr&cpu.AttrD != 0:
		c.mode = x86.Mode32
	default:
		c.mode = x86.Mode16
	}
	c.level = c.flat || c.mode == x86.Mode32 && c.chains && c.flatData()
	c.guards = guards(c.mode)
	for _, g := range [...]struct {
		on bool
		g  guards
	}{{c.cpl != 0, guardUser}, {c.CR0&cpu.CR0EM != 0, guardEM}, {c.CR0&cpu.CR0TS != 0, guardTS}, {c.CR4&cpu.CR4OSFXSR == 0, guardSSE}, {c.cpl == 3, guardRing}, {c.CR0&cpu.CR0MP != 0, guardMP}} {
		if g.on {
			c.guards |= g.g
		}
	}
	c.armed = c.Armed()
	c.pickTLB()
}

// flatData tells that offsets in DS, ES and SS are linear addresses, and that
// the stack pointer is ESP.
func (c *CPU) flatData() bool {
	s := &c.Seg
	return s[x86.DS].Flat() && s[x86.ES].Flat() && s[x86.SS].Flat() && s[x86.SS].Attr&cpu.AttrD != 0
}

type outcome uint8

const (
	outLook  outcome = iota // the deadline, or something to look at
	outFault                // c.Fault wants delivery
	outStop                 // c.err says why
)

// stretch runs blocks until there is something to look at. A guest fault
// arrives here as a panic with the Core's own Fault.
func (c *CPU) stretch() (out outcome) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *cpu.Fault:
			c.abandon()
			out = outFault
		case cpu.Unbuilt:
			c.err = fmt.Errorf("%w, at RIP %#x", r, c.RIP)
			c.abandon()
			out = outStop
		default:
			c.abandon()
			switch r {
			case errStop:
				out = outStop
			case errStruck:
				c.strike()
				c.restart()
			default:
				panic(r)
			}
		}
	}()
	c.blk = nil
	tf, calm := c.RFLAGS&cpu.FlagTF != 0, c.RFLAGS&cpu.FlagRF != 0 || c.Shadow&cpu.ShadowMovSS != 0
	single := tf || c.Shadow != 0 || c.armed&(cpu.WatchData|cpu.WatchIO) != 0
	c.stops.start, c.stops.rf, c.stops.shadow = c.instant(), c.RFLAGS&cpu.FlagRF, c.Shadow
	c.RFLAGS &^= cpu.FlagRF
	c.Shadow, c.single, c.quiet, c.hits = 0, single, false, 0
	odd := single || c.armed&cpu.WatchExec != 0
	var prev *block
	for c.left > 0 {
		c.blk = nil
		if c.stops.on {
			c.heedExec()
		}
		if odd && !calm {
			c.codeBreak()
		}
		b := prev
		if prev == nil {
			b = c.lookup()
		} else {
			b = c.follow(prev)
		}
		if c.fast != nil && c.Before == nil && !odd && c.left >= margin+int64(len(b.ops)) && c.swift() {
			if t := c.ready(b); t != nil {
				if c.sprint(t) {
					break
				}
				prev = nil
				continue
			}
		}
		c.start, c.blk, prev = c.RIP, b, b
		n := len(b.ops)
		if odd {
			n, calm = c.before(b), false
		}
		if c.stops.on {
			n = c.upTo(b, n)
		}
		if c.block(b.ops[:min(int64(n), c.left)]) || single {
			break
		}
	}
	c.blk = nil
	if single {
		c.traps(tf)
	}
	return outLook
}

// block runs instructions and tells whether to look around after them.
func (c *CPU) block(ops []Op) bool {
	c.stops.entry, c.stops.sti = c.left, false
	if c.Before != nil {
		return c.told(ops)
	}
	for i := range ops {
		o := &ops[i]
		c.i = i
		o.Fn(c, o)
		if c.leave != stay {
			return c.cut(o)
		}
	}
	return c.completed(ops)
}

// told is the rest of block where somebody is told of each instruction.
func (c *CPU) told(ops []Op) bool {
	for i := range ops {
		o := &ops[i]
		c.i = i
		c.Before(c.here(o), c.instant(), &o.Inst)
		o.Fn(c, o)
		if c.leave != stay {
			return c.cut(o)
		}
	}
	return c.completed(ops)
}

// completed accounts for a block run to its end.
func (c *CPU) completed(ops []Op) bool {
	c.left -= int64(len(ops))
	c.i = 0
	last := &ops[len(ops)-1]
	c.RIP = c.next(last)
	return c.board.Attention
}

// cut accounts for a block left early, after o.
func (c *CPU) cut(o *Op) bool {
	l := c.leave
	c.leave = stay
	steps := c.i + 1
	switch l {
	case after:
		c.RIP = c.next(o)
	case again:
		c.RIP = c.here(o)
		if c.RFLAGS&cpu.FlagTF == 0 {
			c.RFLAGS |= cpu.FlagRF // for what comes between two iterations, see debug.go
		}
		steps--
	}
	c.left -= int64(steps)
	c.i = 0
	return l != jumped || c.Recode || c.Stale || c.Switched || c.board.Attention || len(c.Mem.Hits) != 0
}

// abandon makes State that of before the instruction that faulted.
func (c *CPU) abandon() {
	c.leave = stay
	c.stops.going = c.blk != nil && c.left != c.stops.entry
	if c.blk == nil { // the fetch itself
		c.stops.sti = false
		return
	}
	c.RIP = c.here(&c.blk.ops[c.i])
	if f := &c.Fault; f.NonCanon && c.blk.ops[c.i].Mem.Seg == x86.SS {
		f.Vector = cpu.SS
	}
	c.left -= int64(c.i)
	c.i = 0
}

// deliver gives c.Fault to the guest: one step.
func (c *CPU) deliver() {
	defer c.undelivered()
	c.hold()
	c.syncFlags()
	c.Core.Deliver()
	c.loadFlags()
	c.left--
	c.Overhead++
}

// undelivered ends a delivery that is struck, and stops the machine where one
// needs what is not modelled.
func (c *CPU) undelivered() {
	switch r := recover().(type) {
	case nil:
	case cpu.Unbuilt:
		c.err = fmt.Errorf("%w, at RIP %#x", r, c.RIP)
	default:
		if r != errStruck {
			panic(r)
		}
		c.strike()
	}
}

// interrupt samples the pins at a boundary and delivers what is due; it tells
// whether something was.
func (c *CPU) interrupt() bool {
	b := c.board
	if c.Dead || c.Shadow&cpu.ShadowMovSS != 0 {
		return false
	} else if c.PendDB != 0 {
		c.hold()
		c.trap()
	} else if c.Shadow != 0 {
		return false
	} else if b.NMIPending() && !c.NMIBlock {
		c.inject(true)
	} else if b.INTR() && c.RFLAGS&cpu.FlagIF != 0 {
		c.inject(false)
	} else {
		return false
	}
	return true
}

// inject delivers an NMI or what is on the INTR pin: one step.
func (c *CPU) inject(nmi bool) {
	defer c.undelivered()
	c.hold()
	c.keepBoard()
	vector := uint8(cpu.NMI)
	if nmi {
		c.board.TakeNMI()
		c.NMIBlock = true
	} else {
		c.SetClock()
		c.stops.asked = 0 // keepBoard knows of it
		vector = c.board.Acknowledge()
	}
	c.heedVector(vmm.StopVector, vector)
	c.Halted = false
	c.syncFlags()
	c.Core.Interrupt(vector)
	c.loadFlags()
	c.left--
	c.Overhead++
}

// bus is the board as a cpu.Bus.
type bus struct {
	*vmm.Board
	c *CPU
}

func (b bus) SetClock() { b.c.SetClock() }
