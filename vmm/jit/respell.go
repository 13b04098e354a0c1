//go:build linux && amd64

package jit

import "vmrecord/vmm/x86"

// respell names what an instruction does in a way that 64-bit code has, with
// ModRM: INC and DEC of 40 to 4F, the second copy of 80 at 82, and the moves of
// rAX to and from an offset (SDM vol. 2D, table A-2).
func respell(in *x86.Inst) {
	op, ext := in.Opcode, in.ModRM>>3&7
	if x86.Table[in.Row].Enc.Map != 0 {
		return
	}
	switch {
	case op>>4 == 4:
		op, ext = 0xff, op>>3&1
	case op == 0x82:
		op = 0x80
	case op>>2 == 0xa0>>2:
		op = [4]byte{0x8a, 0x8b, 0x88, 0x89}[op&3]
	default:
		return
	}
	like, err := x86.Decode([]byte{op, 0xc0 | ext<<3, 0}, x86.Mode64)
	if err != nil || like.Sem != in.Sem {
		return
	}
	in.Row, in.Opcode, in.ModRM = like.Row, like.Opcode, like.ModRM
}
