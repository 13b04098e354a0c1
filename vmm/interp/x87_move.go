package interp

import (
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// stackRows87: loads, stores and the handling of the x87's stack.
var stackRows87 = []row{
	{x86.SemFld, one(fld)},
	{x86.SemFild, one(fild)},
	{x86.SemFbld, one(fbld)},
	{x86.SemFldconst, one(fldconst)},
	{x86.SemFst, one(func(c *CPU, o *Op) { fst(c, o, false) })},
	{x86.SemFstp, one(func(c *CPU, o *Op) { fst(c, o, true) })},
	{x86.SemFist, one(func(c *CPU, o *Op) { fist(c, o, softfp.F80toInt, false) })},
	{x86.SemFistp, one(func(c *CPU, o *Op) { fist(c, o, softfp.F80toInt, true) })},
	{x86.SemFisttp, one(func(c *CPU, o *Op) { fist(c, o, softfp.F80truncInt, true) })},
	{x86.SemFbstp, one(fbstp)},
	{x86.SemFxch, one(fxch)},
	{x86.SemFcmovcc, one(fcmov)},
	{x86.SemFfree, one(func(c *CPU, o *Op) { c.begin87(o); c.freeST(o.Args[0].Reg) })},
	{x86.SemFfreep, one(func(c *CPU, o *Op) { c.begin87(o); c.freeST(o.Args[0].Reg); c.popST() })},
	{x86.SemFincstp, one(func(c *CPU, o *Op) { c.begin87(o); c.turn(1) })},
	{x86.SemFdecstp, one(func(c *CPU, o *Op) { c.begin87(o); c.turn(7) })},
	{x86.SemFnop, one(fnop)},
}

// begin87 begins an instruction that has no operand to fault and clears C1.
func (c *CPU) begin87(o *Op) {
	c.pendingMF()
	c.record(o)
	c.clearC1()
}

// fnop is FNOP, and with a nowait row the 8087's FNENI and FNDISI and the
// 80287's FNSETPM, which do not even look for a pending exception.
func fnop(c *CPU, o *Op) {
	if x86.Table[o.Row].Attr&x86.AttrNowait == 0 {
		c.pendingMF()
		c.record(o)
	}
}

// load87 pushes v unless the stack is full.
func (c *CPU) load87(v softfp.F80) {
	if c.emptyST(7) {
		c.clearC1()
		c.pushST(v)
	} else if c.stackFault(true) {
		c.pushST(softfp.Indefinite80())
	}
}

// fld pushes a register or a real from memory. A denormal from memory is pushed
// even if DE is unmasked, a signalling NaN is not if IE is.
func fld(c *CPU, o *Op) {
	c.pendingMF()
	if o.Args[0].Size == 10 && o.Args[0].Kind == x86.Mem {
		b := c.load80(o)
		c.record(o)
		c.load87(softfp.F80{Mant: le[uint64](b[:]), SE: le[uint16](b[8:])})
		return
	}
	s := floating(c, o, 0)
	c.record(o)
	if s.empty {
		if c.stackFault(false) {
			c.pushST(softfp.Indefinite80())
		}
		return
	}
	if o.Args[0].Kind == x86.Mem && c.emptyST(7) {
		if s.denormal {
			c.FSW |= softfp.DE
		}
		if s.v.SE&0x7fff == 0x7fff && s.v.Mant<<1 != 0 && s.v.Mant>>62&1 == 0 {
			c.FSW |= softfp.IE
			s.v.Mant |= 1 << 62
			if c.FCW&softfp.IE == 0 {
				c.clearC1()
				c.summarize()
				return
			}
		}
		c.summarize()
	}
	c.load87(s.v)
}

// low80 tries the low 8 of 10 bytes first: where they fault and the rest is
// beyond the segment's limit, theirs comes, as on a Zen 4.
func (c *CPU) low80(la uint64, write bool) { c.probe(la, 8, write) }

// load80 reads 10 bytes.
func (c *CPU) load80(o *Op) (b [10]byte) {
	if !c.flat {
		c.low80(c.ea(o, 8), false)
	}
	c.readBytes(c.ea(o, 10), b[:])
	return b
}

func fild(c *CPU, o *Op) {
	c.pendingMF()
	s := integer(c, o, 0)
	c.record(o)
	c.load87(s.v)
}

func fbld(c *CPU, o *Op) {
	c.pendingMF()
	b := c.load80(o)
	c.record(o)
	c.load87(softfp.BCDto80(b))
}

func fldconst(c *CPU, o *Op) {
	c.pendingMF()
	c.record(o)
	c.load87(softfp.Load80(c.env87(), softfp.Constant(o.Imm)))
}

// place87 begins a store of n bytes to memory: the page fault comes before any
// exception of the conversion.
func (c *CPU) place87(o *Op, n int) uint64 {
	c.pendingMF()
	if n == 10 && !c.flat {
		c.low80(c.eaW(o, 8), true)
	}
	la := c.eaW(o, n)
	c.probe(la, n, true)
	c.record(o)
	return la
}

// stored87 ends a store that went ahead.
func (c *CPU) stored87(pop bool) {
	if pop {
		c.popST()
	}
}

func fst(c *CPU, o *Op, pop bool) {
	a := &o.Args[0]
	switch {
	case a.Kind == x86.ST:
		fstReg(c, o, pop)
	case a.Size == 10:
		fstp80(c, o)
	default:
		fstReal(c, o, int(a.Size), pop)
	}
}

// fstReg stores to a register. FSTP1 (D9 D8+i) of an empty register only pops
// (Zen 4; the other aliases do as FSTP).
func fstReg(c *CPU, o *Op, pop bool) {
	c.begin87(o)
	i := o.Args[0].Reg
	switch {
	case !c.emptyST(0):
		c.result87(i, softfp.F80(*c.st(0)), pop)
	case o.Opcode == 0xd9:
		c.popST()
	case c.stackFault(false):
		c.result87(i, softfp.Indefinite80(), pop)
	}
}

func fstp80(c *CPU, o *Op) {
	la := c.place87(o, 10)
	v := softfp.F80(*c.st(0))
	c.clearC1()
	if c.emptyST(0) {
		if !c.stackFault(false) {
			return
		}
		v = softfp.Indefinite80()
	}
	store(c, la, v.Mant)
	store(c, la+8, v.SE)
	c.popST()
}

// fstReal stores 4 or 8 bytes.
func fstReal(c *CPU, o *Op, n int, pop bool) {
	la := c.place87(o, n)
	v := softfp.F80(*c.st(0))
	empty := c.emptyST(0)
	if empty {
		if !c.stackFault(false) {
			return
		}
		v = softfp.Indefinite80()
	}
	e := c.env87()
	var r uint64
	if n == 4 {
		r = uint64(softfp.F80to32(e, v))
	} else {
		r = softfp.F80to64(e, v)
	}
	c.finish()
	if e.Raised&softfp.NoStore != 0 {
		return
	}
	c.storeN(la, n, r)
	c.stored87(pop)
}

// storeN writes 2, 4 or 8 bytes.
func (c *CPU) storeN(la uint64, n int, v uint64) {
	switch n {
	case 2:
		store(c, la, uint16(v))
	case 4:
		store(c, la, uint32(v))
	default:
		store(c, la, v)
	}
}

// fist stores an integer; the indefinite one, the most negative, for an empty
// register.
func fist(c *CPU, o *Op, f func(*softfp.Env, softfp.F80, uint8) int64, pop bool) {
	n := o.Args[0].Size
	la := c.place87(o, int(n))
	if c.emptyST(0) {
		if c.stackFault(false) {
			c.storeN(la, int(n), 1<<(8*n-1))
			c.stored87(pop)
		}
		return
	}
	e := c.env87()
	r := f(e, softfp.F80(*c.st(0)), 8*n)
	c.finish()
	if e.Raised&softfp.NoStore == 0 {
		c.storeN(la, int(n), uint64(r))
		c.stored87(pop)
	}
}

func fbstp(c *CPU, o *Op) {
	la := c.place87(o, 10)
	v := softfp.F80(*c.st(0))
	if c.emptyST(0) {
		if !c.stackFault(false) {
			return
		}
		v = softfp.Indefinite80()
	}
	e := c.env87()
	r := softfp.F80toBCD(e, v)
	c.finish()
	if e.Raised&softfp.NoStore == 0 {
		c.writeBytes(la, r[:])
		c.popST()
	}
}

// fxch exchanges; an empty register counts as the indefinite value.
func fxch(c *CPU, o *Op) {
	c.begin87(o)
	i := o.Args[0].Reg
	a, b := softfp.F80(*c.st(0)), softfp.F80(*c.st(i))
	if ea, eb := c.emptyST(0), c.emptyST(i); ea || eb {
		if !c.stackFault(false) {
			return
		}
		if ea {
			a = softfp.Indefinite80()
		}
		if eb {
			b = softfp.Indefinite80()
		}
	}
	c.setST(0, b)
	c.setST(i, a)
}

// fcmov looks for empty registers whether it moves or not; C1 stays.
func fcmov(c *CPU, o *Op) {
	c.pendingMF()
	c.record(o)
	i := o.Args[1].Reg
	if c.emptyST(0) || c.emptyST(i) {
		if c.stackFault(false) {
			c.setST(0, softfp.Indefinite80())
		}
		return
	}
	if c.cond(o.Cond) {
		c.setST(0, softfp.F80(*c.st(i)))
	}
}
