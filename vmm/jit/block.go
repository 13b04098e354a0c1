//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// An emitter translates one Code.
type emitter struct {
	*Translator
	c    *cpu.Code
	k    int       // the instruction being translated
	in   *x86.Inst // likewise
	next uint64    // the address after it

	flags  place
	recipe recipe
	owed   bool   // the steps are not yet taken off the budget
	retry  int    // where the current access begins
	vector bool   // some instruction uses XMM registers in place
	rounds bool   // it is a loop with a body of its own for all times but the first
	back   []hole // that the jumps to it lead to

	reaches []reach // by number of the extent

	cold []func() // what is emitted after the block
	undo *done    // where the current instruction ends
}

// done is what is known of an instruction once it is translated: where the
// next one begins, and where the flags are there.
type done struct {
	at    int
	flags place
}

// Translate implements cpu.Translator.
func (j *Translator) Translate(c *cpu.Code) bool {
	if len(j.buf)-j.p < roomBytes {
		j.reset()
	}
	e := &emitter{Translator: j, c: c, owed: true, next: c.LA}
	for i := range c.Insts {
		respell(&c.Insts[i])
	}
	if e.pointless() {
		return false
	}
	for i := range c.Insts {
		if in := &c.Insts[i]; e.native(in) {
			e.stats.Native++
			e.vector = e.vector || usesVector(in)
		}
	}
	j.p = (j.p + 15) &^ 15
	c.Rest = make([]uint32, len(c.Insts))
	e.begin()
	if c.Split {
		e.checkSecond()
	}
	e.rounds = e.loops()
	e.steps()
	if e.rounds {
		e.around()
	}
	for i := 0; i < len(e.cold); i++ { // they may add more
		e.cold[i]()
	}
	j.codes = append(j.codes, c)
	j.stats.Blocks++
	j.stats.Insts += uint64(len(c.Insts))
	return true
}

// pointless tells that so much would be left to the reference that it had
// better do it all.
func (e *emitter) pointless() bool {
	left := 0
	for i := range e.c.Insts {
		if !e.native(&e.c.Insts[i]) {
			left++
		}
	}
	return left > 2 && left*4 > len(e.c.Insts)
}

// begin emits the two entries: with the flags in the host's register, and in
// memory. The body takes them as its first use of them would have them.
func (e *emitter) begin() {
	c := e.c
	c.Entry, c.Loop = uint32(e.p), 0
	if e.wantsMemory() {
		e.saveFlags()
		e.flags = inMemory
		c.Alt = uint32(e.p)
	} else {
		body := e.p
		e.cold = append(e.cold, func() {
			c.Alt = uint32(e.p)
			e.loadFlags()
			e.fill(e.jmp(), body)
		})
	}
	e.cold = append(e.cold, func() {
		for i := range c.Gone {
			c.Gone[i] = uint32(e.p)
			at := int32(c.Alt + 1)
			if i == 0 {
				e.saveFlags()
				at = int32(c.Entry + 1)
			}
			e.leaveBy(site{code: c, kind: cpu.LeaveJump, rip: c.LA, saved: i == 1, stale: true, at: at})
		}
	})
}

// wantsMemory tells whether the block may leave, or needs the host's flags for
// its own, before it looks at the guest's or overwrites them.
func (e *emitter) wantsMemory() bool {
	if e.c.Split {
		return true
	}
	for k := range e.c.Insts {
		in := &e.c.Insts[k]
		if !e.native(in) || hasMemory(in) || usesVector(in) {
			return true
		}
		if reads, writes, _ := flagUse(in); reads || writes {
			return false
		}
	}
	return true
}

// steps translates the instructions.
func (e *emitter) steps() {
	for k := range e.c.Insts {
		e.step(k)
	}
	if !e.closed() {
		e.k++
		e.follow(e.next)
	}
}

// step translates instruction k.
func (e *emitter) step(k int) {
	e.k, e.in = k, &e.c.Insts[k]
	e.next = e.c.Wrap(e.next + uint64(e.in.Len))
	e.undo = new(done)
	if e.native(e.in) {
		e.translate()
	} else {
		e.leaveTo()
	}
	e.undo.at, e.undo.flags = e.p, e.flags
}

// closed tells whether the last instruction leaves in every case.
func (e *emitter) closed() bool {
	switch in := e.in; in.Sem {
	case x86.SemJmp, x86.SemJcc, x86.SemCall, x86.SemRet, x86.SemSyscall, x86.SemSysret, x86.SemIret:
		return e.native(in)
	}
	return false
}

// leaveTo has the reference carry the instruction out, and goes on after it.
func (e *emitter) leaveTo() {
	e.save()
	e.count()
	id := e.exit()
	e.sites[id].resume = uint32(e.p)
	e.c.Rest[e.k] = uint32(e.p)
	e.reload()
	e.recipe.ok = false
}

// exit emits the exit that has the reference carry out instruction k; flags
// are in memory.
func (e *emitter) exit() (id int) {
	e.leaveBy(site{code: e.c, kind: cpu.LeaveDo, k: uint8(e.k)})
	return len(e.sites) - 1
}

// reload emits what must precede vector instructions after an exit. The
// host's flags are free.
func (e *emitter) reload() {
	if !e.vector {
		return
	}
	e.callR14(int(e.loadAt))
}

// callR14 jumps to a shared piece, which comes back to R14.
func (e *emitter) callR14(to int) {
	e.b(0x4c, 0x8d, 0x35) // LEA R14, [RIP+n]
	e.imm(0, 4)
	back := hole(e.p - 4)
	e.fill(e.jmp(), to)
	e.here(back)
}

// count takes the block's steps off the budget, once: where the host's flags
// are free, before anything else can leave. A spent budget leaves before k.
func (e *emitter) count() {
	defer func() { e.retry = e.p }()
	if !e.owed {
		return
	}
	flags, r, k := e.flags, e.recipe, e.k
	e.spend(func() {
		e.coldSave(flags, r)
		e.leaveBy(site{code: e.c, kind: cpu.LeaveBudget, k: uint8(k)})
	})
}

// countEarly counts before an instruction that writes all flags and cannot
// leave: they are dead there. A spent budget leaves after it.
func (e *emitter) countEarly(again func()) {
	k := e.k
	e.spend(func() {
		again()
		e.saveFlags()
		e.leaveBy(site{code: e.c, kind: cpu.LeaveBudget, k: uint8(k + 1)})
	})
}

func (e *emitter) spend(out func()) {
	e.owed = false
	e.ins(op64(0x83), 5, state(oBudget))
	e.imm(int64(len(e.c.Insts)), 1)
	spent := e.jcc(ccS)
	e.cold = append(e.cold, func() {
		e.here(spent)
		out()
	})
	if !e.vector || e.c.Loop != 0 { // it is not the first time around
		return
	}
	e.ins(op64(0x83), 7, state(oLoaded))
	e.b(0)
	bare := e.jcc(ccE)
	on := e.p
	e.cold = append(e.cold, func() {
		e.here(bare)
		e.reload()
		e.fill(e.jmp(), on)
	})
}

// coldSave is save, for a place that is not the current one.
func (e *emitter) coldSave(flags place, r recipe) {
	switch flags {
	case byRecipe:
		e.make(r)
		e.saveFlags()
	case inHost:
		e.saveFlags()
	}
}

// follow links to code that every path from here leads to.
func (e *emitter) follow(target uint64) {
	if e.owed {
		e.save()
		e.count()
	}
	if !e.samePage(target) {
		e.save()
		e.far(target)
		return
	}
	if e.flags == byRecipe {
		e.bring()
	}
	e.link(e.jmp(), target, e.flags == inMemory)
}
