//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// samePage tells that an address lies in the page of this code: while this runs,
// that page is where it was.
func (e *emitter) samePage(la uint64) bool { return la>>12 == e.c.LA>>12 }

// link makes a jump lead to la, as soon as there is code.
func (e *emitter) link(at hole, la uint64, saved bool) {
	c, k := e.c, e.k
	e.cold = append(e.cold, func() {
		e.here(at)
		if !saved {
			e.saveFlags()
		}
		e.leaveBy(site{code: c, kind: cpu.LeaveJump, k: uint8(k), rip: la, saved: saved, at: int32(at)})
	})
}

// second is the address of the page in which a split instruction goes on.
func second(c *cpu.Code) uint64 { return c.LA&^0xfff + 0x1000 }

// checkSecond comes out before a split instruction if its second page is not
// where it was: the reference finds what is there now. Flags are in memory.
func (e *emitter) checkSecond() {
	e.set64(r13, execKey(second(e.c), e.c.PA2))
	e.load(r14, state(oPages))
	e.ins(op64(0x3b), r13, at(r14, 8*int64(second(e.c)>>12%execSize)))
	moved := e.jcc(ccNE)
	e.cold = append(e.cold, func() {
		e.here(moved)
		e.leaveBy(site{code: e.c, kind: cpu.LeaveJump, rip: e.c.LA, saved: true})
	})
}

// far jumps to another page, if that is still where it was when the jump was
// linked: the key of its entry in Exec says so. Flags are in memory.
func (e *emitter) far(la uint64) {
	e.set64(r13, 1) // no key: a page's linear number is not 0 with physical 1
	key := uint32(e.p)
	i := la >> 12 % execSize
	e.load(r14, state(oPages))
	e.ins(op64(0x3b), r13, at(r14, 8*int64(i)))
	moved := e.jcc(ccNE)
	at := e.jmp()
	e.cold = append(e.cold, func() {
		e.here(moved)
		e.here(at)
		e.leaveBy(site{code: e.c, kind: cpu.LeaveJump, rip: la, saved: true, at: int32(at), key: key})
	})
}

// lookup jumps to the address in R13, to code of a mode, by way of the jump
// cache, after then. Flags are in memory. It returns where it goes if the
// address is not there. pages is added to Pages: for code of another ring.
func (e *emitter) lookup(mode uint16, pages int64, then func()) (miss [2]hole) {
	e.ins(code{mp: 1, op: 0xb7}, r14, reg(r13)) // MOVZX R14D, R13W
	e.ins(op32(0xc1), 4, reg(r14))              // SHL: 32 bytes each
	e.b(5)
	slot := func(off int64) operand { return operand{base: rsp, index: r14, disp: oJumps + off} }
	e.lea(r13, at(r13, int64(kind(mode))))
	e.ins(op64(0x3b), r13, slot(0))
	miss[0] = e.jcc(ccNE)
	e.load(r13, slot(16))
	e.ins(op64(0x03), r13, state(oPages))
	e.load(r13, at(r13, pages))
	e.ins(op64(0x3b), r13, slot(8))
	miss[1] = e.jcc(ccNE)
	then()
	e.ins(op32(0xff), 4, slot(24))
	return miss
}

func (e *emitter) branch() {
	in := e.in
	target := e.c.Wrap(e.next + uint64(in.Imm))
	switch in.Sem {
	case x86.SemJcc:
		e.jumpIf(target)
	case x86.SemJmp:
		if in.Args[0].Kind == x86.Rel {
			e.follow(target)
			return
		}
		e.toTarget()
		miss := e.lookup(e.c.Mode, 0, func() {})
		e.unless(miss[:]...)
	case x86.SemCall:
		if in.Args[0].Kind == x86.Rel {
			e.push(e.next)
			e.follow(target)
			return
		}
		e.callTarget()
	case x86.SemRet:
		e.ins(e.ptr(0x8b), r13, e.top())
		e.saveKeep()
		miss := e.lookup(e.c.Mode, 0, func() { e.drop(in.Imm) })
		e.unless(miss[:]...)
	}
}

// saveKeep is save while R13 holds a jump's target.
func (e *emitter) saveKeep() {
	if e.flags == inMemory {
		return
	}
	e.store(r13, state(oTarget))
	e.save()
	e.load(r13, state(oTarget))
}

func (e *emitter) jumpIf(target uint64) {
	if e.owed {
		e.save()
		e.count()
	}
	e.bring()
	to := e.jcc(e.in.Cond)
	switch {
	case e.rounds:
		e.back = append(e.back, to)
	case e.samePage(target):
		e.link(to, target, false)
	default:
		e.cold = append(e.cold, func() {
			e.here(to)
			e.saveFlags()
			e.far(target)
		})
	}
	e.follow(e.next)
}

// toTarget puts the operand of an indirect branch into R13, and the flags into
// memory.
func (e *emitter) toTarget() {
	e.save()
	e.count()
	if e.in.Args[0].Kind == x86.Mem {
		e.ins(e.ptr(0x8b), r13, e.memory(0, false))
		return
	}
	if h := e.value(int(e.in.Args[0].Reg), r13); h != r13 {
		e.ins(e.ptr(0x8b), r13, reg(h))
	}
}

// callTarget is an indirect CALL. Its target must be canonical before the
// stack is touched.
func (e *emitter) callTarget() {
	e.toTarget()
	e.store(r13, state(oTarget))
	if !e.c.Narrow {
		e.ins(op64(0xc1), 7, reg(r13)) // SAR
		e.b(47)
		e.ins(op64(0xff), 0, reg(r13)) // INC: 0 or 1
		e.ins(op64(0x83), 7, reg(r13))
		e.b(1)
		e.unless(e.jcc(ccA))
	}
	e.push(e.next)
	e.load(r13, state(oTarget))
	e.outBy(e.lookup(e.c.Mode, 0, func() {}))
}

// outBy goes to the address in the arena where the jump cache had none.
func (e *emitter) outBy(miss [2]hole) {
	e.cold = append(e.cold, func() {
		e.here(miss[0])
		e.here(miss[1])
		e.leaveBy(site{code: e.c, kind: cpu.LeaveJump, named: true, saved: true})
	})
}
