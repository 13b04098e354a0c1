//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A place is where the guest's arithmetic flags are, at one point of a block.
type place uint8

const (
	inHost   place = iota // the host's RFLAGS
	inMemory              // arena.Flags
	byRecipe              // nowhere: the recipe makes them again
)

// A recipe makes the flags of an instruction again from registers that still
// hold what it left. Its operands are mapped registers.
type recipe struct {
	ok   bool
	sem  x86.Sem // CMP and TEST: of a and b; ADD and SUB: a is the sum or difference
	size uint8
	a    int
	b    int // or none: the immediate
	imm  int64
	uses uint16 // guest registers
}

const none = -1

// recipeOf is the recipe for the flags of in, if it has one.
func recipeOf(in *x86.Inst) (r recipe) {
	d, s := in.Args[0], in.Args[1]
	a, okA := mapped(int(d.Reg))
	if d.Kind != x86.Reg || !okA {
		return r
	}
	r = recipe{ok: true, sem: in.Sem, size: d.Size, a: a, b: none, imm: in.Imm, uses: 1 << d.Reg}
	switch in.Sem {
	case x86.SemAnd, x86.SemOr, x86.SemXor:
		r.sem, r.b = x86.SemTest, a
		return r
	case x86.SemAdd, x86.SemSub:
		if d.Size < 4 || in.Imm == -1<<31 {
			return recipe{}
		}
	case x86.SemCmp, x86.SemTest:
	default:
		return recipe{}
	}
	switch s.Kind {
	case x86.Imm:
		return r
	case x86.Reg:
		b, ok := mapped(int(s.Reg))
		moves := in.Sem == x86.SemAdd || in.Sem == x86.SemSub
		if !ok || moves && b == a {
			return recipe{}
		}
		r.b, r.uses = b, r.uses|1<<s.Reg
		return r
	}
	return recipe{}
}

// plain tells that a recipe needs no scratch register.
func (r *recipe) plain() bool { return r.sem == x86.SemCmp || r.sem == x86.SemTest }

// sized is an opcode that has a byte form right before it.
func sized(size uint8, op byte) code {
	c := code{op: op, wide: size == 8}
	switch size {
	case 1:
		c.op, c.rex = op-1, true
	case 2:
		c.pfx = 0x66
	}
	return c
}

// make emits the recipe. It uses R13 unless it is plain.
func (e *emitter) make(r recipe) {
	op, ext := byte(0x39), 7 // CMP
	switch r.sem {
	case x86.SemTest:
		if r.b != none {
			e.ins(sized(r.size, 0x85), r.b, reg(r.a))
			return
		}
		e.immediate(sized(r.size, 0xf7), 0, r)
		return
	case x86.SemSub: // before it there was a + b
		e.lea(r13, r.sum(1))
		r.a = r13
	case x86.SemAdd:
		op, ext = 0x01, 0
		if r.b != none {
			e.move(r13, r.a)
			e.ins(op64(0x2b), r13, reg(r.b))
		} else {
			e.lea(r13, r.sum(-1))
		}
		r.a = r13
	}
	if r.b != none {
		e.ins(sized(r.size, op), r.b, reg(r.a))
		return
	}
	e.immediate(sized(r.size, 0x81), ext, r)
}

// sum is a and b, or a and the immediate times sign, as an address.
func (r *recipe) sum(sign int64) operand {
	if r.b != none {
		return sum(r.a, r.b)
	}
	return at(r.a, sign*r.imm)
}

// immediate emits an opcode with a register and the recipe's immediate.
func (e *emitter) immediate(c code, ext int, r recipe) {
	e.ins(c, ext, reg(r.a))
	e.imm(r.imm, min(int(r.size), 4))
}

// free makes the host's flags free to be overwritten.
func (e *emitter) free() {
	if e.flags != inHost {
		return
	}
	if e.recipe.ok {
		e.flags = byRecipe
	} else {
		e.saveFlags()
		e.flags = inMemory
	}
	e.poison(arith)
}

// save puts the flags into memory.
func (e *emitter) save() {
	switch e.flags {
	case byRecipe:
		e.make(e.recipe)
		e.saveFlags()
	case inHost:
		e.saveFlags()
	}
	e.flags = inMemory
}

// bring puts the flags into the host's register.
func (e *emitter) bring() {
	switch e.flags {
	case byRecipe:
		e.make(e.recipe)
	case inMemory:
		e.loadFlags()
	}
	e.flags = inHost
}

// overwrites says that guest registers are about to change; all that the
// flags as a whole are, too, without a look at them.
func (e *emitter) overwrites(regs uint16, all bool) {
	if all {
		e.recipe.ok = false
		e.flags = inHost // dead: nobody looks before they are written
		e.poison(arith)
		return
	}
	if e.recipe.ok && e.recipe.uses&regs != 0 {
		if e.flags == byRecipe {
			e.save()
		}
		e.recipe.ok = false
	}
}

const arith = cpu.FlagsArith

// reads tells that an instruction's effect depends on flags; writes that it
// changes some; whole that it changes all six whatever they were.
func flagUse(in *x86.Inst) (reads, writes, whole bool) {
	f := x86.Table[in.Row]
	reads = f.Read&arith != 0
	writes = (f.Written|f.Undefined)&arith != 0
	switch in.Sem {
	case x86.SemAdd, x86.SemSub, x86.SemCmp, x86.SemNeg, x86.SemAnd, x86.SemOr, x86.SemXor, x86.SemTest, x86.SemPopcnt,
		x86.SemBsf, x86.SemBsr, x86.SemComiss, x86.SemComisd, x86.SemUcomiss, x86.SemUcomisd, x86.SemPtest,
		x86.SemCmpxchg, x86.SemXadd, x86.SemAdc, x86.SemSbb:
		whole = true
	case x86.SemShl, x86.SemShr, x86.SemSar:
		mask := int64(31)
		if in.OpSize == 8 {
			mask = 63
		}
		whole = in.Args[1].Kind == x86.Imm && in.Imm&mask != 0
	}
	return reads, writes, whole
}
