package interp

import (
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// convertRows: conversions between integers and floating point.
var convertRows = []row{
	{x86.SemCvtsi2ss, routine{nil, nil, cvtsi2ss[uint32], cvtsi2ss[uint64]}},
	{x86.SemCvtsi2sd, routine{nil, nil, cvtsi2sd[uint32], cvtsi2sd[uint64]}},
	{x86.SemCvtss2si, fromSingle(widen32(softfp.F32toInt32), softfp.F32toInt64)},
	{x86.SemCvttss2si, fromSingle(widen32(softfp.F32truncInt32), softfp.F32truncInt64)},
	{x86.SemCvtsd2si, fromDouble(widen64(softfp.F64toInt32), softfp.F64toInt64)},
	{x86.SemCvttsd2si, fromDouble(widen64(softfp.F64truncInt32), softfp.F64truncInt64)},
	{x86.SemCvtss2sd, one(cvtss2sd)},
	{x86.SemCvtsd2ss, one(cvtsd2ss)},
	{x86.SemCvtps2pd, one(cvtps2pd)},
	{x86.SemCvtpd2ps, one(cvtpd2ps)},
	{x86.SemCvtdq2ps, floats32(func(e *softfp.Env, _, b uint32) uint32 { return softfp.IntTo32(e, int64(int32(b))) })},
	{x86.SemCvtdq2pd, one(cvtdq2pd)},
	{x86.SemCvtps2dq, floats32(func(e *softfp.Env, _, b uint32) uint32 { return uint32(softfp.F32toInt32(e, b)) })},
	{x86.SemCvttps2dq, floats32(func(e *softfp.Env, _, b uint32) uint32 { return uint32(softfp.F32truncInt32(e, b)) })},
	{x86.SemCvtpd2dq, one(func(c *CPU, o *Op) { *c.xmm(o, 0) = vec{c.doubles(c.src128(o), softfp.F64toInt32)} })},
	{x86.SemCvttpd2dq, one(func(c *CPU, o *Op) { *c.xmm(o, 0) = vec{c.doubles(c.src128(o), softfp.F64truncInt32)} })},

	{x86.SemCvtpi2ps, one(cvtpi2ps)},
	{x86.SemCvtpi2pd, one(cvtpi2pd)},
	{x86.SemCvtps2pi, one(func(c *CPU, o *Op) { singlesToMM(c, o, softfp.F32toInt32) })},
	{x86.SemCvttps2pi, one(func(c *CPU, o *Op) { singlesToMM(c, o, softfp.F32truncInt32) })},
	{x86.SemCvtpd2pi, one(func(c *CPU, o *Op) { doublesToMM(c, o, softfp.F64toInt32) })},
	{x86.SemCvttpd2pi, one(func(c *CPU, o *Op) { doublesToMM(c, o, softfp.F64truncInt32) })},
}

func cvtsi2ss[T width](c *CPU, o *Op) {
	r := softfp.IntTo32(c.env(), signed(get[T](c, o, 1)))
	c.settle()
	setLow32(c.xmm(o, 0), r)
}

func cvtsi2sd[T width](c *CPU, o *Op) {
	r := softfp.IntTo64(c.env(), signed(get[T](c, o, 1)))
	c.settle()
	c.xmm(o, 0)[0] = r
}

// widen32 and widen64 make conversions to 32 bits look like those to 64.
func widen32(f func(*softfp.Env, uint32) int32) func(*softfp.Env, uint32) int64 {
	return func(e *softfp.Env, v uint32) int64 { return int64(uint32(f(e, v))) }
}

func widen64(f func(*softfp.Env, uint64) int32) func(*softfp.Env, uint64) int64 {
	return func(e *softfp.Env, v uint64) int64 { return int64(uint32(f(e, v))) }
}

// fromSingle and fromDouble convert operand 1 to a general register.
func fromSingle(f32, f64 func(*softfp.Env, uint32) int64) routine {
	to := func(f func(*softfp.Env, uint32) int64) func(*CPU, *Op) {
		return func(c *CPU, o *Op) {
			s := c.low32(o)
			r := f(c.env(), s)
			c.settle()
			c.R[o.Args[0].Reg&15] = uint64(r)
		}
	}
	return routine{nil, nil, to(f32), to(f64)}
}

func fromDouble(f32, f64 func(*softfp.Env, uint64) int64) routine {
	to := func(f func(*softfp.Env, uint64) int64) func(*CPU, *Op) {
		return func(c *CPU, o *Op) {
			s := c.low64(o)
			r := f(c.env(), s)
			c.settle()
			c.R[o.Args[0].Reg&15] = uint64(r)
		}
	}
	return routine{nil, nil, to(f32), to(f64)}
}

func cvtss2sd(c *CPU, o *Op) {
	s := c.low32(o)
	r := softfp.F32to64(c.env(), s)
	c.settle()
	c.xmm(o, 0)[0] = r
}

func cvtsd2ss(c *CPU, o *Op) {
	s := c.low64(o)
	r := softfp.F64to32(c.env(), s)
	c.settle()
	setLow32(c.xmm(o, 0), r)
}

func cvtps2pd(c *CPU, o *Op) {
	s := c.low64(o)
	e := c.env()
	r := vec{softfp.F32to64(e, uint32(s)), softfp.F32to64(e, uint32(s>>32))}
	c.settle()
	*c.xmm(o, 0) = r
}

func cvtpd2ps(c *CPU, o *Op) {
	s := c.src128(o)
	e := c.env()
	r := uint64(softfp.F64to32(e, s[0])) | uint64(softfp.F64to32(e, s[1]))<<32
	c.settle()
	*c.xmm(o, 0) = vec{r}
}

// twoInts makes doubles of two doublewords, which is exact.
func (c *CPU) twoInts(v uint64) vec {
	e := c.env()
	return vec{softfp.IntTo64(e, int64(int32(v))), softfp.IntTo64(e, int64(v)>>32)}
}

func cvtdq2pd(c *CPU, o *Op) { *c.xmm(o, 0) = c.twoInts(c.low64(o)) }

// singles and doubles convert two elements to doublewords.
func (c *CPU) singles(v uint64, f func(*softfp.Env, uint32) int32) uint64 {
	e := c.env()
	lo := f(e, uint32(v))
	hi := f(e, uint32(v>>32))
	c.settle()
	return uint64(uint32(lo)) | uint64(uint32(hi))<<32
}

func (c *CPU) doubles(v vec, f func(*softfp.Env, uint64) int32) uint64 {
	e := c.env()
	lo := f(e, v[0])
	hi := f(e, v[1])
	c.settle()
	return uint64(uint32(lo)) | uint64(uint32(hi))<<32
}

// singlesToMM and doublesToMM convert to an MMX register. The x87 changes to MMX
// state even if #XM follows, on AMD processors.
func singlesToMM(c *CPU, o *Op, f func(*softfp.Env, uint32) int32) {
	c.pendingMF()
	s := c.low64(o)
	c.mmx()
	c.setMM(o, c.singles(s, f))
}

func doublesToMM(c *CPU, o *Op, f func(*softfp.Env, uint64) int32) {
	c.pendingMF()
	s := c.src128(o)
	c.mmx()
	c.setMM(o, c.doubles(s, f))
}

// pairMM is the MMX or memory operand of CVTPI2PS and CVTPI2PD. From memory
// nothing happens to the x87, nor is its pending exception reported (Zen 4 does
// so for both, the manual says it of CVTPI2PD).
func (c *CPU) pairMM(o *Op) uint64 {
	if o.Args[1].Kind == x86.Mem {
		return load[uint64](c, c.ea(o, 8))
	}
	c.pendingMF()
	c.mmx()
	return c.mm(o, 1)
}

func cvtpi2ps(c *CPU, o *Op) {
	s := c.pairMM(o)
	e := c.env()
	r := uint64(softfp.IntTo32(e, int64(int32(s)))) | uint64(softfp.IntTo32(e, int64(s)>>32))<<32
	c.settle()
	c.xmm(o, 0)[0] = r
}

func cvtpi2pd(c *CPU, o *Op) { *c.xmm(o, 0) = c.twoInts(c.pairMM(o)) }
