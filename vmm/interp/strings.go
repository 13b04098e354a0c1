package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// stringRows: string instructions. CMPS and SCAS set the flags on every
// iteration, so an interrupt or a fault between two of them sees those of the
// last one completed.
var stringRows = []row{
	{x86.SemMovs, routine{movs[uint8], movs[uint16], movs[uint32], movs[uint64]}},
	{x86.SemCmps, routine{cmps[uint8], cmps[uint16], cmps[uint32], cmps[uint64]}},
	{x86.SemStos, routine{stos[uint8], stos[uint16], stos[uint32], stos[uint64]}},
	{x86.SemLods, routine{lods[uint8], lods[uint16], lods[uint32], lods[uint64]}},
	{x86.SemScas, routine{scas[uint8], scas[uint16], scas[uint32], scas[uint64]}},
}

const prefixRepeat = x86.PrefixRep | x86.PrefixRepne

// source and dest are the linear addresses of a string instruction's elements.
func (c *CPU) source(o *Op, n int) uint64 {
	return c.linear(o.Mem.Seg, c.R[x86.RSI]&addrMask(o.AddrSize), n, false)
}

func (c *CPU) dest(o *Op, n int, write bool) uint64 {
	return c.linear(x86.ES, c.R[x86.RDI]&addrMask(o.AddrSize), n, write)
}

// advance moves rSI or rDI by n bytes in the direction that DF says.
func (c *CPU) advance(r int, o *Op, n uint64) {
	if c.RFLAGS&cpu.FlagDF != 0 {
		n = -n
	}
	c.setAddr(r, o.AddrSize, c.R[r]+n)
}

// begin tells whether a string instruction has anything to do.
func (c *CPU) begin(o *Op) bool {
	return o.Prefixes&prefixRepeat == 0 || c.R[x86.RCX]&addrMask(o.AddrSize) != 0
}

// more accounts for an iteration just completed and tells whether to go on
// with the next one at once; not if TF is to trap after each (SDM vol. 3B, 17.3.1.4). done says that the instruction ends whatever rCX is.
func (c *CPU) more(o *Op, done bool) bool {
	if o.Prefixes&prefixRepeat == 0 {
		return false
	}
	n := (c.R[x86.RCX] - 1) & addrMask(o.AddrSize)
	c.setAddr(x86.RCX, o.AddrSize, n)
	if n == 0 || done {
		if c.leave == stay {
			c.jump(c.next(o)) // the budget of the block's other instructions is spent
		}
		return false
	}
	c.spend(1)
	if c.left <= int64(c.i) || c.single || c.leave != stay || c.board.Attention || len(c.Mem.Hits) != 0 {
		c.leave = again
		return false
	}
	return true
}

// spend accounts for n iterations that were not an instruction's last.
func (c *CPU) spend(n uint64) {
	c.left -= int64(n)
	c.Overhead += n
}

func movs[T width](c *CPU, o *Op) {
	n := size[T]()
	for more := c.begin(o); more; more = c.more(o, false) {
		c.moveMany(o, uint64(n))
		v := load[T](c, c.source(o, n))
		store(c, c.dest(o, n, true), v)
		c.advance(x86.RSI, o, uint64(n))
		c.advance(x86.RDI, o, uint64(n))
	}
}

func stos[T width](c *CPU, o *Op) {
	n := size[T]()
	for more := c.begin(o); more; more = c.more(o, false) {
		storeMany[T](c, o)
		store(c, c.dest(o, n, true), T(c.R[x86.RAX]))
		c.advance(x86.RDI, o, uint64(n))
	}
}

func lods[T width](c *CPU, o *Op) {
	n := size[T]()
	for more := c.begin(o); more; more = c.more(o, false) {
		setLow(c, x86.RAX, load[T](c, c.source(o, n)))
		c.advance(x86.RSI, o, uint64(n))
	}
}

func cmps[T width](c *CPU, o *Op) {
	n := size[T]()
	for more := c.begin(o); more; more = c.more(o, c.zf() == (o.Prefixes&x86.PrefixRepne != 0)) {
		b := load[T](c, c.dest(o, n, false)) // first: its fault comes first on a Zen 4
		a := load[T](c, c.source(o, n))
		c.advance(x86.RSI, o, uint64(n))
		c.advance(x86.RDI, o, uint64(n))
		flagsSub(c, a, b, a-b)
	}
}

func scas[T width](c *CPU, o *Op) {
	n := size[T]()
	for more := c.begin(o); more; more = c.more(o, c.zf() == (o.Prefixes&x86.PrefixRepne != 0)) {
		a, b := T(c.R[x86.RAX]), load[T](c, c.dest(o, n, false))
		c.advance(x86.RDI, o, uint64(n))
		flagsSub(c, a, b, a-b)
	}
}

// room is how many elements at most can be done at once: all but one of those
// that rCX and the budget allow, so that what ends the instruction or the
// stretch is always the loop's own iteration.
func (c *CPU) room(o *Op) uint64 {
	if o.Prefixes&prefixRepeat == 0 || c.RFLAGS&cpu.FlagTF != 0 || c.leave != stay {
		return 0
	}
	return min(c.R[x86.RCX]&addrMask(o.AddrSize), uint64(c.left)-uint64(c.i)) - 1
}

// within is how many of k elements of n bytes, the first one at seg:off and
// the others above it, or below it under DF, lie in its page, in plain RAM; pa
// is where the first one is there. It raises what the access to that raises.
func (c *CPU) within(o *Op, seg uint8, off uint64, k, n uint64, write bool) (most, pa uint64) {
	off &= addrMask(o.AddrSize)
	la := off
	if s := &c.Seg[seg]; !c.flat {
		la = (s.Base + off) & 0xffffffff
	} else if seg >= x86.FS {
		la += s.Base
	}
	if la&pageMax+n > pageMax+1 || c.tlb == &c.noTags {
		return 0, 0
	}
	low := off
	if c.RFLAGS&cpu.FlagDF != 0 {
		k = min(k, la&pageMax/n+1, off/n+1)
		low -= (k - 1) * n
	} else {
		k = min(k, (pageMax+1-la&pageMax)/n, (addrMask(o.AddrSize)-off)/n)
	}
	if k < few || !c.flat && !c.Seg[seg].Allows(low, k*n, write) {
		return 0, 0
	}
	e, page := &c.tlb[la>>12%tlbSize], la&^pageMax
	if write && e.w != page || !write && e.r != page {
		if _, ram := c.fill(la, write); !ram || e.r != page || write && e.w != page {
			return 0, 0
		}
	}
	return k, la + e.add
}

// few is the number of elements up to which the plain loop is as good.
const few = 4

// moveMany does iterations of REP MOVS at once, as far as both ends stay in
// pages that need no asking and no element is read that was written before.
func (c *CPU) moveMany(o *Op, n uint64) {
	k := c.room(o)
	if k < few {
		return
	}
	k, from := c.within(o, o.Mem.Seg, c.R[x86.RSI], k, n, false)
	k, to := c.within(o, x86.ES, c.R[x86.RDI], k, n, true)
	if k < few {
		return
	}
	down := c.RFLAGS&cpu.FlagDF != 0
	switch {
	case down && to < from:
		k = min(k, (from-to)/n)
	case !down && to > from:
		k = min(k, (to-from)/n)
	}
	if k < few {
		return
	}
	step := k * n
	if down {
		from, to, step = from-(k-1)*n, to-(k-1)*n, -step
	}
	copy(c.Mem.B[to:to+k*n], c.Mem.B[from:from+k*n])
	c.setAddr(x86.RSI, o.AddrSize, c.R[x86.RSI]+step)
	c.skip(o, k, step)
}

// storeMany does iterations of REP STOS at once.
func storeMany[T width](c *CPU, o *Op) {
	n := uint64(size[T]())
	k := c.room(o)
	if k < few || c.RFLAGS&cpu.FlagDF != 0 {
		return
	}
	k, to := c.within(o, x86.ES, c.R[x86.RDI], k, n, true)
	if k < few {
		return
	}
	b := c.Mem.B[to : to+k*n]
	putLE(b, T(c.R[x86.RAX]))
	for done := n; done < k*n; done *= 2 {
		copy(b[done:], b[:done])
	}
	c.skip(o, k, k*n)
}

// skip accounts for k iterations done at once, which moved rDI by step.
func (c *CPU) skip(o *Op, k, step uint64) {
	c.setAddr(x86.RDI, o.AddrSize, c.R[x86.RDI]+step)
	c.setAddr(x86.RCX, o.AddrSize, c.R[x86.RCX]-k)
	c.spend(k)
}
