package interp

import (
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// x87Rows: arithmetic and comparison on the x87's stack.
var x87Rows = []row{
	{x86.SemFadd, arith(softfp.Add80, floating, false, false)},
	{x86.SemFsub, arith(softfp.Sub80, floating, false, false)},
	{x86.SemFsubr, arith(softfp.Sub80, floating, true, false)},
	{x86.SemFmul, arith(softfp.Mul80, floating, false, false)},
	{x86.SemFdiv, arith(softfp.Div80, floating, false, false)},
	{x86.SemFdivr, arith(softfp.Div80, floating, true, false)},
	{x86.SemFaddp, arith(softfp.Add80, floating, false, true)},
	{x86.SemFsubp, arith(softfp.Sub80, floating, false, true)},
	{x86.SemFsubrp, arith(softfp.Sub80, floating, true, true)},
	{x86.SemFmulp, arith(softfp.Mul80, floating, false, true)},
	{x86.SemFdivp, arith(softfp.Div80, floating, false, true)},
	{x86.SemFdivrp, arith(softfp.Div80, floating, true, true)},
	{x86.SemFiadd, arith(softfp.Add80, integer, false, false)},
	{x86.SemFisub, arith(softfp.Sub80, integer, false, false)},
	{x86.SemFisubr, arith(softfp.Sub80, integer, true, false)},
	{x86.SemFimul, arith(softfp.Mul80, integer, false, false)},
	{x86.SemFidiv, arith(softfp.Div80, integer, false, false)},
	{x86.SemFidivr, arith(softfp.Div80, integer, true, false)},

	{x86.SemFcom, order(floating, false, 0)},
	{x86.SemFcomp, order(floating, false, 1)},
	{x86.SemFcompp, order(floating, false, 2)},
	{x86.SemFucom, order(floating, true, 0)},
	{x86.SemFucomp, order(floating, true, 1)},
	{x86.SemFucompp, order(floating, true, 2)},
	{x86.SemFicom, order(integer, false, 0)},
	{x86.SemFicomp, order(integer, false, 1)},
	{x86.SemFtst, order(func(*CPU, *Op, int) operand { return operand{} }, false, 0)},
	{x86.SemFcomi, one(func(c *CPU, o *Op) { orderFlags(c, o, false, false) })},
	{x86.SemFcomip, one(func(c *CPU, o *Op) { orderFlags(c, o, false, true) })},
	{x86.SemFucomi, one(func(c *CPU, o *Op) { orderFlags(c, o, true, false) })},
	{x86.SemFucomip, one(func(c *CPU, o *Op) { orderFlags(c, o, true, true) })},
	{x86.SemFxam, one(fxam)},

	{x86.SemFsqrt, unary(softfp.Sqrt80)},
	{x86.SemFrndint, unary(softfp.RoundInt80)},
	{x86.SemFchs, unary(func(e *softfp.Env, v softfp.F80) softfp.F80 { e.C1 = false; v.SE ^= 1 << 15; return v })},
	{x86.SemFabs, unary(func(e *softfp.Env, v softfp.F80) softfp.F80 { e.C1 = false; v.SE &^= 1 << 15; return v })},
	{x86.SemFscale, one(fscale)},
	{x86.SemFprem, one(func(c *CPU, o *Op) { fprem(c, o, false) })},
	{x86.SemFprem1, one(func(c *CPU, o *Op) { fprem(c, o, true) })},
	{x86.SemFxtract, one(fxtract)},
}

type (
	op80   func(*softfp.Env, softfp.F80, softfp.F80) softfp.F80
	source func(*CPU, *Op, int) operand
)

// arith is operand 0 = operand 0 f operand 1, or with reverse the other way.
func arith(f op80, from source, reverse, pop bool) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		s, i := from(c, o, 1), o.Args[0].Reg
		c.record(o)
		if s.empty || c.emptyST(i) {
			if c.stackFault(false) {
				c.result87(i, softfp.Indefinite80(), pop)
			}
			return
		}
		a, b := softfp.F80(*c.st(i)), s.v
		if reverse {
			a, b = b, a
		}
		e := c.env87()
		var r softfp.F80
		compute(e, a, b, s.denormal, func() { r = f(e, a, b) })
		if c.finish() {
			c.result87(i, r, pop)
		}
	})
}

// result87 writes ST(i) and pops.
func (c *CPU) result87(i uint8, v softfp.F80, pop bool) {
	c.setST(i, v)
	if pop {
		c.popST()
	}
}

// compare87 compares ST(0) with s and records exceptions; it tells whether to
// pop. The outcome counts even where an exception is unmasked.
func (c *CPU) compare87(s operand, quiet bool) (r softfp.Order, pop bool) {
	if s.empty || c.emptyST(0) {
		return softfp.Unordered, c.stackFault(false)
	}
	a := softfp.F80(*c.st(0))
	e := c.env87()
	compute(e, a, s.v, s.denormal, func() { r = softfp.Cmp80(e, a, s.v, quiet) })
	return r, c.finish()
}

// order compares and sets C0 for less, C3 for equal, all for unordered.
func order(from source, quiet bool, pops int) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		s := from(c, o, 1)
		c.record(o)
		r, ok := c.compare87(s, quiet)
		c.FSW = c.FSW&^fswCC | [...]uint16{softfp.Less: fswC0, softfp.Equal: fswC3, softfp.Greater: 0,
			softfp.Unordered: fswC0 | fswC2 | fswC3}[r&3]
		for range pops {
			if ok {
				c.popST()
			}
		}
	})
}

// orderFlags is FCOMI and kin. C1 stays but for a stack fault.
func orderFlags(c *CPU, o *Op, quiet, pop bool) {
	c.pendingMF()
	s, c1 := floating(c, o, 1), c.FSW&fswC1
	c.record(o)
	r, ok := c.compare87(s, quiet)
	if !s.empty && !c.emptyST(0) {
		c.FSW |= c1
	}
	c.setOrder(r)
	if pop && ok {
		c.popST()
	}
}

// fxam classifies ST(0) into C3, C2 and C0; C1 is its sign.
func fxam(c *CPU, o *Op) {
	c.pendingMF()
	c.record(o)
	v := *c.st(0)
	cc := [...]uint16{softfp.ClassUnsupported: 0, softfp.ClassNaN: fswC0, softfp.ClassNormal: fswC2,
		softfp.ClassInfinity: fswC2 | fswC0, softfp.ClassZero: fswC3, softfp.ClassDenormal: fswC3 | fswC2}[softfp.Classify(softfp.F80(v))]
	if c.emptyST(0) {
		cc = fswC3 | fswC0
	}
	if v.SE>>15 != 0 {
		cc |= fswC1
	}
	c.FSW = c.FSW&^fswCC | cc
}

// unary is ST(0) = f(ST(0)).
func unary(f func(*softfp.Env, softfp.F80) softfp.F80) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		c.record(o)
		if c.emptyST(0) {
			if c.stackFault(false) {
				c.setST(0, softfp.Indefinite80())
			}
			return
		}
		r := f(c.env87(), softfp.F80(*c.st(0)))
		if c.finish() {
			c.setST(0, r)
		}
	})
}

// pair begins an instruction on ST(0) and ST(1); it is over if ok is false.
func (c *CPU) pair(o *Op) (a, b softfp.F80, ok bool) {
	c.pendingMF()
	c.record(o)
	if c.emptyST(0) || c.emptyST(1) {
		if c.stackFault(false) {
			c.setST(0, softfp.Indefinite80())
		}
		return a, b, false
	}
	return softfp.F80(*c.st(0)), softfp.F80(*c.st(1)), true
}

func fscale(c *CPU, o *Op) {
	a, b, ok := c.pair(o)
	if !ok {
		return
	}
	r := softfp.Scale80(c.env87(), a, b)
	if c.finish() {
		c.setST(0, r)
	}
}

// fprem is FPREM and FPREM1. Where there is no quotient, C2 and C1 are cleared
// and C3 and C0 stay.
func fprem(c *CPU, o *Op, nearest bool) {
	a, b, ok := c.pair(o)
	c.FSW &^= fswC2
	if !ok {
		return
	}
	r, q, partial := softfp.Rem80(c.env87(), a, b, nearest)
	if !c.finish() {
		return
	}
	c.setST(0, r)
	switch {
	case isNaN(r):
	case partial:
		c.FSW = c.FSW&^fswCC | fswC2
	default:
		c.FSW = c.FSW&^fswCC | uint16(q&4)<<6 | uint16(q&2)<<13 | uint16(q&1)<<9
	}
}

// fxtract replaces ST(0) by its exponent and pushes its significand.
func fxtract(c *CPU, o *Op) {
	c.pendingMF()
	c.record(o)
	if empty := c.emptyST(0); empty || !c.emptyST(7) {
		if c.stackFault(!empty) {
			c.setST(0, softfp.Indefinite80())
			c.pushST(softfp.Indefinite80())
		}
		return
	}
	exp, sig := softfp.Extract80(c.env87(), softfp.F80(*c.st(0)))
	if c.finish() {
		c.setST(0, exp)
		c.pushST(sig)
	}
}
