package x86

import (
	"fmt"
	"math/bits"
	"strings"
)

var (
	segNames  = [...]string{"ES", "CS", "SS", "DS", "FS", "GS"}
	condNames = [...]string{"O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"}
	hiNames   = [...]string{"AH", "CH", "DH", "BH"}

	// gprNames by log2 of the size in bytes.
	gprNames = [4][16]string{
		{"AL", "CL", "DL", "BL", "SPL", "BPL", "SIL", "DIL", "R8L", "R9L", "R10L", "R11L", "R12L", "R13L", "R14L", "R15L"},
		{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8W", "R9W", "R10W", "R11W", "R12W", "R13W", "R14W", "R15W"},
		{"EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI", "R8D", "R9D", "R10D", "R11D", "R12D", "R13D", "R14D", "R15D"},
		{"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"},
	}
)

// String prints prefixes, the row's mnemonic and all arguments, implied ones
// too, in the manual's order; branch targets stay relative.
func (in *Inst) String() string {
	var b strings.Builder
	for i, p := range []string{"LOCK ", "REPNE ", "REP "} {
		if in.Prefixes>>i&1 != 0 {
			b.WriteString(p)
		}
	}
	name, _, _ := strings.Cut(Table[in.Row].Text, " ")
	if Table[in.Row].Enc.Low == LowCond {
		name = strings.TrimSuffix(name, "cc") + condNames[in.Cond]
	}
	b.WriteString(name)
	if in.Sem == SemUd {
		b.WriteString(" (undefined)")
	}
	for i, a := range in.Args[:in.NArgs] {
		b.WriteString([]string{" ", ", "}[min(i, 1)])
		b.WriteString(in.arg(a))
	}
	return b.String()
}

func (in *Inst) arg(a Arg) string {
	switch a.Kind {
	case Reg:
		return gprName(a.Reg, a.Size)
	case RegHi:
		return hiNames[a.Reg&3]
	case Mem:
		return in.mem(a.Size)
	case Imm:
		return hexText(in.Imm)
	case Imm2:
		return hexText(in.Imm2)
	case Rel:
		return "$" + signedText(int64(in.Len)+in.Imm)
	case SegReg:
		return segNames[min(int(a.Reg), len(segNames)-1)]
	case ST:
		return fmt.Sprintf("ST(%d)", a.Reg)
	case CR:
		return fmt.Sprintf("CR%d", a.Reg)
	case DR:
		return fmt.Sprintf("DR%d", a.Reg)
	case MM:
		return fmt.Sprintf("MM%d", a.Reg)
	}
	return fmt.Sprintf("XMM%d", a.Reg)
}

func gprName(reg, size uint8) string {
	return gprNames[bits.TrailingZeros8(size)&3][reg&15]
}

func (in *Inst) mem(size uint8) string {
	m := &in.Mem
	s := ""
	if size != 0 {
		s = fmt.Sprintf("m%d ", 8*int(size))
	}
	s += segNames[m.Seg] + ":["
	parts := 0
	add := func(p string) {
		if parts > 0 {
			s += "+"
		}
		s += p
		parts++
	}
	if m.RIPRel {
		add("RIP")
	}
	if m.Base != NoReg {
		add(gprName(m.Base, in.AddrSize))
	}
	if m.Index != NoReg {
		add(fmt.Sprintf("%s*%d", gprName(m.Index, in.AddrSize), 1<<m.Scale))
	}
	if parts == 0 {
		return s + hexText(m.Disp) + "]"
	}
	if m.Disp != 0 {
		s += signedText(m.Disp)
	}
	return s + "]"
}

func hexText(v int64) string { return fmt.Sprintf("%#x", uint64(v)) }

func signedText(v int64) string {
	if v < 0 {
		return fmt.Sprintf("-%#x", uint64(-v))
	}
	return fmt.Sprintf("+%#x", v)
}
