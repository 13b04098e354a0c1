//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// address emits the low size bytes of the offset of the instruction's memory
// operand, into register h. It may use R13 and R14.
func (e *emitter) address(h int, size uint8) {
	m := &e.in.Mem
	c := code{op: 0x8d, wide: size == 8} // if not, the upper half is cleared
	if m.Base == x86.NoReg && m.Index == x86.NoReg {
		v := uint64(m.Disp)
		if m.RIPRel {
			v += e.next
		}
		if size == 4 {
			v &= 0xffffffff
		}
		e.set(h, v)
	} else {
		o := operand{base: none, index: none, scale: int(m.Scale), disp: m.Disp}
		if m.Base != x86.NoReg {
			o.base = e.value(int(m.Base), r13)
		}
		if m.Index != x86.NoReg {
			o.index = e.value(int(m.Index), r14)
		}
		e.ins(c, h, o)
	}
}

// linear makes R13, the offset of n bytes, their linear address. The host's
// flags are free. In 32-bit code FS and GS have limits; the reference carries
// out what is not below them.
func (e *emitter) linear(n int) {
	base, top := oFS, oTopFS
	switch e.in.Mem.Seg {
	case x86.FS:
	case x86.GS:
		base, top = oGS, oTopGS
	default:
		return
	}
	if e.c.Narrow {
		e.lea(r14, at(r13, int64(n)-1))
		e.ins(op64(0x3b), r14, state(top)) // CMP
		e.unless(e.jcc(ccG))
	}
	e.ins(e.ptr(0x03), r13, state(base))
}

// value is the host register with guest register g: its own, or scratch.
func (e *emitter) value(g, scratch int) int {
	if h, ok := mapped(g); ok {
		return h
	}
	e.load(scratch, home(g))
	return scratch
}

// A spot is what cold code must know of the place that it belongs to.
type spot struct {
	flags  place
	recipe recipe
	k      int
	done   *done
	retry  int // where its access begins
}

func (e *emitter) spot() spot { return spot{e.flags, e.recipe, e.k, e.undo, e.retry} }

// access emits the translation of [R13, R13+n), all in one page, and leaves
// the operand at R13+R14. Where there is none the reference carries the
// instruction out. aligned: an odd address is its business too.
func (e *emitter) access(n int, write, aligned bool) operand {
	s := e.spot()
	x, held := e.extent()
	if held {
		e.inExtent(x, n, write, s)
	} else {
		e.near(n, write, s)
	}
	if aligned {
		e.ins(code{op: 0xf6, rex: true}, 0, reg(r13)) // TEST
		e.b(byte(n - 1))
		e.unless(e.jcc(ccNE))
	}
	if !held {
		e.load(r14, at(r14, 16))
	}
	return sum(r13, r14)
}

// near looks the page of R13 up: R13 becomes the offset in it, R14 the address
// of the entry.
func (e *emitter) near(n int, write bool, s spot) {
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
	e.missing(e.jcc(ccA), tag, s, e.miss(n, write, s))
}

// stackMost is the largest access that the stack's own entry serves.
const stackMost = 16

// stacked is access for an address near the top of the stack: one entry serves
// all that lies in the page that was last written to so. It is empty after
// each exit.
func (e *emitter) stacked(n int, write bool) operand {
	s := e.spot()
	e.ins(op64(0x03), r13, state(oStackTag))
	e.ins(op64(0x3b), r13, state(oStackEnd))
	other := e.jcc(ccB ^ 1)
	e.load(r14, state(oStackHost))
	on := e.p
	e.cold = append(e.cold, func() {
		e.here(other)
		e.ins(op64(0x2b), r13, state(oStackTag))
		e.near(n, write, s)
		if write {
			e.store(rax, state(oSave))
			e.load(rax, at(r14, 8))
			e.store(rax, state(oStackTag))
			e.load(rax, at(r14, 16))
			e.store(rax, state(oStackHost))
			e.ins(op64(0xc7), 0, state(oStackEnd))
			e.imm(4096-stackMost+1, 4)
			e.move(r14, rax)
			e.load(rax, state(oSave))
		} else {
			e.load(r14, at(r14, 16))
		}
		e.fill(e.jmp(), on)
	})
	return sum(r13, r14)
}

// miss is the exit of an access that has no translation.
func (e *emitter) miss(n int, write bool, s spot) site {
	return site{code: e.c, kind: cpu.LeaveMiss, k: uint8(s.k), size: uint8(n), write: write}
}

// missing has the reference carry the instruction out where an access has no
// translation: its address is that in R13, less the tag.
func (e *emitter) missing(miss hole, tag operand, p spot, s site) {
	e.cold = append(e.cold, func() {
		e.here(miss)
		e.ins(op64(0x2b), r13, tag)
		e.store(r13, state(oAddr))
		kind := 0
		if s.write {
			kind = 1
		}
		e.callR14(int(e.farAt[kind]))
		e.fill(e.jmp(), p.retry)
		e.leaveMissing(p, s)
	})
}

// leaveMissing is the exit of an access that has no translation; its address is in
// the arena.
func (e *emitter) leaveMissing(p spot, s site) {
	e.coldSave(p.flags, p.recipe)
	e.leaveBy(s)
	id := len(e.sites) - 1
	e.sites[id].retry = uint32(p.retry)
	if e.vector {
		e.sites[id].retry = uint32(e.p)
		e.reload()
		e.fill(e.jmp(), p.retry)
	}
	e.after(id, p.done)
}

// unless has the reference carry the instruction out if one of the jumps is
// taken; the host's flags were free there.
func (e *emitter) unless(jumps ...hole) {
	p := e.spot()
	e.cold = append(e.cold, func() {
		for _, h := range jumps {
			if h != 0 {
				e.here(h)
			}
		}
		e.coldSave(p.flags, p.recipe)
		e.k = p.k
		e.after(e.exit(), p.done)
	})
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
	e.address(r13, e.in.AddrSize)
	n := int(e.in.Args[i].Size)
	e.linear(n)
	aligned := x86.Table[e.in.Row].Attr&x86.AttrA16 != 0
	if m := &e.in.Mem; m.Base == rsp && m.Index == x86.NoReg && m.Seg < x86.FS && int(e.in.AddrSize) == e.word() && !aligned && n <= stackMost {
		return e.stacked(n, write)
	}
	return e.access(n, write, aligned)
}
