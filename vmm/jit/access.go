//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// address emits the linear address of the instruction's memory operand, into
// R13. It may use R14, and the host's flags where a segment has a base.
func (e *emitter) address() {
	m := &e.in.Mem
	c := op64(0x8d)
	if e.in.AddrSize == 4 {
		c = op32(0x8d) // and so the upper half is cleared
	}
	if m.Base == x86.NoReg && m.Index == x86.NoReg {
		v := uint64(m.Disp)
		if m.RIPRel {
			v += e.next
		}
		if e.in.AddrSize == 4 {
			v &= 0xffffffff
		}
		e.set(r13, v)
	} else {
		o := operand{base: none, index: none, scale: int(m.Scale), disp: m.Disp}
		if m.Base != x86.NoReg {
			o.base = e.value(int(m.Base), r13)
		}
		if m.Index != x86.NoReg {
			o.index = e.value(int(m.Index), r14)
		}
		e.ins(c, r13, o)
	}
	switch m.Seg {
	case x86.FS:
		e.ins(op64(0x03), r13, state(oFS))
	case x86.GS:
		e.ins(op64(0x03), r13, state(oGS))
	}
}

// value is the host register with guest register g: its own, or scratch.
func (e *emitter) value(g, scratch int) int {
	if h, ok := mapped(g); ok {
		return h
	}
	e.load(scratch, home(g))
	return scratch
}

// access emits the translation of [R13, R13+n), all in one page, and leaves
// the operand at R13+R14. Where there is none the reference carries the
// instruction out. aligned: an odd address is its business too.
func (e *emitter) access(n int, write, aligned bool) operand {
	tag := at(r14, 0)
	if write {
		tag.disp = 8
	}
	e.move(r14, r13)
	e.ins(op64(0xc1), 5, reg(r14)) // SHR: a page number times 32
	e.b(7)
	e.ins(op32(0x81), 4, reg(r14))
	e.imm((tlbSize-1)*entryBytes, 4)
	e.ins(op64(0x03), r14, state(oBank))
	e.ins(op64(0x03), r13, tag)
	e.ins(op64(0x81), 7, reg(r13))
	e.imm(4096-int64(n), 4)
	miss := e.jcc(ccA)
	odd := hole(0)
	if aligned {
		e.ins(code{op: 0xf6, rex: true}, 0, reg(r13)) // TEST
		e.b(byte(n - 1))
		odd = e.jcc(ccNE)
	}
	e.load(r14, at(r14, 16))
	e.missing(miss, odd, tag, site{code: e.c, kind: cpu.LeaveMiss, k: uint8(e.k), size: uint8(n), write: write})
	return sum(r13, r14)
}

// missing has the reference carry the instruction out where an access has no
// translation: its address is that in R13, less the tag.
func (e *emitter) missing(miss, odd hole, tag operand, s site) {
	flags, r, d, retry := e.flags, e.recipe, e.undo, e.retry
	e.cold = append(e.cold, func() {
		e.here(miss)
		e.ins(op64(0x2b), r13, tag)
		e.store(r13, state(oAddr))
		e.coldSave(flags, r)
		e.leaveBy(s)
		id := len(e.sites) - 1
		e.sites[id].retry = uint32(retry)
		if e.vector {
			e.sites[id].retry = uint32(e.p)
			e.reload()
			e.fill(e.jmp(), retry)
		}
		e.after(id, d)
	})
	if odd != 0 {
		e.unless(odd)
	}
}

// unless has the reference carry the instruction out if one of the jumps is
// taken; the host's flags were free there.
func (e *emitter) unless(jumps ...hole) {
	flags, r, k, d := e.flags, e.recipe, e.k, e.undo
	e.cold = append(e.cold, func() {
		for _, h := range jumps {
			if h != 0 {
				e.here(h)
			}
		}
		e.instead(flags, r, k, d)
	})
}

// instead emits the exit before instruction k.
func (e *emitter) instead(flags place, r recipe, k int, d *done) {
	e.coldSave(flags, r)
	e.k = k
	e.after(e.exit(), d)
}

// after emits what comes after the reference has carried an instruction out:
// the flags go where the block has them then.
func (e *emitter) after(id int, d *done) {
	e.sites[id].resume = uint32(e.p)
	e.reload()
	if d.flags == inHost {
		e.loadFlags()
	}
	e.fill(e.jmp(), d.at)
}

// memory emits the access to the instruction's memory operand, number i.
func (e *emitter) memory(i int, write bool) operand {
	e.free()
	e.count()
	e.address()
	n := int(e.in.Args[i].Size)
	aligned := x86.Table[e.in.Row].Attr&x86.AttrA16 != 0
	return e.access(n, write, aligned)
}
