package x86

import "errors"

// Errors of Decode. None of them allocates.
var (
	ErrShort   = errors.New("x86: the instruction goes on past the bytes given")
	ErrTooLong = errors.New("x86: instruction longer than 15 bytes: #GP(0)")
	ErrUnknown = errors.New("x86: encoding is in no row of isa.txt")
)

const noSeg = 0xff

// A decoder is the state of one Decode. err is sticky; bytes read after it are 0.
type decoder struct {
	code []byte
	pos  int
	err  error
	form Form
	mode Mode

	rex    uint8 // 0x40-0x4f or 0
	class  uint8 // mandatory prefix: 0 none, 1 66, 2 F3, 3 F2
	seg    uint8 // override or noSeg
	modRM  uint8
	hasMod bool
	isMem  bool
}

// Decode decodes the instruction at the start of code. What is proved to be
// undefined gives SemUd and no error, with Len counting the bytes looked at;
// ErrShort asks for more bytes (only if len(code) < MaxLen).
func Decode(code []byte, mode Mode) (in Inst, err error) {
	d := decoder{code: code[:min(len(code), MaxLen)], mode: mode, seg: noSeg}
	d.prefixes(&in)
	if !d.find(&in) {
		return Inst{}, d.err
	}
	d.sizes(&in)
	if in.Sem != SemUd {
		d.operands(&in)
		d.check(&in)
	}
	if d.err != nil {
		return Inst{}, d.err
	}
	in.Len = uint8(d.pos)
	return in, nil
}

func (d *decoder) next() uint8 {
	if d.pos < len(d.code) {
		d.pos++
		return d.code[d.pos-1]
	}
	d.err = ErrShort
	if d.pos == MaxLen {
		d.err = ErrTooLong
	}
	return 0
}

// prefixes leaves d.pos at the opcode. REX counts only directly before it; the
// last of F2 and F3 wins, and wins over 66; so does the last segment override,
// among those that 64-bit mode does not ignore (APM vol. 3, 1.2).
func (d *decoder) prefixes(in *Inst) {
	for d.pos < len(d.code) {
		b := d.code[d.pos]
		switch b {
		case 0x66:
			in.Prefixes |= Prefix66
		case 0x67:
			in.Prefixes |= Prefix67
		case 0xf0:
			in.Prefixes |= PrefixLock
		case 0xf2:
			in.Prefixes = in.Prefixes&^PrefixRep | PrefixRepne
		case 0xf3:
			in.Prefixes = in.Prefixes&^PrefixRepne | PrefixRep
		case 0x26, 0x2e, 0x36, 0x3e:
			in.Prefixes |= PrefixSeg
			if d.mode != Mode64 {
				d.seg = b >> 3 & 3
			}
		case 0x64, 0x65:
			in.Prefixes |= PrefixSeg
			d.seg = b - 0x64 + FS
		default:
			if d.mode != Mode64 || b&0xf0 != 0x40 {
				return
			}
			d.rex = b
			d.pos++
			continue
		}
		d.rex = 0
		d.pos++
	}
}

// find reads the opcode and looks up the row.
func (d *decoder) find(in *Inst) bool {
	if d.rex != 0 {
		in.Prefixes |= PrefixREX
	}
	switch {
	case in.Prefixes&PrefixRepne != 0:
		d.class = 3
	case in.Prefixes&PrefixRep != 0:
		d.class = 2
	case in.Prefixes&Prefix66 != 0:
		d.class = 1
	}
	in.Opcode = d.next()
	opMap := 0
	if in.Opcode == 0x0f {
		opMap, in.Opcode = 1, d.next()
		switch in.Opcode {
		case 0x38:
			opMap, in.Opcode = 2, d.next()
		case 0x3a:
			opMap, in.Opcode = 3, d.next()
		}
	}
	row := d.walk(roots[min(d.mode, 1)][opMap][in.Opcode])
	return d.err == nil && d.take(in, row)
}

// walk goes down the dispatch tree and returns a row plus one, or 0.
func (d *decoder) walk(n uint16) uint16 {
	for n >= nodeBit {
		i := int(n &^ nodeBit)
		choice := uint8(0)
		switch nodes[i] {
		case dimPrefix:
			choice = d.class
		case dimMod:
			if d.readModRM() >= 0xc0 {
				choice = 1
			}
		case dimReg:
			choice = d.readModRM() >> 3 & 7
		case dimRM:
			choice = d.readModRM() & 7
		case dimW:
			choice = d.rex >> 3 & 1
		case dimB:
			choice = d.rex & 1
		}
		n = nodes[i+1+int(choice)]
	}
	return n
}

func (d *decoder) readModRM() uint8 {
	if !d.hasMod {
		d.hasMod = true
		d.modRM = d.next()
	}
	return d.modRM
}

// take copies what the row (plus one) says of the whole instruction.
func (d *decoder) take(in *Inst, row uint16) bool {
	if row == 0 {
		d.err = ErrUnknown
		return false
	}
	in.Row = row - 1
	d.form = Table[in.Row]
	f := &d.form
	in.Sem = f.Sem
	if f.Enc.Prefix&3 == 0 { // F2 or F3 is part of the opcode
		in.Prefixes &^= PrefixRep | PrefixRepne
	}
	in.Cond = f.Cond
	if f.Enc.Low == LowCond {
		in.Cond = in.Opcode & 15
	}
	wrong := AttrI64
	if d.mode != Mode64 {
		wrong = AttrO64
	}
	if f.Attr&wrong != 0 {
		in.Sem = SemUd
	}
	if f.Enc.ModRM && in.Sem != SemUd {
		in.ModRM = d.readModRM()
		d.isMem = in.ModRM < 0xc0 && f.Attr&AttrModx == 0
	}
	return true
}

// sizes finds operand and address size (SDM vol. 1, tables 3-3 and 3-4).
func (d *decoder) sizes(in *Inst) {
	p66, p67 := in.Prefixes&Prefix66 != 0, in.Prefixes&Prefix67 != 0
	v := uint8(4)
	switch {
	case d.mode == Mode64 && (d.rex&8 != 0 || d.form.Attr&AttrF64 != 0):
		v = 8
	case p66 == (d.mode != Mode16):
		v = 2
	case d.mode == Mode64 && d.form.Attr&AttrD64 != 0:
		v = 8
	}
	in.OpSize = v
	in.OpSize = d.width(in, d.form.Size)
	in.AddrSize = 4
	switch {
	case d.mode == Mode64 && !p67:
		in.AddrSize = 8
	case d.mode != Mode64 && p67 == (d.mode == Mode32):
		in.AddrSize = 2
	}
	in.Mem = MemRef{Seg: DS, Base: NoReg, Index: NoReg}
	if d.seg != noSeg {
		in.Mem.Seg = d.seg
	}
}

// width evaluates a size rule; in.OpSize is the effective operand size.
func (d *decoder) width(in *Inst, w Width) uint8 {
	switch w {
	case WidthV, WidthOp:
		return in.OpSize
	case WidthZ:
		return min(in.OpSize, 4)
	case WidthY:
		return 4 + d.rex>>1&4
	case WidthN:
		if d.mode == Mode64 {
			return 8
		}
		return 4
	case WidthFar:
		return min(in.OpSize, 4) + 2
	case WidthPair:
		return 2 * in.OpSize
	case WidthTable:
		if d.mode == Mode64 {
			return 10
		}
		return 6
	}
	return uint8(w)
}
