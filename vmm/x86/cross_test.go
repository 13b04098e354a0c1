package x86

import (
	"math/rand"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// Random encodings of every row agree with x86asm in length and mnemonic.
func TestAgainstX86asm(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for i := range Table {
		f := &Table[i]
		if f.Sem == SemUd {
			continue
		}
		for _, mode := range []Mode{Mode64, Mode32} {
			for _, size := range f.Sizes(mode) {
				for n := range 16 {
					w := Want{Mode: mode, OpSize: size, Mem: n&1 != 0, Base: uint8(n >> 1), Index: NoReg, Disp: int32(n * 40), Rand: rng.Intn}
					crossCheck(t, f, w)
				}
			}
		}
	}
}

// unknownToX86asm lists the mnemonics of rows that x86asm does not decode, at
// least in part; those rows rest on the manual and on TestDecode.
var unknownToX86asm = map[string]string{
	"ADCX ADOX CLAC STAC RDSEED RDPID":        "newer than its tables",
	"ENDBR64 ENDBR32":                         "with REX",
	"PREFETCH NOP":                            "0F 0D /0 /2-/7; 0F 18 and 0F 19-1E as hints",
	"LFENCE MFENCE SFENCE":                    "ModRM.rm other than 0",
	"SALC FNENI FNDISI FNSETPM":               "undocumented or obsolete, executed by processors",
	"FCOM2 FCOMP3 FCOMP5 FXCH4 FXCH7":         "undocumented aliases",
	"FSTP1 FSTP8 FSTP9":                       "undocumented aliases",
	"SYSCALL SYSRET":                          "outside 64-bit mode, where Intel has none",
	"ADD OR ADC SBB AND SUB XOR CMP TEST SHL": "opcode 82; F6 and F7 /1; C0-C1 and D0-D3 /6",
	"CALL JMP JO JNO JB JAE JE JNE JBE JA JS": "66 before a near branch in 64-bit mode: 16-bit displacement on AMD",
	"JNS JP JNP JL JGE JLE JG":                "the same",
}

// otherNames maps its names to ours where one mnemonic has several sizes.
var otherNames = map[string]string{
	"CBW CWDE CDQE": "CBW/CWDE/CDQE", "CWD CDQ CQO": "CWD/CDQ/CQO",
	"PUSHAD PUSHA": "PUSHA", "POPAD POPA": "POPA", "PUSHFQ PUSHFD PUSHF": "PUSHF", "POPFQ POPFD POPF": "POPF",
	"JRCXZ JECXZ JCXZ": "JCXZ", "LCALL": "CALL", "LJMP": "JMP", "LRET": "RETF", "IRETQ IRETD IRET": "IRET",
	"ICEBP": "INT1", "INT": "INT3",
	"MOVSB MOVSW MOVSD MOVSQ": "MOVS", "CMPSB CMPSW CMPSD CMPSQ": "CMPS", "STOSB STOSW STOSD STOSQ": "STOS",
	"LODSB LODSW LODSD LODSQ": "LODS", "SCASB SCASW SCASD SCASQ": "SCAS",
	"INSB INSW INSD": "INS", "OUTSB OUTSW OUTSD": "OUTS",
	"CLFLUSH": "CLFLUSHOPT", "XSAVEOPT XSAVEOPT64": "CLWB XSAVEOPT",
	"FXSAVE64": "FXSAVE", "FXRSTOR64": "FXRSTOR", "XSAVE64": "XSAVE", "XRSTOR64": "XRSTOR",
	"XSAVEC64": "XSAVEC", "XSAVES64": "XSAVES", "XRSTORS64": "XRSTORS",
	"MOVQ": "MOVD", "PEXTRQ": "PEXTRD", "PINSRQ": "PINSRD", "MOVSD_XMM": "MOVSD", "CMPSD_XMM": "CMPSD",
	"SYSRETQ": "SYSRET", "NOP": "ENDBR64 ENDBR32",
}

// holds reports that a key of m contains word a, and its value word b.
func holds(m map[string]string, a, b string) bool {
	for k, v := range m {
		if contains(k, a) && (b == "" || contains(v, b)) {
			return true
		}
	}
	return false
}

func contains(words, w string) bool { return strings.Contains(" "+words+" ", " "+w+" ") }

func crossCheck(t *testing.T, f *Form, w Want) {
	code, ok := f.Encode(w)
	if !ok {
		t.Errorf("%s: no encoding for %+v", f.Text, w)
		return
	}
	in, _ := Decode(code, w.Mode)
	ref, err := x86asm.Decode(code, map[Mode]int{Mode64: 64, Mode32: 32}[w.Mode])
	mine, _, _ := strings.Cut(in.String(), " ")
	lonePrefix := ref.Len == 1 && ref.Prefix[0] != 0
	switch {
	case err != nil || lonePrefix:
		if !holds(unknownToX86asm, mine, "") {
			t.Errorf("%s: mode %d: % x is %s, not known to x86asm: %v", f.Text, w.Mode, code, mine, err)
		}
	case ref.Len != int(in.Len):
		t.Errorf("%s: mode %d: % x has length %d, x86asm says %d", f.Text, w.Mode, code, in.Len, ref.Len)
	case mine != ref.Op.String() && !holds(otherNames, ref.Op.String(), mine):
		t.Errorf("%s: mode %d: % x is %s, x86asm says %s", f.Text, w.Mode, code, mine, ref.Op)
	default:
		crossCheckArgs(t, f, &in, &ref, code)
	}
}

// otherWidths lists rows whose register operands x86asm shows with another
// width: it prints 16-bit sources as 32-bit ones.
var otherWidths = map[string]string{"MOV Sreg, r/m16": "", "MOVSXD rv, r/m32": "", "LAR rv, r/m16": "", "LSL rv, r/m16": ""}

// crossCheckArgs compares registers and addresses of the operands not implied.
func crossCheckArgs(t *testing.T, f *Form, in *Inst, ref *x86asm.Inst, code []byte) {
	_, skip := otherWidths[f.Text]
	impliedST0 := f.Attr&AttrX87 != 0 && f.Ops[0].Loc == LocFixed && f.Ops[1].Mem != 0
	if skip || impliedST0 || f.Attr&AttrAmd != 0 {
		return
	}
	for i, a := range in.Args[:in.NArgs] {
		switch r := ref.Args[i].(type) {
		case x86asm.Reg:
			if f.Ops[i].Loc == LocFixed || a.Kind == Imm {
				continue
			}
			if want := refReg(a); r != want {
				t.Errorf("%s: % x: operand %d is %s, x86asm says %s", f.Text, code, i, want, r)
			}
		case x86asm.Mem:
			if r.Index == 0 {
				r.Scale = 0
			}
			if a.Kind != Mem {
				t.Errorf("%s: % x: operand %d is %+v, x86asm says memory", f.Text, code, i, a)
			} else if m := refMem(in); m != r {
				t.Errorf("%s: % x: memory %+v, x86asm says %+v", f.Text, code, m, r)
			}
		}
	}
}

func refReg(a Arg) x86asm.Reg {
	n := x86asm.Reg(a.Reg)
	switch a.Kind {
	case RegHi:
		return x86asm.AH + n
	case SegReg:
		return x86asm.ES + n
	case CR:
		return x86asm.CR0 + n
	case DR:
		return x86asm.DR0 + n
	case ST:
		return x86asm.F0 + n
	case MM:
		return x86asm.M0 + n
	case XMM:
		return x86asm.X0 + n
	}
	switch {
	case a.Size == 1 && n >= 4:
		return x86asm.SPB + n - 4
	case a.Size == 1:
		return x86asm.AL + n
	case a.Size == 2:
		return x86asm.AX + n
	case a.Size == 4:
		return x86asm.EAX + n
	}
	return x86asm.RAX + n
}

func refMem(in *Inst) x86asm.Mem {
	m := x86asm.Mem{Disp: in.Mem.Disp}
	size := Arg{Kind: Reg, Size: in.AddrSize}
	if in.Mem.RIPRel {
		m.Base = x86asm.RIP
	}
	if in.Mem.Base != NoReg {
		size.Reg = in.Mem.Base
		m.Base = refReg(size)
	}
	if in.Mem.Index != NoReg {
		size.Reg = in.Mem.Index
		m.Index, m.Scale = refReg(size), 1<<in.Mem.Scale
	}
	return m
}
