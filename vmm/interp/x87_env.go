package interp

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// envRows: the x87's environment and state in memory (SDM vol. 1, 8.1.10,
// figures 8-9 to 8-12). The 32-bit image has 28 bytes, its words of 16 bits
// being filled up with ones:
//
//	 0 FCW, 4 FSW, 8 FTW
//	12 FIP 31:0
//	16 FCS 15:0, FOP 26:16      real and virtual-8086 mode: FOP 10:0, FIP 31:16 in 27:12
//	20 FDP 31:0                 FIP and FDP are linear there, 12 and 20 hold bits 15:0
//	24 FDS 15:0                 FDP 31:16 in 27:12
//
// The 16-bit image has 14 bytes, FCW, FSW, FTW, FIP, FCS, FDP and FDS at 2-byte
// distances; in real mode FIP 19:16 and FOP are at 8, FDP 19:16 at 12. FNSAVE
// appends ST(0) to ST(7), ten bytes each.
//
// The selectors FCS and FDS are not kept: they are stored as zero.
var envRows = []row{
	{x86.SemFnstenv, one(fnstenv)},
	{x86.SemFldenv, one(fldenv)},
	{x86.SemFnsave, one(fnsave)},
	{x86.SemFrstor, one(frstor)},
}

// save87 is the largest image: environment and registers.
const save87 = 28 + 80

// envBytes is the size of the environment for o.
func envBytes(o *Op) int {
	if o.OpSize == 2 {
		return 14
	}
	return 28
}

// realEnv tells whether the environment has the layout of real mode.
func (c *CPU) realEnv() bool { return c.CR0&cpu.CR0PE == 0 || c.RFLAGS&cpu.FlagVM != 0 }

// putEnv makes the environment's image.
func (c *CPU) putEnv(b *[save87]byte, o *Op) {
	ip, dp := c.FIP, c.FDP
	cs, ds := uint32(c.FOP)<<16, uint32(0)
	if c.realEnv() {
		ip, dp = ip+c.Seg[x86.CS].Base, dp+c.Seg[x86.DS].Base
		cs, ds = uint32(ip>>16)<<12|uint32(c.FOP), uint32(dp>>16)<<12
	}
	tags := c.tags()
	p := binary.LittleEndian
	if o.OpSize == 2 {
		for i, v := range [...]uint16{c.FCW, c.FSW, tags, uint16(ip), uint16(cs), uint16(dp), uint16(ds)} {
			p.PutUint16(b[2*i:], v)
		}
		return
	}
	ones := uint32(0xffff0000)
	words := [...]uint32{ones | uint32(c.FCW), ones | uint32(c.FSW), ones | uint32(tags), uint32(ip), cs, uint32(dp), ones}
	if c.realEnv() {
		words = [...]uint32{words[0], words[1], words[2], ones | uint32(ip)&0xffff, cs & 0xfffffff, ones | uint32(dp)&0xffff, ds & 0xfffffff}
	}
	for i, v := range words {
		p.PutUint32(b[4*i:], v)
	}
}

// takeEnv loads the environment's image. Exception flags that it brings are
// pending if unmasked.
func (c *CPU) takeEnv(b *[save87]byte, o *Op) {
	p := binary.LittleEndian
	var w [7]uint32
	for i := range w {
		if o.OpSize == 2 {
			w[i] = uint32(p.Uint16(b[2*i:]))
		} else {
			w[i] = p.Uint32(b[4*i:])
		}
	}
	c.FCW, c.FSW = uint16(w[0])&0x1f3f|0x40, uint16(w[1])
	c.summarize()
	c.FTW = 0
	for i := range 8 {
		if w[2]>>(2*i)&3 == 3 {
			c.FTW |= 3 << (2 * i)
		}
	}
	switch {
	case c.realEnv():
		c.FIP, c.FDP = uint64(w[3]&0xffff|w[4]>>12<<16), uint64(w[5]&0xffff|w[6]>>12<<16)
		c.FIP, c.FDP = c.FIP-c.Seg[x86.CS].Base, c.FDP-c.Seg[x86.DS].Base
		c.FIP, c.FDP = c.FIP&0xffffffff, c.FDP&0xffffffff
		c.FOP = uint16(w[4]) & 0x7ff
	case o.OpSize == 2:
		c.FIP, c.FDP = uint64(w[3]), uint64(w[5])
	default:
		c.FIP, c.FDP = uint64(w[3]), uint64(w[5])
		c.FOP = uint16(w[4]>>16) & 0x7ff
	}
}

// probeEnv proves n bytes: FCW, then the last byte, then all, as page faults on
// a Zen 4 tell.
func (c *CPU) probeEnv(o *Op, la uint64, n int, write bool) {
	c.probe(la, int(min(o.OpSize, 4)), write)
	c.probe(la+uint64(n)-1, 1, write)
	c.probe(la, n, write)
}

// fnstenv stores the environment and masks all exceptions.
func fnstenv(c *CPU, o *Op) {
	n := envBytes(o)
	la := c.eaW(o, n)
	c.probeEnv(o, la, n, true)
	var b [save87]byte
	c.putEnv(&b, o)
	c.writeBytes(la, b[:n])
	c.FCW |= 0x3f
	c.summarize()
}

func fldenv(c *CPU, o *Op) {
	c.pendingMF()
	n := envBytes(o)
	la := c.ea(o, n)
	c.probeEnv(o, la, n, false)
	var b [save87]byte
	c.readBytes(la, b[:n])
	c.takeEnv(&b, o)
}

// fnsave stores everything, then does FNINIT.
func fnsave(c *CPU, o *Op) {
	n := envBytes(o)
	la := c.eaW(o, n+80)
	c.probeEnv(o, la, n+80, true)
	var b [save87]byte
	c.putEnv(&b, o)
	for i := range uint8(8) {
		r := b[n+10*int(i):]
		binary.LittleEndian.PutUint64(r, c.st(i).Mant)
		binary.LittleEndian.PutUint16(r[8:], c.st(i).SE)
	}
	c.writeBytes(la, b[:n+80])
	fninit(c, o)
}

func frstor(c *CPU, o *Op) {
	c.pendingMF()
	n := envBytes(o)
	la := c.ea(o, n+80)
	c.probeEnv(o, la, n+80, false)
	var b [save87]byte
	c.readBytes(la, b[:n+80])
	c.takeEnv(&b, o)
	for i := range uint8(8) {
		r := b[n+10*int(i):]
		*c.st(i) = cpu.F80{Mant: binary.LittleEndian.Uint64(r), SE: binary.LittleEndian.Uint16(r[8:])}
	}
}

// abridged is the tag word with one bit a register: not empty.
func (c *CPU) abridged() (b uint8) {
	for i := range 8 {
		if c.FTW>>(2*i)&3 != 3 {
			b |= 1 << i
		}
	}
	return b
}

// fullTags is a tag word that knows only which registers are empty, from the
// abridged one.
func fullTags(b uint8) (w uint16) {
	for i := range 8 {
		if b>>i&1 == 0 {
			w |= 3 << (2 * i)
		}
	}
	return w
}

// tags classifies the registers in use by what they hold. FTW itself only
// tells them, as zero, from empty ones, as three.
func (c *CPU) tags() uint16 {
	w := c.FTW
	for i := range 8 {
		if w>>(2*i)&3 != 3 {
			w = w&^(3<<(2*i)) | tagOf(c.FPR[i])<<(2*i)
		}
	}
	return w
}

// tagOf classifies a register: valid, zero or special.
func tagOf(r cpu.F80) uint16 {
	switch {
	case r.SE&0x7fff == 0 && r.Mant == 0:
		return 1
	case r.SE&0x7fff == 0, r.SE&0x7fff == 0x7fff, r.Mant>>63 == 0:
		return 2
	}
	return 0
}
