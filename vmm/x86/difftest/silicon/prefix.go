package silicon

import (
	"bytes"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// segPrefixes are the segment overrides, ES to GS.
var segPrefixes = []byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}

// prefixed puts prefixes in front of an instruction that keep it the same row:
// ones of meaning, then now and then as many as fit, the same ones again among
// them, and a REX that the prefixes behind it make void.
func (p *plan) prefixed(code []byte) []byte {
	code = p.inFront(p.prefixes(), code)
	if p.aimed || p.unit.undefined() { // whose length is more than is looked at
		return code
	}
	if p.one(16) {
		n := 1 + p.IntN(x86.MaxLen)
		if p.one(2) {
			n = x86.MaxLen - len(code)
		}
		for ; n > 0; n-- {
			more := choose(p.rng, segPrefixes...)
			if legacyPrefix(code[0]) && !p.one(3) {
				more = code[0]
			}
			code = p.inFront([]byte{more}, code)
		}
	}
	if p.unit.Mode == x86.Mode64 && legacyPrefix(code[0]) && p.one(16) {
		code = p.inFront([]byte{0x40 | byte(p.IntN(16))}, code)
	}
	return code
}

func legacyPrefix(b byte) bool {
	return bytes.IndexByte(segPrefixes, b) >= 0 || b == 0x66 || b == 0x67 || b == 0xf0 || b&0xfe == 0xf2
}

// inFront puts prefixes in front of code, if it is the same row then.
func (p *plan) inFront(prefixes, code []byte) []byte {
	more := append(prefixes, code...)
	if in, err := x86.Decode(more, p.want.Mode); err == nil && in.Row == p.unit.Row && int(in.Len) == len(more) {
		return more
	}
	return code
}

// overlong makes an instruction longer than any may be, which is #GP(0) (SDM
// vol. 3A, 6.15).
func (p *plan) overlong(code []byte) []byte {
	if !p.aims(faultLength) {
		return code
	}
	n := x86.MaxLen + 1 + p.IntN(3) - len(code)
	return append(bytes.Repeat([]byte{choose(p.rng, segPrefixes...)}, n), code...)
}

// prefixes chooses legacy prefixes to put in front. F2 and F3 go before
// one-byte opcodes only: elsewhere they may make an instruction that this
// processor has and ours does not.
func (p *plan) prefixes() (b []byte) {
	f := p.form
	if f.Attr&x86.AttrLock != 0 && p.one(4) || p.one(64) || p.aims(cpu.UD) {
		b = append(b, 0xf0)
	}
	if p.aims(cpu.SS) && p.unit.Mode != x86.Mode64 && (moffs(f) || oneOf(f.Sem, sources)) {
		b = append(b, 0x36)
	}
	if (p.one(8) || p.brink && !p.one(4)) && !p.aimed {
		b = append(b, choose(p.rng, segPrefixes...))
	}
	if p.one(8) && p.unit.Mode == x86.Mode64 && !p.aimed {
		b = append(b, 0x67)
	}
	repeats := f.Attr&(x86.AttrRep|x86.AttrRepc) != 0
	if repeats && p.one(2) || f.Enc.Map == 0 && f.Enc.Prefix&3 == 3 && p.one(32) {
		b = append(b, choose[byte](p.rng, 0xf2, 0xf3))
	}
	return b
}
