//go:build linux && amd64

package jit

import (
	"slices"

	"vmrecord/vmm/x86"
)

// loops tells that the block is a loop that gains by having a second body:
// it jumps to itself, and would put flags aside each time it begins.
func (e *emitter) loops() bool {
	n := len(e.c.Insts)
	last := &e.c.Insts[n-1]
	if last.Sem != x86.SemJcc || e.c.Split || e.c.Wrap(e.c.At(n)+uint64(last.Imm)) != e.c.LA {
		return false
	}
	for i := range e.c.Insts {
		if !e.native(&e.c.Insts[i]) {
			return false
		}
	}
	return e.wantsMemory()
}

// around emits the body again, for all times but the first: it is known what
// flags it begins with, and that XMM registers are loaded. It is entered with
// the flags in the host's register.
func (e *emitter) around() {
	e.c.Loop = uint32(e.p)
	e.flags, e.owed, e.next = inHost, true, e.c.LA
	e.assign()
	e.steps()
	for _, h := range e.back {
		e.fill(h, int(e.c.Loop))
	}
}

// A reach is what decides in which page an operand lies, as far as it does not
// change from one time around to the next.
type reach struct {
	base, index uint8
	disp        int64
}

const (
	extents    = 4   // of a loop
	nearby     = 512 // bytes between operands of one reach
	stride     = 128 // bytes from one time around to the next, at most
	extentMost = 16  // bytes of an access, at most
	extentEnd  = 4096 - extentMost + 1
)

// assign gives the first reaches in the body an extent each: those that go on by
// small steps, if at all.
func (e *emitter) assign() {
	e.reaches = nil
	if !e.c.User {
		return
	}
	step := e.strides()
	for i := range e.c.Insts {
		if e.in = &e.c.Insts[i]; !hasMemory(e.in) || len(e.reaches) == extents {
			continue
		}
		m := &e.in.Mem
		if _, ok := e.extent(); !ok && step[m.Base]+step[m.Index]<<m.Scale <= stride {
			e.reaches = append(e.reaches, reach{m.Base, m.Index, m.Disp})
		}
	}
}

// strides is how far each register goes in the body, or more than stride.
func (e *emitter) strides() (step [x86.NoReg + 1]int64) {
	for i := range e.c.Insts {
		e.in = &e.c.Insts[i]
		n := int64(stride + 1)
		switch a := e.in.Args; {
		case e.in.Sem == x86.SemInc || e.in.Sem == x86.SemDec:
			n = 1
		case (e.in.Sem == x86.SemAdd || e.in.Sem == x86.SemSub) && a[1].Kind == x86.Imm:
			n = max(e.in.Imm, -e.in.Imm)
		}
		for r, regs := 0, e.changed(plans[e.in.Sem]); regs != 0; r, regs = r+1, regs>>1 {
			if regs&1 != 0 {
				step[r] = min(step[r]+n, stride+1)
			}
		}
	}
	return step
}

// extent is the number of the one that the instruction's operand goes by.
func (e *emitter) extent() (x int, ok bool) {
	m := &e.in.Mem
	x = slices.IndexFunc(e.reaches, func(r reach) bool {
		return r.base == m.Base && r.index == m.Index && m.Disp-r.disp < nearby && r.disp-m.Disp < nearby
	})
	return x, x >= 0
}

// inExtent is near and the load of the page's place, by way of extent x: R13
// becomes the offset in the page, R14 where that is.
func (e *emitter) inExtent(x, n int, write bool, s spot) {
	kind := 0
	if write {
		kind = 1
	}
	again := e.p
	e.ins(op64(0x03), r13, extentTag(x))         // ADD
	e.ins(op64(0x3b), r13, extentBelow(x, kind)) // CMP
	other := e.jcc(ccB ^ 1)
	e.load(r14, extentHost(x))
	on := e.p
	e.cold = append(e.cold, func() {
		e.here(other)
		e.ins(op64(0x2b), r13, extentTag(x)) // SUB
		e.callR14(int(e.extentAt[x][kind]))
		e.fill(e.jmp(), again)
		e.near(n, write, s)
		e.load(r14, at(r14, 16))
		e.fill(e.jmp(), on)
	})
}

func extentTag(x int) operand         { return state(oExtents + 32*int64(x)) }
func extentHost(x int) operand        { return state(oExtents + 32*int64(x) + 8) }
func extentBelow(x, kind int) operand { return state(oExtents + 32*int64(x) + 16 + 8*int64(kind)) }

// fillExtent puts the page of the address in R13 into extent x, if it has a
// near translation and is not there yet, and goes to R14; else five bytes behind that.
func (j *Translator) fillExtent(x, kind int) {
	j.store(rax, state(oSave))
	j.store(rcx, state(oSave2))
	j.move(rax, r13)
	j.index(rax, tlbSize)
	j.move(rcx, r13)
	j.ins(op64(0x81), 4, reg(rcx)) // AND
	j.imm(-4096, 4)
	j.ins(op64(0x03), rcx, at(rax, 8*int64(kind)))
	absent := j.jcc(ccNE)
	j.load(rcx, at(rax, 0))
	j.ins(op64(0x3b), rcx, extentTag(x))
	other := j.jcc(ccNE)
	j.ins(op64(0x83), 7, extentBelow(x, kind))
	j.b(0)
	known := j.jcc(ccNE) // it is at the end of the page
	j.here(other)
	j.store(rcx, extentTag(x))
	j.ins(op64(0x3b), rcx, at(rax, 8))
	j.set(rcx, 0)
	readOnly := j.jcc(ccNE)
	j.set(rcx, extentEnd)
	j.here(readOnly)
	j.store(rcx, extentBelow(x, 1))
	j.set(rcx, extentEnd)
	j.store(rcx, extentBelow(x, 0))
	j.load(rcx, at(rax, 16))
	j.store(rcx, extentHost(x))
	j.load(rax, state(oSave))
	j.load(rcx, state(oSave2))
	j.ins(op32(0xff), 4, reg(r14))
	j.here(absent)
	j.here(known)
	j.load(rax, state(oSave))
	j.load(rcx, state(oSave2))
	j.lea(r14, at(r14, 5))
	j.ins(op32(0xff), 4, reg(r14))
}
