package asm

import (
	"encoding/hex"
)

// encode emits one instruction whose v is size bytes.
func (a *assembler) encode(f form, ops []operand, size int) {
	var reg, rm *operand
	for i := range ops {
		o := &ops[i]
		switch p := f.args[i]; {
		case p == "al" || p == "av" || p == "cl" || p == "dx" || o.kind == constant:
		case o.kind == memory, p[0] == 'm', p == "xm", p == "pm":
			rm = o
		case reg == nil:
			reg = o
		default:
			rm = o
		}
	}
	e := encoder{reg: reg, rm: rm, size: size, digit: -1}
	for _, w := range f.enc {
		e.word(w)
	}
	if e.plus || e.digit >= 0 && rm == nil {
		e.rm, e.reg = reg, nil
		if rm != nil {
			e.rm = rm
		}
	}
	a.out = append(a.out, e.head()...)
	bytes := e.tailBytes()
	if e.modrm {
		a.modrm(&e, bytes)
	}
	if bytes == 0 {
		return
	}
	v := ops[len(ops)-1].value.n
	if f.args[0] == "ub" { // OUT imm8, AL
		v = ops[0].value.n
	}
	if e.tail == "rel" {
		v -= a.here() + 4
	}
	a.number(v, bytes)
}

// An encoder collects the parts of one instruction.
type encoder struct {
	prefix, opcode []byte
	tail           string // ib, iz, iq, rel, or none
	reg, rm        *operand
	digit          int
	size           int
	w, d64         bool
	plus, modrm    bool
}

// word takes one word of an encoding.
func (e *encoder) word(w string) {
	switch {
	case w == "w":
		e.w = true
	case w == "d64":
		e.d64 = true
	case w == "+":
		e.plus = true
	case w == "/r":
		e.modrm = true
	case w[0] == '/':
		e.modrm, e.digit = true, int(w[1]-'0')
	case len(e.opcode) == 0 && len(e.prefix) == 0 && (w == "66" || w == "f2" || w == "f3"):
		e.prefix = append(e.prefix, must(hex.DecodeString(w))...)
	case len(w) == 2 && w != "ib" && w != "iz" && w != "iq":
		e.opcode = append(e.opcode, must(hex.DecodeString(w))...)
	default:
		e.tail = w
	}
}

// tailBytes is the size of the constant at the end.
func (e *encoder) tailBytes() int {
	switch e.tail {
	case "ib":
		return 1
	case "iq":
		return 8
	case "iz":
		if e.size == 2 {
			return 2
		}
		return 4
	case "rel":
		return 4
	}
	return 0
}

// head is prefixes, REX and opcode (SDM vol. 2A, 2.2.1).
func (e *encoder) head() []byte {
	var out []byte
	if e.rm != nil && e.rm.gs {
		out = append(out, 0x65)
	}
	if e.size == 2 {
		out = append(out, 0x66)
	}
	out = append(out, e.prefix...)
	rex, need := 0, false
	if e.w || e.size == 8 && !e.d64 {
		rex |= 8
	}
	if e.reg != nil {
		rex |= e.reg.reg >> 3 << 2
		need = need || e.reg.byteREX()
	}
	if r := e.rm; r != nil {
		need = need || r.byteREX()
		if r.kind != memory {
			rex |= r.reg >> 3
		} else {
			rex |= max(r.base, 0)>>3 | max(r.index, 0)>>3<<1
		}
	}
	if rex != 0 || need {
		out = append(out, byte(0x40|rex))
	}
	op := append([]byte(nil), e.opcode...)
	if e.plus {
		op[len(op)-1] += byte(e.rm.reg & 7)
	}
	return append(out, op...)
}

// modrm emits ModRM, SIB and displacement (SDM vol. 2A, 2.1.5); tail bytes of
// constants follow them.
func (a *assembler) modrm(e *encoder, tail int) {
	reg := max(e.digit, 0)
	if e.digit < 0 && e.reg != nil {
		reg = e.reg.reg & 7
	}
	r, v := e.rm, e.rm.value
	put := func(mod, rm int) { a.out = append(a.out, byte(mod<<6|reg<<3|rm)) }
	if r.kind != memory {
		put(3, r.reg&7)
		return
	}
	if r.base < 0 && r.index < 0 {
		put(0, 5)
		if !a.bits32 {
			v.n -= a.here() + 4 + int64(tail)
		}
		a.number(v.n, 4)
		return
	}
	mod, bytes := 2, 4
	switch {
	case r.base < 0: // index alone: always 4 bytes
		mod = 0
	case v.n == 0 && !v.label && r.base&7 != 5:
		mod, bytes = 0, 0
	case v.fits(-128, 127):
		mod, bytes = 1, 1
	}
	if r.index >= 0 || r.base&7 == 4 {
		put(mod, 4)
		base, index := 5, 4
		if r.base >= 0 {
			base = r.base & 7
		}
		if r.index >= 0 {
			index = r.index & 7
		}
		a.out = append(a.out, byte(r.scale<<6|index<<3|base))
	} else {
		put(mod, r.base&7)
	}
	a.number(v.n, bytes)
}
