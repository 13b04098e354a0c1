package interp

import (
	"math/bits"

	"vmrecord/vmm/x86"
)

// textRows: the string comparisons of SSE4.2 (SDM vol. 1, 12.11; vol. 2B, 4.1).
var textRows = []row{
	{x86.SemPcmpestri, one(func(c *CPU, o *Op) { c.compareText(o, true).index(c, o) })},
	{x86.SemPcmpestrm, one(func(c *CPU, o *Op) { c.compareText(o, true).mask(c, o) })},
	{x86.SemPcmpistri, one(func(c *CPU, o *Op) { c.compareText(o, false).index(c, o) })},
	{x86.SemPcmpistrm, one(func(c *CPU, o *Op) { c.compareText(o, false).mask(c, o) })},
}

// A text is one operand: up to 16 bytes or 8 words, of which len are valid.
type text struct {
	e   [16]int32
	len int
}

// A verdict is what a comparison found: a bit for each of n elements.
type verdict struct {
	bits uint32
	n    int
}

// newText takes a register apart: control bit 0 is for words, bit 1 for signed.
// Its length is n unless it ends earlier, at the first zero.
func newText(v vec, imm int64) (t text) {
	w := 8 << (imm & 1)
	n := 128 / w
	t.len = n
	for i := range n {
		e := uint32(v[i*w>>6]>>(i*w&63)) << (32 - w)
		if imm&2 != 0 {
			t.e[i] = int32(e) >> (32 - w)
		} else {
			t.e[i] = int32(e >> (32 - w))
		}
		if e == 0 && t.len == n {
			t.len = i
		}
	}
	return t
}

// explicit is the magnitude of a length register, at most n.
func explicit(r uint64, opSize uint8, n int) int {
	v := int64(r)
	if opSize != 8 {
		v = int64(int32(uint32(r)))
	}
	if v < 0 {
		v = -v
	}
	return int(min(uint64(v), uint64(n)))
}

// compareText compares the operands and sets the flags: CF for any match, OF
// for one at element 0, ZF and SF if the second and the first operand are
// shorter than a register; AF and PF are cleared.
func (c *CPU) compareText(o *Op, lengths bool) verdict {
	b, a := newText(c.src128(o), o.Imm), newText(*c.xmm(o, 0), o.Imm)
	n := 16 >> (o.Imm & 1)
	if lengths {
		a.len, b.len = explicit(c.R[x86.RAX], o.OpSize, n), explicit(c.R[x86.RDX], o.OpSize, n)
	}
	v := verdict{n: n}
	for j := range n {
		if matches(&a, &b, j, n, o.Imm>>2&3) {
			v.bits |= 1 << j
		}
	}
	switch o.Imm >> 4 & 3 {
	case 1:
		v.bits ^= 1<<n - 1
	case 3:
		v.bits ^= 1<<b.len - 1
	}
	c.zr, c.sr, c.pr, c.aux = ones(b.len == n), ones(a.len < n), 1, 0
	c.setCO(ones(v.bits != 0)&1, uint64(v.bits&1))
	return v
}

// matches is one bit of the intermediate result: element j of b against a. What
// elements beyond an operand's end count for depends on the aggregation.
func matches(a, b *text, j, n int, how int64) bool {
	switch how {
	case 0: // equal any
		for i := 0; j < b.len && i < a.len; i++ {
			if a.e[i] == b.e[j] {
				return true
			}
		}
		return false
	case 1: // ranges
		for i := 0; j < b.len && i+1 < a.len; i += 2 {
			if a.e[i] <= b.e[j] && b.e[j] <= a.e[i+1] {
				return true
			}
		}
		return false
	case 2: // equal each
		if j >= a.len || j >= b.len {
			return j >= a.len && j >= b.len
		}
		return a.e[j] == b.e[j]
	}
	// equal ordered: a found in b at j, as far as the register goes
	for i := 0; i < a.len && j+i < n; i++ {
		if j+i >= b.len || a.e[i] != b.e[j+i] {
			return false
		}
	}
	return true
}

// index puts the place of the first or, with control bit 6, last match into
// ECX, or the number of elements.
func (v verdict) index(c *CPU, o *Op) {
	r := v.n
	switch {
	case v.bits == 0:
	case o.Imm&0x40 != 0:
		r = bits.Len32(v.bits) - 1
	default:
		r = bits.TrailingZeros32(v.bits)
	}
	c.R[x86.RCX] = uint64(r)
}

// mask puts the bits into XMM0 or, with control bit 6, makes elements of them.
func (v verdict) mask(c *CPU, o *Op) {
	if o.Imm&0x40 != 0 {
		c.XMM[0] = spread(int64(v.bits), 128/v.n)
	} else {
		c.XMM[0] = vec{uint64(v.bits)}
	}
}
