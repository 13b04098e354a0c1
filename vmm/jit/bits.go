//go:build linux && amd64

package jit

import "vmrecord/vmm/x86"

// isBitString tells that in names a bit in memory by a register.
func isBitString(in *x86.Inst) bool {
	switch in.Sem {
	case x86.SemBt, x86.SemBts, x86.SemBtr, x86.SemBtc:
		return in.Args[0].Kind == x86.Mem && in.Args[1].Kind == x86.Reg
	}
	return false
}

// bitString emits BT, BTS, BTR and BTC of a bit string: the register, which is
// signed, counts from the operand to either side (SDM vol. 2A, BT). The word
// with the bit is the access, and what remains of the register the bit in it.
func (e *emitter) bitString() {
	in, bit := e.in, int(e.in.Args[1].Reg)
	wide, shift, mask := false, 5, byte(31)
	if in.OpSize == 8 {
		wide, shift, mask = true, 6, 63
	}
	e.prepare(true)
	e.free()
	e.count()
	e.address(r13, in.AddrSize)
	if wide {
		e.load(r14, e.source(bit))
	} else {
		e.ins(op64(0x63), r14, e.source(bit)) // MOVSXD
	}
	e.ins(op64(0xc1), 7, reg(r14)) // SAR
	e.b(byte(shift))
	e.ins(e.ptr(0x8d), r13, operand{base: r13, index: r14, scale: shift - 3}) // LEA
	e.linear(int(in.OpSize))
	e.lea(r13, e.access(int(in.OpSize), in.Sem != x86.SemBt, false))
	e.ins(op32(0x8b), r14, e.source(bit))
	e.ins(op32(0x83), 4, reg(r14)) // AND
	e.b(mask)
	e.bring()
	word := at(r13, 0)
	if in.Sem == x86.SemBt { // faster than memory
		e.ins(code{op: 0x8b, wide: wide}, r13, word)
		word = reg(r13)
	}
	e.ins(code{mp: 1, op: in.Opcode, wide: wide}, r14, word)
	e.flags, e.recipe.ok = inHost, false
}

// source is where guest register g is: a host register, or its home.
func (e *emitter) source(g int) operand {
	if h, ok := mapped(g); ok {
		return reg(h)
	}
	return home(g)
}
