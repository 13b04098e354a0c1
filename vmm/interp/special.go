package interp

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// The forms that make up most of what runs have routines of their own beside
// the general ones: nothing is asked at run time that decoding knows. They do
// exactly what the general ones do, which the tests compare.

// A shape is what a special routine knows of its operands: AH to BH are none
// of its registers.
type shape uint8

const (
	inRegs  shape = iota // a register; a register or immediate, if there is a second
	fromMem              // a register; memory
	toMem                // memory; a register or immediate, if there is a second
	branch               // a displacement, or nothing
	shapes
)

// shapeOf tells the shape of in's operands; shapes if it is none of them.
func shapeOf(in *x86.Inst) shape {
	plain := func(k x86.ArgKind) bool { return k == x86.Reg || k == x86.Imm || k == x86.None }
	a, b := in.Args[0].Kind, in.Args[1].Kind
	switch {
	case a == x86.Reg && plain(b):
		return inRegs
	case a == x86.Reg && b == x86.Mem:
		return fromMem
	case a == x86.Mem && plain(b):
		return toMem
	case (a == x86.Rel || a == x86.None) && b == x86.None:
		return branch
	}
	return shapes
}

// special is the routine made for in's form, or nil.
func special(in *x86.Inst, mode x86.Mode) func(*CPU, *Op) {
	s := shapeOf(in)
	if mode != x86.Mode64 || in.AddrSize != 8 || s == shapes {
		return nil
	}
	if in.Sem == x86.SemJcc && in.OpSize == 8 {
		return [...]func(*CPU, *Op){jo, jb, jz, jbe, js, jp, jl, jle}[in.Cond>>1]
	}
	r := specials[in.Sem][s]
	return r.of(in.OpSize)
}

// specials holds the special routines by semantic and shape.
var specials = func() (t [x86.NumSem][shapes]routine) {
	for _, r := range []struct {
		sem x86.Sem
		s   shape
		r   routine
	}{
		{x86.SemAdd, inRegs, routine{2: add32, 3: add64}},
		{x86.SemSub, inRegs, routine{2: sub32, 3: sub64}},
		{x86.SemAnd, inRegs, routine{2: and32, 3: and64}},
		{x86.SemOr, inRegs, routine{2: or32, 3: or64}},
		{x86.SemXor, inRegs, routine{2: xor32, 3: xor64}},
		{x86.SemCmp, inRegs, routine{0: cmp8, 2: cmp32, 3: cmp64}},
		{x86.SemTest, inRegs, routine{0: test8, 2: test32, 3: test64}},
		{x86.SemInc, inRegs, routine{2: inc32, 3: inc64}},
		{x86.SemDec, inRegs, routine{2: dec32, 3: dec64}},
		{x86.SemShl, inRegs, routine{2: shl32, 3: shl64}},
		{x86.SemShr, inRegs, routine{2: shr32, 3: shr64}},
		{x86.SemMov, inRegs, routine{2: mov32, 3: mov64}},
		{x86.SemPush, inRegs, routine{3: push64}},
		{x86.SemPop, inRegs, routine{3: pop64}},

		{x86.SemMov, fromMem, routine{0: load8, 2: load32, 3: load64}},
		{x86.SemMovzx, fromMem, routine{2: loadZX, 3: loadZX}},
		{x86.SemLea, fromMem, routine{2: lea32, 3: lea64}},
		{x86.SemAdd, fromMem, routine{2: addFrom32, 3: addFrom64}},
		{x86.SemCmp, fromMem, routine{2: cmpFrom32, 3: cmpFrom64}},

		{x86.SemMov, toMem, routine{0: store8, 2: store32, 3: store64}},
		{x86.SemCmp, toMem, routine{0: cmpTo8, 2: cmpTo32, 3: cmpTo64}},
		{x86.SemTest, toMem, routine{0: testTo8, 2: testTo32, 3: testTo64}},

		{x86.SemJmp, branch, routine{3: near}},
		{x86.SemCall, branch, routine{3: callNear}},
		{x86.SemRet, branch, routine{3: retNear}},
	} {
		t[r.sem][r.s] = r.r
	}
	return t
}()

// dst is the register that operand 0 names.
func (c *CPU) dst(o *Op) *uint64 { return &c.R[o.Args[0].Reg&15] }

// src is operand 1, a register or an immediate.
func (c *CPU) src(o *Op) uint64 {
	if o.Args[1].Kind == x86.Imm {
		return uint64(o.Imm)
	}
	return c.R[o.Args[1].Reg&15]
}

func (c *CPU) flagsAdd32(a, b, r uint32) {
	k := a&b | (a|b)&^r
	c.aux = uint64(k)<<32 | uint64(k)&8
	c.zr, c.sr, c.pr = uint64(r), uint64(r)<<32, uint8(r)
}

func (c *CPU) flagsAdd64(a, b, r uint64) {
	c.aux = a&b | (a|b)&^r
	c.zr, c.sr, c.pr = r, r, uint8(r)
}

func (c *CPU) flagsSub32(a, b, r uint32) {
	k := ^a&b | (^a|b)&r
	c.aux = uint64(k)<<32 | uint64(k)&8
	c.zr, c.sr, c.pr = uint64(r), uint64(r)<<32, uint8(r)
}

func (c *CPU) flagsSub64(a, b, r uint64) {
	c.aux = ^a&b | (^a|b)&r
	c.zr, c.sr, c.pr = r, r, uint8(r)
}

func (c *CPU) flagsLogic32(r uint32) {
	c.aux = 0
	c.zr, c.sr, c.pr = uint64(r), uint64(r)<<32, uint8(r)
}

func (c *CPU) flagsLogic64(r uint64) {
	c.aux = 0
	c.zr, c.sr, c.pr = r, r, uint8(r)
}

func add32(c *CPU, o *Op) {
	p, b := c.dst(o), uint32(c.src(o))
	a := uint32(*p)
	*p = uint64(a + b)
	c.flagsAdd32(a, b, a+b)
}

func add64(c *CPU, o *Op) {
	p, b := c.dst(o), c.src(o)
	a := *p
	*p = a + b
	c.flagsAdd64(a, b, a+b)
}

func sub32(c *CPU, o *Op) {
	p, b := c.dst(o), uint32(c.src(o))
	a := uint32(*p)
	*p = uint64(a - b)
	c.flagsSub32(a, b, a-b)
}

func sub64(c *CPU, o *Op) {
	p, b := c.dst(o), c.src(o)
	a := *p
	*p = a - b
	c.flagsSub64(a, b, a-b)
}

func and32(c *CPU, o *Op) {
	p := c.dst(o)
	*p = *p & c.src(o) & 0xffffffff
	c.flagsLogic32(uint32(*p))
}

func and64(c *CPU, o *Op) {
	p := c.dst(o)
	*p &= c.src(o)
	c.flagsLogic64(*p)
}

func or32(c *CPU, o *Op) {
	p := c.dst(o)
	*p = (*p | c.src(o)) & 0xffffffff
	c.flagsLogic32(uint32(*p))
}

func or64(c *CPU, o *Op) {
	p := c.dst(o)
	*p |= c.src(o)
	c.flagsLogic64(*p)
}

func xor32(c *CPU, o *Op) {
	p := c.dst(o)
	*p = (*p ^ c.src(o)) & 0xffffffff
	c.flagsLogic32(uint32(*p))
}

func xor64(c *CPU, o *Op) {
	p := c.dst(o)
	*p ^= c.src(o)
	c.flagsLogic64(*p)
}

func cmp8(c *CPU, o *Op) { c.compare8(uint8(*c.dst(o)), uint8(c.src(o))) }

func (c *CPU) compare8(a, b uint8) { flagsSub(c, a, b, a-b) }

func cmp32(c *CPU, o *Op) {
	a, b := uint32(*c.dst(o)), uint32(c.src(o))
	c.flagsSub32(a, b, a-b)
}

func cmp64(c *CPU, o *Op) {
	a, b := *c.dst(o), c.src(o)
	c.flagsSub64(a, b, a-b)
}

func test8(c *CPU, o *Op) {
	r := *c.dst(o) & c.src(o)
	c.aux = 0
	c.zr, c.sr, c.pr = r&0xff, r<<56, uint8(r)
}

func test32(c *CPU, o *Op) { c.flagsLogic32(uint32(*c.dst(o) & c.src(o))) }
func test64(c *CPU, o *Op) { c.flagsLogic64(*c.dst(o) & c.src(o)) }

func inc32(c *CPU, o *Op) {
	p, was := c.dst(o), c.aux
	a := uint32(*p)
	*p = uint64(a + 1)
	c.flagsAdd32(a, 1, a+1)
	c.keepCF(was)
}

func inc64(c *CPU, o *Op) {
	p, was := c.dst(o), c.aux
	a := *p
	*p = a + 1
	c.flagsAdd64(a, 1, a+1)
	c.keepCF(was)
}

func dec32(c *CPU, o *Op) {
	p, was := c.dst(o), c.aux
	a := uint32(*p)
	*p = uint64(a - 1)
	c.flagsSub32(a, 1, a-1)
	c.keepCF(was)
}

func dec64(c *CPU, o *Op) {
	p, was := c.dst(o), c.aux
	a := *p
	*p = a - 1
	c.flagsSub64(a, 1, a-1)
	c.keepCF(was)
}

func shl32(c *CPU, o *Op) {
	p, n := c.dst(o), c.src(o)&31
	a := uint32(*p)
	r := a << n
	*p = uint64(r)
	if n != 0 {
		cf := uint64(a<<(n-1)) >> 31
		c.aux = cf<<63 | uint64(r)>>31<<62 | 8
		c.zr, c.sr, c.pr = uint64(r), uint64(r)<<32, uint8(r)
	}
}

func shl64(c *CPU, o *Op) {
	p, n := c.dst(o), c.src(o)&63
	a := *p
	r := a << n
	*p = r
	if n != 0 {
		c.aux = a<<(n-1)&top63 | r>>63<<62 | 8
		c.zr, c.sr, c.pr = r, r, uint8(r)
	}
}

func shr32(c *CPU, o *Op) {
	p, n := c.dst(o), c.src(o)&31
	a := uint32(*p)
	r := a >> n
	*p = uint64(r)
	if n != 0 {
		cf, of := uint64(a>>(n-1))&1, uint64(a>>(n-1))>>31
		c.aux = cf<<63 | (cf^of)<<62 | 8
		c.zr, c.sr, c.pr = uint64(r), uint64(r)<<32, uint8(r)
	}
}

func shr64(c *CPU, o *Op) {
	p, n := c.dst(o), c.src(o)&63
	a := *p
	r := a >> n
	*p = r
	if n != 0 {
		cf, of := a>>(n-1)&1, a>>(n-1)>>63
		c.aux = cf<<63 | (cf^of)<<62 | 8
		c.zr, c.sr, c.pr = r, r, uint8(r)
	}
}

func mov32(c *CPU, o *Op) { *c.dst(o) = c.src(o) & 0xffffffff }
func mov64(c *CPU, o *Op) { *c.dst(o) = c.src(o) }

func lea64(c *CPU, o *Op) {
	if o.EA == eaAny {
		*c.dst(o) = c.offset(o)
		return
	}
	*c.dst(o) = c.ea(o, 0)
}

func lea32(c *CPU, o *Op) {
	lea64(c, o)
	*c.dst(o) &= 0xffffffff
}

// near jumps to a displacement in 64-bit mode.
func near(c *CPU, o *Op) {
	ip := c.start + uint64(o.Off) + uint64(o.Len) + uint64(o.Imm)
	if !cpu.Canonical(ip) {
		c.GP(0)
	}
	c.RIP = ip
	c.leave = jumped
}

// The conditions by pairs: the low bit of a condition code negates.

func jo(c *CPU, o *Op) { c.branchIf(o, c.of()) }
func jb(c *CPU, o *Op) { c.branchIf(o, c.cf()) }
func jz(c *CPU, o *Op) { c.branchIf(o, c.zf()) }
func js(c *CPU, o *Op) { c.branchIf(o, c.sf()) }
func jp(c *CPU, o *Op) { c.branchIf(o, c.pf()) }

func jbe(c *CPU, o *Op) { c.branchIf(o, c.cf() || c.zf()) }
func jl(c *CPU, o *Op)  { c.branchIf(o, c.sf() != c.of()) }
func jle(c *CPU, o *Op) { c.branchIf(o, c.zf() || c.sf() != c.of()) }

func (c *CPU) branchIf(o *Op, cond bool) {
	if cond != (o.Cond&1 != 0) {
		near(c, o)
	}
}

// Memory. A translation that is there was made for a canonical address.

// at is the address of o's memory operand of n bytes to be read.
func (c *CPU) at(o *Op, n int) uint64 {
	if o.EA == eaBase {
		return c.R[o.Mem.Base&15] + uint64(o.Mem.Disp)
	}
	return c.ea(o, n)
}

func (c *CPU) read8(la uint64) uint8 {
	if e := &c.tlb[la>>12%tlbSize]; e.r == la&^pageMax {
		return c.Mem.B[la+e.add]
	}
	return uint8(c.loadSlow(la, 1, false))
}

func (c *CPU) read32(la uint64) uint32 {
	if e := &c.tlb[la>>12%tlbSize]; e.r == (la+3)&^pageMax {
		return binary.LittleEndian.Uint32(c.Mem.B[la+e.add:])
	}
	return uint32(c.loadSlow(la, 4, false))
}

func (c *CPU) read64(la uint64) uint64 {
	if e := &c.tlb[la>>12%tlbSize]; e.r == (la+7)&^pageMax {
		return binary.LittleEndian.Uint64(c.Mem.B[la+e.add:])
	}
	return c.loadSlow(la, 8, false)
}

func (c *CPU) write64(la, v uint64) {
	if e := &c.tlb[la>>12%tlbSize]; e.w == (la+7)&^pageMax {
		binary.LittleEndian.PutUint64(c.Mem.B[la+e.add:], v)
		return
	}
	c.storeSlow(la, 8, v)
}

func load8(c *CPU, o *Op) {
	v := c.read8(c.at(o, 1))
	p := c.dst(o)
	*p = *p&^0xff | uint64(v)
}

func load32(c *CPU, o *Op) { *c.dst(o) = uint64(c.read32(c.at(o, 4))) }
func load64(c *CPU, o *Op) { *c.dst(o) = c.read64(c.at(o, 8)) }

// loadZX is MOVZX to 32 or 64 bits, which write the same.
func loadZX(c *CPU, o *Op) {
	if o.Args[1].Size == 1 {
		*c.dst(o) = uint64(c.read8(c.at(o, 1)))
		return
	}
	*c.dst(o) = uint64(load[uint16](c, c.at(o, 2)))
}

func addFrom32(c *CPU, o *Op) {
	b := c.read32(c.at(o, 4))
	p := c.dst(o)
	a := uint32(*p)
	*p = uint64(a + b)
	c.flagsAdd32(a, b, a+b)
}

func addFrom64(c *CPU, o *Op) {
	b := c.read64(c.at(o, 8))
	p := c.dst(o)
	a := *p
	*p = a + b
	c.flagsAdd64(a, b, a+b)
}

func cmpFrom32(c *CPU, o *Op) {
	a, b := uint32(*c.dst(o)), c.read32(c.at(o, 4))
	c.flagsSub32(a, b, a-b)
}

func cmpFrom64(c *CPU, o *Op) {
	a, b := *c.dst(o), c.read64(c.at(o, 8))
	c.flagsSub64(a, b, a-b)
}

func cmpTo8(c *CPU, o *Op) { c.compare8(c.read8(c.at(o, 1)), uint8(c.src(o))) }

func cmpTo32(c *CPU, o *Op) {
	a, b := c.read32(c.at(o, 4)), uint32(c.src(o))
	c.flagsSub32(a, b, a-b)
}

func cmpTo64(c *CPU, o *Op) {
	a, b := c.read64(c.at(o, 8)), c.src(o)
	c.flagsSub64(a, b, a-b)
}

func testTo8(c *CPU, o *Op) { flagsLogic(c, c.read8(c.at(o, 1))&uint8(c.src(o))) }

func testTo32(c *CPU, o *Op) { c.flagsLogic32(c.read32(c.at(o, 4)) & uint32(c.src(o))) }
func testTo64(c *CPU, o *Op) { c.flagsLogic64(c.read64(c.at(o, 8)) & c.src(o)) }

func store8(c *CPU, o *Op) {
	la, v := c.at(o, 1), uint8(c.src(o))
	if e := &c.tlb[la>>12%tlbSize]; e.w == la&^pageMax {
		c.Mem.B[la+e.add] = v
		return
	}
	c.storeSlow(la, 1, uint64(v))
}

func store32(c *CPU, o *Op) {
	la, v := c.at(o, 4), uint32(c.src(o))
	if e := &c.tlb[la>>12%tlbSize]; e.w == (la+3)&^pageMax {
		binary.LittleEndian.PutUint32(c.Mem.B[la+e.add:], v)
		return
	}
	c.storeSlow(la, 4, uint64(v))
}

func store64(c *CPU, o *Op) { c.write64(c.at(o, 8), c.src(o)) }

func push64(c *CPU, o *Op) {
	sp := c.R[x86.RSP] - 8
	c.stack(sp)
	c.write64(sp, *c.dst(o))
	c.R[x86.RSP] = sp
}

func pop64(c *CPU, o *Op) {
	sp := c.R[x86.RSP]
	c.stack(sp)
	v := c.read64(sp)
	c.R[x86.RSP] = sp + 8
	*c.dst(o) = v
}

func callNear(c *CPU, o *Op) {
	next := c.start + uint64(o.Off) + uint64(o.Len)
	ip, sp := next+uint64(o.Imm), c.R[x86.RSP]-8
	if !cpu.Canonical(ip) {
		c.GP(0)
	}
	c.stack(sp)
	c.write64(sp, next)
	c.R[x86.RSP] = sp
	c.jump(ip)
}

func retNear(c *CPU, o *Op) {
	sp := c.R[x86.RSP]
	c.stack(sp)
	ip := c.read64(sp)
	if !cpu.Canonical(ip) {
		c.GP(0)
	}
	c.R[x86.RSP] = sp + 8
	c.jump(ip)
}
