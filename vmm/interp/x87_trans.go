package interp

import (
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// transRows: the transcendentals (SDM vol. 1, 8.3.7 to 8.3.10). C0 and C3, which
// the manual leaves undefined, stay as they are, and so does C2 but for the
// trigonometric ones.
var transRows = []row{
	{x86.SemF2xm1, unary(softfp.Exp80)},
	{x86.SemFyl2x, popping(softfp.Log80)},
	{x86.SemFyl2xp1, popping(softfp.Log1p80)},
	{x86.SemFpatan, popping(softfp.Atan80)},
	{x86.SemFsin, angular(softfp.Sin80)},
	{x86.SemFcos, angular(softfp.Cos80)},
	{x86.SemFsincos, pushing(softfp.SinCos80)},
	{x86.SemFptan, pushing(softfp.Tan80)},
}

// popping is ST(1) = f(ST(0), ST(1)) and a pop.
func popping(f op80) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		c.record(o)
		if c.emptyST(0) || c.emptyST(1) {
			if c.stackFault(false) {
				c.result87(1, softfp.Indefinite80(), true)
			}
			return
		}
		r := f(c.env87(), softfp.F80(*c.st(0)), softfp.F80(*c.st(1)))
		if c.finish() {
			c.result87(1, r, true)
		}
	})
}

// angular is ST(0) = f(ST(0)); C2 tells that the operand is out of range.
func angular(f func(*softfp.Env, softfp.F80) (softfp.F80, bool)) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		c.record(o)
		c.FSW &^= fswC2
		if c.emptyST(0) {
			if c.stackFault(false) {
				c.setST(0, softfp.Indefinite80())
			}
			return
		}
		r, partial := f(c.env87(), softfp.F80(*c.st(0)))
		if c.finish() {
			c.setST(0, r)
		}
		if partial {
			c.FSW |= fswC2
		}
	})
}

// pushing replaces ST(0) by the first result of f and pushes the second, unless
// the operand is out of range.
func pushing(f func(*softfp.Env, softfp.F80) (below, top softfp.F80, partial bool)) routine {
	return one(func(c *CPU, o *Op) {
		c.pendingMF()
		c.record(o)
		c.FSW &^= fswC2
		if empty := c.emptyST(0); empty || !c.emptyST(7) {
			if c.stackFault(!empty) {
				c.setST(0, softfp.Indefinite80())
				c.pushST(softfp.Indefinite80())
			}
			return
		}
		below, top, partial := f(c.env87(), softfp.F80(*c.st(0)))
		switch {
		case !c.finish():
		case partial:
			c.FSW |= fswC2
		default:
			c.setST(0, below)
			c.pushST(top)
		}
	})
}
