package trace

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// An operand is a place in memory that an instruction names, or uses without
// naming it: the stack, what RSI and RDI point to.
type operand struct {
	la  uint64
	was []byte
}

// operands are those of the instruction held. Places that are not RAM, which
// would answer differently the next time, are none.
type operands struct{ all []operand }

// maxOperand bounds what is shown of one, in bytes.
const maxOperand = 64

// note finds the operands of an instruction that is about to run, and what they
// hold. Of a REP they are those of its first iteration.
func (o *operands) note(k *insns, in *x86.Inst) {
	o.all = o.all[:0]
	r, size := &k.e.R, in.OpSize
	sp := r[x86.RSP] & mask(stackWidth(k.e))
	from, to := r[x86.RSI]&mask(in.AddrSize), r[x86.RDI]&mask(in.AddrSize)
	switch in.Sem {
	case x86.SemMovs, x86.SemCmps:
		o.add(k, in.Mem.Seg, from, size)
		o.add(k, x86.ES, to, size)
		return
	case x86.SemLods, x86.SemOuts:
		o.add(k, in.Mem.Seg, from, size)
		return
	case x86.SemStos, x86.SemScas, x86.SemIns:
		o.add(k, x86.ES, to, size)
		return
	case x86.SemPush, x86.SemPushf, x86.SemPushseg, x86.SemCall:
		o.add(k, x86.SS, sp-uint64(size), size)
	case x86.SemPop, x86.SemPopf, x86.SemPopseg, x86.SemRet:
		o.add(k, x86.SS, sp, size)
	case x86.SemLeave:
		o.add(k, x86.SS, r[x86.RBP]&mask(stackWidth(k.e)), size)
	}
	for _, a := range in.Args[:in.NArgs] {
		if a.Kind == x86.Mem {
			o.add(k, in.Mem.Seg, effective(k.e, in, k.next), a.Size)
		}
	}
}

func (o *operands) add(k *insns, seg uint8, off uint64, size uint8) {
	if !k.e.Code64() {
		off = (k.e.Seg[seg].Base + off) & 0xffffffff
	} else if seg == x86.FS || seg == x86.GS {
		off += k.e.Seg[seg].Base
	}
	if was := k.g.peek(off, min(int(size), maxOperand)); len(was) > 0 {
		o.all = append(o.all, operand{off, was})
	}
}

// effective is the address that an instruction names, in its segment (SDM vol. 1,
// 3.7.5).
func effective(e *interp.CPU, in *x86.Inst, next uint64) uint64 {
	m := &in.Mem
	a := uint64(m.Disp)
	if m.RIPRel {
		a += next
	}
	if m.Base != x86.NoReg {
		a += e.R[m.Base]
	}
	if m.Index != x86.NoReg {
		a += e.R[m.Index] << m.Scale
	}
	return a & mask(in.AddrSize)
}

// mask is all ones in n bytes, at most 8.
func mask(n uint8) uint64 { return ^uint64(0) >> (64 - 8*uint(n)) }

// stackWidth is how many bytes of RSP count.
func stackWidth(e *interp.CPU) uint8 {
	switch {
	case e.Code64():
		return 8
	case e.Seg[x86.SS].Attr&cpu.AttrD != 0:
		return 4
	}
	return 2
}

// text is what the operands were, and if that is something else, what they
// became.
func (o *operands) text(k *insns) string {
	k.b = k.b[:0]
	for i, p := range o.all {
		if i > 0 {
			k.b = append(k.b, ' ')
		}
		k.b = append(strconv.AppendUint(append(k.b, "[0x"...), p.la, 16), "]=0x"...)
		k.b = hexOf(k.b, p.was)
		if is := k.g.peek(p.la, len(p.was)); !bytes.Equal(is, p.was) {
			k.b = hexOf(append(k.b, "->0x"...), is)
		}
	}
	return string(k.b)
}

// hexOf appends a number that is little-endian in memory.
func hexOf(b, number []byte) []byte {
	if len(number) <= 8 {
		var full [8]byte
		copy(full[:], number)
		return strconv.AppendUint(b, binary.LittleEndian.Uint64(full[:]), 16)
	}
	for i := range number {
		c := number[len(number)-1-i]
		b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	return b
}
