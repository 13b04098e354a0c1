package x86

// A Want says which instruction of a form Encode should make.
type Want struct {
	Mode   Mode
	OpSize uint8 // Inst.OpSize, where the form leaves a choice; 0: any
	Mem    bool  // memory rather than a register, where the form leaves a choice
	Base   uint8 // base of memory operands; NoReg: RIP-relative or absolute
	Index  uint8 // NoReg, or the index (not RSP), times 1<<Scale
	Scale  uint8
	Disp   int32  // displacement, or the address for moffs
	Rel    int32  // branch displacement, cut to the form's size
	Avoid  uint16 // general registers that must not be register operands
	Rand   func(n int) int
}

// Encode makes a random instruction that Decode takes back to this row, of the
// wanted size and kind; false if there is none (or none was found in 256 tries).
// In 16-bit code memory operands use 32-bit addressing. A caller may put legacy
// prefixes in front.
func (f Form) Encode(w Want) ([]byte, bool) {
	for range 256 {
		code := f.attempt(&w)
		in, err := Decode(code, w.Mode)
		if err != nil || Table[in.Row] != f || in.Sem != f.Sem || int(in.Len) != len(code) && f.Sem != SemUd {
			continue
		}
		if (w.OpSize == 0 || in.OpSize == w.OpSize) && !w.avoids(&in) {
			return code, true
		}
	}
	return nil, false
}

// avoids reports that an explicit register operand is one to be avoided.
func (w *Want) avoids(in *Inst) bool {
	for i, a := range in.Args[:in.NArgs] {
		fixed := Table[in.Row].Ops[i].Loc == LocFixed
		if !fixed && (a.Kind == Reg || a.Kind == RegHi) && w.Avoid>>a.Reg&1 != 0 {
			return true
		}
	}
	return false
}

// attempt assembles prefixes, REX, opcode, ModRM and immediates, each random
// within what the encoding allows.
func (f Form) attempt(w *Want) []byte {
	e := &f.Enc
	var code []byte
	class := pick(w.Rand, e.Prefix)
	if e.Prefix == 15 && class > 1 && f.Sem != SemUd {
		class = 0 // F2 and F3 would be ignored or repeat
	}
	if e.Prefix&3 == 0 && w.Rand(2) == 0 {
		code = append(code, 0x66) // operand size beside a mandatory F2 or F3
	}
	code = append(code, [4]string{"", "\x66", "\xf3", "\xf2"}[class]...)
	mem := f.memory(w)
	if mem && w.Mode == Mode16 {
		code = append(code, 0x67)
	}
	rex := pick(w.Rand, e.W)<<3 | uint8(w.Rand(2))<<2 | pick(w.Rand, e.B)
	if mem {
		rex &^= 3
		rex |= extend(w.Base) | extend(w.Index)<<1
	}
	if w.Mode == Mode64 && (rex != 0 || w.Rand(4) == 0) {
		code = append(code, 0x40|rex)
	}
	code = append(code, [4]string{"", "\x0f", "\x0f\x38", "\x0f\x3a"}[e.Map]...)
	code = append(code, e.Opcode+uint8(w.Rand(int(e.Span)+1)))
	if e.ModRM {
		code = f.appendModRM(code, w, mem)
	}
	return f.appendImmediates(code, w)
}

func (f Form) memory(w *Want) bool {
	return f.Enc.ModRM && f.Attr&AttrModx == 0 && (f.Enc.Mod == 1 || f.Enc.Mod == 3 && w.Mem)
}

// pick chooses a set bit of mask.
func pick(rng func(int) int, mask uint8) uint8 {
	for {
		if n := uint8(rng(8)); mask>>n&1 != 0 {
			return n
		}
	}
}

// extend is the REX bit of a register.
func extend(reg uint8) uint8 {
	if reg == NoReg {
		return 0
	}
	return reg >> 3
}

func (f Form) appendModRM(code []byte, w *Want, mem bool) []byte {
	reg := pick(w.Rand, f.Enc.Reg) << 3
	if !mem {
		return append(code, 0xc0|reg|pick(w.Rand, f.Enc.RM))
	}
	d := uint32(w.Disp)
	disp := []byte{uint8(d), uint8(d >> 8), uint8(d >> 16), uint8(d >> 24)}
	if w.Base == NoReg && w.Index == NoReg {
		return append(append(code, reg|5), disp...)
	}
	mod := uint8(0x80)
	switch {
	case w.Base == NoReg:
		mod = 0
	case int32(int8(d)) == w.Disp:
		mod, disp = 0x40, disp[:1]
	}
	if w.Index == NoReg && w.Base&7 != RSP {
		return append(append(code, mod|reg|w.Base&7), disp...)
	}
	base, index := w.Base&7, w.Index&7
	if w.Base == NoReg {
		base = 5
	}
	if w.Index == NoReg {
		index = RSP
	}
	return append(append(code, mod|reg|4, w.Scale<<6|index<<3|base), disp...)
}

// appendImmediates tries each possible width; Encode keeps the one that Decode
// finds right.
func (f Form) appendImmediates(code []byte, w *Want) []byte {
	for _, k := range f.Enc.Imm {
		switch k {
		case ImmIB, ImmUB:
			code = random(code, w, 1)
		case ImmUW:
			code = random(code, w, 2)
		case ImmIZ:
			code = random(code, w, 2<<w.Rand(2))
		case ImmIV:
			code = random(code, w, 2<<w.Rand(3))
		case ImmCP:
			code = random(code, w, 4+2*w.Rand(2))
		case ImmCB:
			code = append(code, uint8(w.Rel))
		case ImmCZ:
			code = low(code, uint64(w.Rel), 2<<w.Rand(2))
		case ImmMO:
			code = low(code, uint64(w.Disp), 2<<w.Rand(3))
		}
	}
	return code
}

func random(code []byte, w *Want, n int) []byte {
	for range n {
		code = append(code, uint8(w.Rand(256)))
	}
	return code
}

// low appends the low n bytes of v.
func low(code []byte, v uint64, n int) []byte {
	for i := range n {
		code = append(code, uint8(v>>(8*i)))
	}
	return code
}
