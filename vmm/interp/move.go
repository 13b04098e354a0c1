package interp

import (
	"math/bits"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// moveRows: moves, exchanges, conversions, single flags, and what does nothing.
var moveRows = []row{
	{x86.SemMov, routine{mov[uint8], mov[uint16], mov[uint32], mov[uint64]}},
	{x86.SemMovzx, routine{nil, movzx[uint16], movzx[uint32], movzx[uint64]}},
	{x86.SemMovsx, routine{nil, movsx[uint16], movsx[uint32], movsx[uint64]}},
	{x86.SemMovbe, routine{nil, movbe[uint16], movbe[uint32], movbe[uint64]}},
	{x86.SemLea, routine{nil, lea[uint16], lea[uint32], lea[uint64]}},
	{x86.SemXchg, routine{xchg[uint8], xchg[uint16], xchg[uint32], xchg[uint64]}},
	{x86.SemXadd, routine{xadd[uint8], xadd[uint16], xadd[uint32], xadd[uint64]}},
	{x86.SemCmpxchg, routine{cmpxchg[uint8], cmpxchg[uint16], cmpxchg[uint32], cmpxchg[uint64]}},
	{x86.SemCmpxchg8b, one(cmpxchg8b)},
	{x86.SemCmpxchg16b, one(cmpxchg16b)},
	{x86.SemBswap, routine{nil, bswap16, bswap32, bswap64}},
	{x86.SemCmovcc, routine{nil, cmov[uint16], cmov[uint32], cmov[uint64]}},
	{x86.SemSetcc, one(setcc)},
	{x86.SemXlat, one(xlat)},
	{x86.SemCbw, routine{nil, cbw, cwde, cdqe}},
	{x86.SemCwd, routine{nil, cwd[uint16], cwd[uint32], cwd[uint64]}},
	{x86.SemLahf, one(lahf)},
	{x86.SemSahf, one(sahf)},
	{x86.SemClc, one(func(c *CPU, _ *Op) { c.setCF(false) })},
	{x86.SemStc, one(func(c *CPU, _ *Op) { c.setCF(true) })},
	{x86.SemCmc, one(func(c *CPU, _ *Op) { c.setCF(!c.cf()) })},
	{x86.SemCld, one(func(c *CPU, _ *Op) { c.RFLAGS &^= cpu.FlagDF })},
	{x86.SemStd, one(func(c *CPU, _ *Op) { c.RFLAGS |= cpu.FlagDF })},
	{x86.SemSalc, one(salc)},
	{x86.SemNop, one(nop)},
	{x86.SemPause, one(nop)},
	{x86.SemFence, one(nop)},
	{x86.SemClflush, one(clflush)},
	{x86.SemRdrand, routine{nil, rdrand[uint16], rdrand[uint32], rdrand[uint64]}},
	{x86.SemRdseed, routine{nil, rdrand[uint16], rdrand[uint32], rdrand[uint64]}},
	{x86.SemRdpid, one(rdpid)},
}

// setLow writes the low part of general register n as setReg does.
func setLow[T width](c *CPU, n int, v T) {
	switch r := &c.R[n&15]; uint64(^T(0)) {
	case 0xff:
		*r = *r&^0xff | uint64(v)
	case 0xffff:
		*r = *r&^0xffff | uint64(v)
	default:
		*r = uint64(v)
	}
}

func mov[T width](c *CPU, o *Op) { set(c, o, 0, get[T](c, o, 1)) }

func movzx[T width](c *CPU, o *Op) {
	v := T(0)
	if o.Args[1].Size == 1 {
		v = T(get[uint8](c, o, 1))
	} else {
		v = T(get[uint16](c, o, 1))
	}
	setReg(c, &o.Args[0], v)
}

func movsx[T width](c *CPU, o *Op) {
	var v int64
	switch o.Args[1].Size {
	case 1:
		v = int64(int8(get[uint8](c, o, 1)))
	case 2:
		v = int64(int16(get[uint16](c, o, 1)))
	default:
		v = int64(int32(get[uint32](c, o, 1)))
	}
	setReg(c, &o.Args[0], T(v))
}

func movbe[T width](c *CPU, o *Op) {
	v := bits.ReverseBytes64(uint64(get[T](c, o, 1)))
	set(c, o, 0, T(v>>(64-8*size[T]())))
}

func lea[T width](c *CPU, o *Op) { setReg(c, &o.Args[0], T(c.offset(o))) }

func xchg[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	b := reg[T](c, &o.Args[1])
	put(c, p, b)
	setReg(c, &o.Args[1], a)
}

// xadd writes the register first, so that the sum stands if both are the same.
func xadd[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	b := reg[T](c, &o.Args[1])
	setReg(c, &o.Args[1], a)
	put(c, p, a+b)
	flagsAdd(c, a, b, a+b)
}

// cmpxchg always writes memory (SDM vol. 2A, CMPXCHG), but a register only if
// equal: the upper half of an unequal 32-bit one stays.
func cmpxchg[T width](c *CPU, o *Op) {
	a, p := change[T](c, o, 0)
	old := T(c.R[x86.RAX])
	if old == a {
		put(c, p, reg[T](c, &o.Args[1]))
	} else {
		if p.arg == nil {
			put(c, p, a)
		}
		setLow(c, x86.RAX, a)
	}
	flagsSub(c, old, a, old-a)
}

func cmpxchg8b(c *CPU, o *Op) {
	la := c.eaW(o, 8)
	m := loadW[uint64](c, la)
	differ := m ^ (c.R[x86.RAX]&0xffffffff | c.R[x86.RDX]<<32)
	if differ == 0 {
		store(c, la, c.R[x86.RBX]&0xffffffff|c.R[x86.RCX]<<32)
	} else {
		store(c, la, m)
		c.R[x86.RAX], c.R[x86.RDX] = m&0xffffffff, m>>32
	}
	c.zr = differ // ZF only
}

func cmpxchg16b(c *CPU, o *Op) {
	la := c.eaW(o, 16)
	if la&15 != 0 {
		c.GP(0)
	}
	lo, hi := loadW[uint64](c, la), loadW[uint64](c, la+8)
	differ := (lo ^ c.R[x86.RAX]) | (hi ^ c.R[x86.RDX])
	if differ == 0 {
		store(c, la, c.R[x86.RBX])
		store(c, la+8, c.R[x86.RCX])
	} else {
		store(c, la, lo)
		store(c, la+8, hi)
		c.R[x86.RAX], c.R[x86.RDX] = lo, hi
	}
	c.zr = differ
}

// bswap16 clears the register's low half; the manual leaves the result undefined.
func bswap16(c *CPU, o *Op) { setReg(c, &o.Args[0], uint16(0)) }

func bswap32(c *CPU, o *Op) {
	setReg(c, &o.Args[0], bits.ReverseBytes32(reg[uint32](c, &o.Args[0])))
}

func bswap64(c *CPU, o *Op) {
	setReg(c, &o.Args[0], bits.ReverseBytes64(reg[uint64](c, &o.Args[0])))
}

// cmov reads its source and writes its register even if the condition is false:
// a 32-bit one clears the upper half (SDM vol. 2A, CMOVcc).
func cmov[T width](c *CPU, o *Op) {
	v := get[T](c, o, 1)
	if !c.cond(o.Cond) {
		v = reg[T](c, &o.Args[0])
	}
	setReg(c, &o.Args[0], v)
}

func setcc(c *CPU, o *Op) {
	v := uint8(0)
	if c.cond(o.Cond) {
		v = 1
	}
	set(c, o, 0, v)
}

func xlat(c *CPU, o *Op) {
	off := (c.R[x86.RBX] + c.R[x86.RAX]&0xff) & addrMask(o.AddrSize)
	setLow(c, x86.RAX, load[uint8](c, c.linear(o.Mem.Seg, off, 1, false)))
}

func cbw(c *CPU, _ *Op)  { setLow(c, x86.RAX, uint16(int8(c.R[x86.RAX]))) }
func cwde(c *CPU, _ *Op) { setLow(c, x86.RAX, uint32(int16(c.R[x86.RAX]))) }
func cdqe(c *CPU, _ *Op) { setLow(c, x86.RAX, uint64(int32(c.R[x86.RAX]))) }

func cwd[T width](c *CPU, _ *Op) {
	setLow(c, x86.RDX, T(int64(lift(T(c.R[x86.RAX])))>>63))
}

// ahFlags are the flags that LAHF and SAHF move.
const ahFlags = cpu.FlagSF | cpu.FlagZF | cpu.FlagAF | cpu.FlagPF | cpu.FlagCF

func lahf(c *CPU, _ *Op) {
	c.R[x86.RAX] = c.R[x86.RAX]&^0xff00 | (c.flags()&ahFlags|2)<<8
}

func sahf(c *CPU, _ *Op) {
	c.setArith(c.flags()&cpu.FlagOF | c.R[x86.RAX]>>8&ahFlags)
}

func salc(c *CPU, _ *Op) { setLow(c, x86.RAX, uint8(-c.carry())) }

func nop(*CPU, *Op) {}

// clflush has nothing to flush: its address is checked as for a read, but for
// the segment, which may be one to execute only (SDM vol. 2A, CLFLUSH).
func clflush(c *CPU, o *Op) {
	s, off := &c.Seg[o.Mem.Seg], c.offset(o)
	if code := uint16(cpu.AttrS | 8); c.flat || s.Attr&code != code {
		c.reach(c.ea(o, 1), 1, false)
		return
	}
	if !s.Fetches(off) {
		c.GP(0)
	}
	c.reach((s.Base+off)&0xffffffff, 1, false)
}

// rdrand is RDRAND and RDSEED: xoshiro256** on State.Rand, which always has a
// number to give.
func rdrand[T width](c *CPU, o *Op) {
	s := &c.Rand
	v := bits.RotateLeft64(s[1]*5, 7) * 9
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = bits.RotateLeft64(s[3], 45)
	setReg(c, &o.Args[0], T(v))
	c.setArith(cpu.FlagCF)
}

func rdpid(c *CPU, o *Op) { setReg(c, &o.Args[0], c.TSCAux) }
