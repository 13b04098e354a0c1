package silicon

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// encode makes the bytes, with prefixes that keep it the same row.
func (p *plan) encode() bool {
	w := p.want
	if !p.form.Valid(w.Mode) { // as in the mode that has it
		w.Mode = x86.Mode64
		if p.unit.Mode == x86.Mode64 {
			w.Mode = x86.Mode32
		}
	}
	code, ok := p.form.Encode(w)
	if !ok && p.form.Sem == x86.SemUd {
		p.want.Mem = !p.want.Mem
		code, ok = p.form.Encode(p.want)
	}
	if !ok || !p.is(code) {
		return false
	}
	if p.short {
		code = p.shorten(code)
	}
	if p.aims(cpu.GP) && p.want.Mode == x86.Mode64 && moffs(p.form) && len(code) > 8 {
		if in, err := x86.Decode(code, p.want.Mode); err == nil && in.AddrSize == 8 {
			binary.LittleEndian.PutUint64(code[len(code)-8:], p.place)
		}
	}
	code = p.prefixed(code)
	if sem := p.form.Sem; (sem == x86.SemJmpfar || sem == x86.SemCallfar) && !p.form.Enc.ModRM {
		p.farPointer(code[len(code)-2-int(p.want.OpSize):])
	}
	if p.form.Sem == x86.SemEnter && !p.one(8) { // small frames
		binary.LittleEndian.PutUint16(code[len(code)-3:], uint16(p.IntN(64)))
	}
	if p.form.Sem == x86.SemAam && p.aims(cpu.DE) {
		code[len(code)-1] = 0
	}
	in, err := x86.Decode(code, p.want.Mode)
	if err != nil || in.Row != p.unit.Row {
		return false
	}
	p.in, p.c.Inst, p.c.Code = in, in, p.overlong(code)
	at := p.slot + p.Uint64N(4)
	switch {
	case in.Mem.RIPRel:
		at = p.slot + relSlack - uint64(in.Len)
	case p.brink:
		at = edgesAt + uint64(p.at.Edge)*edgeStride + pageBytes - p.fetchable(uint64(in.Len))
	}
	p.c.RIP = p.off(x86.CS, at)
	return true
}

// is tells whether code is the unit's row in the case's mode.
func (p *plan) is(code []byte) bool {
	in, err := x86.Decode(code, p.want.Mode)
	return err == nil && in.Row == p.unit.Row
}

// fetchable chooses how many bytes come before an edge, for an instruction of n:
// seldom all of it. Neither the instruction nor what follows it begins at a
// segment's limit, since the host's kernel comes to either with IRET, which
// checks that, after an interrupt. How much of an undefined instruction is fetched is
// nowhere said, so all that it may have is there.
func (p *plan) fetchable(n uint64) uint64 {
	limited := base(p.c.Sel[x86.CS]) != 0
	switch {
	case p.in.Sem == x86.SemUd || limited && n == 1:
		return relSlack
	case limited && branches(p.in.Sem) && p.one(2): // the target may be beyond the limit
		return relSlack
	case p.one(8) && !limited:
		return n
	case limited:
		return 1 + p.Uint64N(n-1)
	}
	return p.Uint64N(n)
}

// shorten makes the addresses 16 bits wide: with another ModRM byte and its
// displacement in place of the one that Encode made. The same code comes back
// where that does not work.
func (p *plan) shorten(code []byte) []byte {
	in, err := x86.Decode(code, p.want.Mode)
	if err != nil || in.AddrSize == 2 || in.Sem == x86.SemUd {
		return code
	}
	at, tail := len(code), len(code)
	if p.form.Enc.ModRM && in.ModRM < 0xc0 {
		for _, k := range p.form.Enc.Imm {
			tail -= immBytes(k, in.OpSize)
		}
		at = tail - 1 - [3]int{0, 1, 4}[in.ModRM>>6]
		if in.ModRM>>6 == 0 && in.Mem.Base == x86.NoReg {
			at -= 4
		}
		if in.ModRM&7 == 4 {
			at--
		}
	}
	var b []byte
	if p.want.Mode == x86.Mode32 {
		b = append(b, 0x67)
	}
	for i, v := range code[:at] {
		if p.want.Mode == x86.Mode16 && v == 0x67 && i < 4 {
			continue
		}
		b = append(b, v)
	}
	if at < tail {
		b = p.modRM16(b, in.ModRM)
	} else if moffs(p.form) {
		b = b[:len(b)-2]
	}
	b = append(b, code[tail:]...)
	if in, err := x86.Decode(b, p.want.Mode); err != nil || in.Row != p.unit.Row || int(in.Len) != len(b) {
		return code
	}
	return b
}

// modRM16 appends a ModRM byte for 16-bit addresses and its displacement.
func (p *plan) modRM16(b []byte, was byte) []byte {
	mod, rm := byte(p.IntN(3)), byte(p.IntN(8))
	b = append(b, mod<<6|was&0x38|rm)
	switch {
	case mod == 1:
		b = append(b, byte(p.Uint64()))
	case mod == 2:
		b = binary.LittleEndian.AppendUint16(b, uint16(p.Uint64()))
	case rm == 6:
		b = binary.LittleEndian.AppendUint16(b, uint16(p.off(x86.DS, p.place)))
	}
	return b
}

// immBytes is the length of an immediate, of those that go with ModRM.
func immBytes(k x86.ImmKind, opSize uint8) int {
	switch k {
	case x86.ImmIB, x86.ImmUB:
		return 1
	case x86.ImmUW:
		return 2
	case x86.ImmIZ:
		return int(min(opSize, 4))
	}
	return 0
}
