package x86

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// show prints what a decode found: the row, sizes, arguments.
func show(in Inst) string {
	s := Table[in.Row].Text
	if in.Sem == SemUd {
		return "UD " + s
	}
	s += fmt.Sprintf(" o%d a%d", in.OpSize, in.AddrSize)
	for _, a := range in.Args[:in.NArgs] {
		s += " " + showArg(&in, a)
	}
	return s
}

func showArg(in *Inst, a Arg) string {
	switch a.Kind {
	case Imm, Rel:
		return fmt.Sprintf("i%d=%d", a.Size, in.Imm)
	case Imm2:
		return fmt.Sprintf("I%d=%d", a.Size, in.Imm2)
	case Mem:
		m := in.Mem
		s := fmt.Sprintf("m%d=%s:", a.Size, segNames[m.Seg])
		if m.RIPRel {
			s += "rip+"
		}
		if m.Base != NoReg {
			s += gprNames[3][m.Base] + "+"
		}
		if m.Index != NoReg {
			s += fmt.Sprintf("%s*%d+", gprNames[3][m.Index], 1<<m.Scale)
		}
		return s + fmt.Sprint(m.Disp)
	}
	return in.arg(a)
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		code string
		mode Mode
		want string
	}{
		{"48 01 d8", Mode64, "ADD r/mv, rv o8 a8 RAX RBX"},
		{"66 01 d8", Mode64, "ADD r/mv, rv o2 a8 AX BX"},
		{"66 48 01 d8", Mode64, "ADD r/mv, rv o8 a8 RAX RBX"},
		{"48 66 01 d8", Mode64, "ADD r/mv, rv o2 a8 AX BX"},
		{"00 e0", Mode64, "ADD r/m8, r8 o1 a8 AL AH"},
		{"40 00 e0", Mode64, "ADD r/m8, r8 o1 a8 AL SPL"},
		{"45 00 e0", Mode64, "ADD r/m8, r8 o1 a8 R8L R12L"},
		{"83 c0 ff", Mode64, "ADD r/mv, imm8 o4 a8 EAX i4=-1"},
		{"48 81 c0 00 00 00 80", Mode64, "ADD r/mv, immz o8 a8 RAX i8=-2147483648"},
		{"04 80", Mode64, "ADD AL, imm8 o1 a8 AL i1=-128"},
		{"c1 e0 e1", Mode64, "SHL r/mv, imm8 o4 a8 EAX i1=225"},
		{"d1 f0", Mode64, "SHL r/mv, 1 o4 a8 EAX i1=1"},
		{"48 b8 f0 de bc 9a 78 56 34 92", Mode64, "MOV rv, immv o8 a8 RAX i8=-7911603569390985488"},
		{"b8 00 00 00 80", Mode32, "MOV rv, immv o4 a4 EAX i4=-2147483648"},
		{"b8 00 80", Mode16, "MOV rv, immv o2 a2 AX i2=-32768"},
		{"8b 05 10 00 00 00", Mode64, "MOV rv, r/mv o4 a8 EAX m4=DS:rip+16"},
		{"8b 05 10 00 00 00", Mode32, "MOV rv, r/mv o4 a4 EAX m4=DS:16"},
		{"8b 04 25 f0 ff ff ff", Mode64, "MOV rv, r/mv o4 a8 EAX m4=DS:-16"},
		{"8b 45 f0", Mode64, "MOV rv, r/mv o4 a8 EAX m4=SS:RBP+-16"},
		{"41 8b 45 f0", Mode64, "MOV rv, r/mv o4 a8 EAX m4=DS:R13+-16"},
		{"8b 44 f4 08", Mode64, "MOV rv, r/mv o4 a8 EAX m4=SS:RSP+RSI*8+8"},
		{"8b 04 e4", Mode64, "MOV rv, r/mv o4 a8 EAX m4=SS:RSP+0"},
		{"42 8b 04 e4", Mode64, "MOV rv, r/mv o4 a8 EAX m4=SS:RSP+R12*8+0"},
		{"8b 04 6d 01 00 00 00", Mode64, "MOV rv, r/mv o4 a8 EAX m4=DS:RBP*2+1"},
		{"67 8b 00", Mode64, "MOV rv, r/mv o4 a4 EAX m4=DS:RAX+0"},
		{"64 8b 45 00", Mode64, "MOV rv, r/mv o4 a8 EAX m4=FS:RBP+0"},
		{"64 3e 8b 00", Mode64, "MOV rv, r/mv o4 a8 EAX m4=FS:RAX+0"},
		{"2e 8b 45 00", Mode64, "MOV rv, r/mv o4 a8 EAX m4=SS:RBP+0"},
		{"64 3e 8b 45 00", Mode32, "MOV rv, r/mv o4 a4 EAX m4=DS:RBP+0"},
		{"26 8b 45 00", Mode32, "MOV rv, r/mv o4 a4 EAX m4=ES:RBP+0"},
		{"8b 42 fe", Mode16, "MOV rv, r/mv o2 a2 AX m2=SS:RBP+RSI*1+-2"},
		{"8b 06 00 80", Mode16, "MOV rv, r/mv o2 a2 AX m2=DS:-32768"},
		{"8b 46 00", Mode16, "MOV rv, r/mv o2 a2 AX m2=SS:RBP+0"},
		{"66 67 8b 45 00", Mode16, "MOV rv, r/mv o4 a4 EAX m4=SS:RBP+0"},
		{"67 8b 07", Mode32, "MOV rv, r/mv o4 a2 EAX m4=DS:RBX+0"},
		{"a1 08 07 06 05 04 03 02 01", Mode64, "MOV rAX, moffsv o4 a8 EAX m4=DS:72623859790382856"},
		{"65 a1 04 00 00 00", Mode32, "MOV rAX, moffsv o4 a4 EAX m4=GS:4"},
		{"50", Mode64, "PUSH rv o8 a8 RAX"},
		{"66 50", Mode64, "PUSH rv o2 a8 AX"},
		{"41 54", Mode64, "PUSH rv o8 a8 R12"},
		{"6a ff", Mode64, "PUSH imm8 o8 a8 i8=-1"},
		{"68 00 00 00 80", Mode64, "PUSH immz o8 a8 i8=-2147483648"},
		{"8f 44 24 08", Mode64, "POP r/mv o8 a8 m8=SS:RSP+8"},
		{"c8 f8 ff 80", Mode64, "ENTER imm16, imm8 o8 a8 i2=65528 I1=128"},
		{"c2 f8 ff", Mode64, "RET imm16 o8 a8 i2=65528"},
		{"e8 fb ff ff ff", Mode64, "CALL relz o8 a8 i8=-5"},
		{"66 e8 fc ff", Mode64, "CALL relz o2 a8 i2=-4"},
		{"0f 84 00 01 00 00", Mode64, "Jcc relz o8 a8 i8=256"},
		{"74 fe", Mode16, "Jcc rel8 o2 a2 i2=-2"},
		{"ff 25 00 00 00 00", Mode64, "JMP r/mv o8 a8 m8=DS:rip+0"},
		{"ff 28", Mode64, "JMP m16:z o4 a8 m6=DS:RAX+0"},
		{"48 ff 28", Mode64, "JMP m16:z o4 a8 m6=DS:RAX+0"},
		{"ea 78 56 34 12 08 00", Mode32, "JMP ptr16:z o4 a4 i4=305419896 I2=8"},
		{"ea 00 f0 00 f0", Mode16, "JMP ptr16:z o2 a2 i2=61440 I2=61440"},
		{"c4 06 34 12", Mode16, "LES rz, m16:z o2 a2 AX m4=DS:4660 ES"},
		{"48 cf", Mode64, "IRET o8 a8"},
		{"cf", Mode64, "IRET o4 a8"},
		{"cd 80", Mode64, "INT imm8 o0 a8 i1=128"},
		{"e4 f0", Mode64, "IN AL, imm8 o1 a8 AL i1=240"},
		{"48 ed", Mode64, "IN eAX, DX o4 a8 EAX DX"},
		{"ee", Mode64, "OUT DX, AL o1 a8 DX AL"},
		{"f3 48 a5", Mode64, "MOVS mv, mv o8 a8"},
		{"67 66 a5", Mode64, "MOVS mv, mv o2 a4"},
		{"48 6d", Mode64, "INS mz, DX o4 a8"},
		{"48 98", Mode64, "CBW/CWDE/CDQE o8 a8"},
		{"90", Mode64, "NOP o0 a8"},
		{"48 90", Mode64, "NOP o0 a8"},
		{"41 90", Mode64, "XCHG rv, rAX o4 a8 R8D EAX"},
		{"93", Mode64, "XCHG rv, rAX o4 a8 EBX EAX"},
		{"f3 90", Mode64, "PAUSE o0 a8"},
		{"f3 0f 1e fa", Mode64, "ENDBR64 o0 a8"},
		{"0f 1f 44 00 00", Mode64, "NOP r/mv o4 a8 m4=DS:RAX+RAX*1+0"},
		{"8c d8", Mode64, "MOV rv/m16, Sreg o4 a8 EAX DS"},
		{"8c 18", Mode64, "MOV rv/m16, Sreg o4 a8 m2=DS:RAX+0 DS"},
		{"8e d0", Mode64, "MOV Sreg, r/m16 o2 a8 SS AX"},
		{"44 8e d0", Mode64, "MOV Sreg, r/m16 o2 a8 SS AX"},
		{"8e c8", Mode64, "UD MOV CS, r/m16"},
		{"8e f0", Mode64, "UD MOV Sreg, r/m16"},
		{"0f 20 d8", Mode64, "MOV rN, CRn o8 a8 RAX CR3"},
		{"44 0f 22 c0", Mode64, "MOV CRn, rN o8 a8 CR8 RAX"},
		{"0f 22 18", Mode32, "MOV CRn, rN o4 a4 CR3 EAX"},
		{"0f 20 c8", Mode64, "UD MOV rN, CRn"},
		{"0f 23 f8", Mode64, "MOV DRn, rN o8 a8 DR7 RAX"},
		{"0f 01 18", Mode64, "LIDT m16&N o8 a8 m10=DS:RAX+0"},
		{"66 0f 01 16 00 00", Mode16, "LGDT m16&N o4 a2 m6=DS:0"},
		{"0f 01 f8", Mode64, "SWAPGS o0 a8"},
		{"0f 01 f8", Mode32, "UD UD r/m8"},
		{"f3 0f ae d1", Mode64, "WRFSBASE ry o4 a8 ECX"},
		{"f3 48 0f ae d1", Mode64, "WRFSBASE ry o8 a8 RCX"},
		{"f3 0f ae d1", Mode32, "UD UD r/m8"},
		{"48 0f ae 00", Mode64, "FXSAVE m512byte o8 a8 m0=DS:RAX+0"},
		{"f0 48 0f c7 0f", Mode64, "CMPXCHG16B m128 o16 a8 m16=DS:RDI+0"},
		{"0f c7 0f", Mode64, "CMPXCHG8B m64 o8 a8 m8=DS:RDI+0"},
		{"0f c7 f0", Mode64, "RDRAND rv o4 a8 EAX"},
		{"66 0f c7 f0", Mode64, "RDRAND rv o2 a8 AX"},
		{"f3 0f c7 f8", Mode64, "RDPID rN o8 a8 RAX"},
		{"f2 66 0f 38 f1 c3", Mode64, "CRC32 ry, r/mv o2 a8 EAX BX"},
		{"f2 48 0f 38 f0 c3", Mode64, "CRC32 ry, r/m8 o8 a8 RAX BL"},
		{"66 0f 38 f0 03", Mode64, "MOVBE rv, mv o2 a8 AX m2=DS:RBX+0"},
		{"f3 0f bc c3", Mode64, "BSF rv, r/mv o4 a8 EAX EBX"},
		{"f3 66 0f b8 c3", Mode64, "POPCNT rv, r/mv o2 a8 AX BX"},
		{"63 c3", Mode64, "MOVSXD rv, r/m32 o4 a8 EAX EBX"},
		{"48 63 c3", Mode64, "MOVSXD rv, r/m32 o8 a8 RAX EBX"},
		{"63 c3", Mode32, "ARPL r/m16, r16 o2 a4 BX AX"},
		{"48 0f b6 c4", Mode64, "MOVZX rv, r/m8 o8 a8 RAX SPL"},
		{"0f b6 c4", Mode64, "MOVZX rv, r/m8 o4 a8 EAX AH"},
		{"48 0f c9", Mode64, "BSWAP rv o8 a8 RCX"},
		{"f0 01 03", Mode64, "ADD r/mv, rv o4 a8 m4=DS:RBX+0 EAX"},
		{"f0 01 c3", Mode64, "UD ADD r/mv, rv"},
		{"f0 03 03", Mode64, "UD ADD rv, r/mv"},
		{"f0 3b 03", Mode64, "UD CMP rv, r/mv"},
		{"f0 90", Mode64, "UD NOP"},
		{"06", Mode64, "UD PUSH ES"},
		{"06", Mode32, "PUSH ES o4 a4 ES"},
		{"62", Mode64, "UD EVEX"},
		{"62 c1", Mode32, "UD EVEX rv, rv"},
		{"62 01", Mode32, "BOUND rv, mv&v o4 a4 EAX m8=DS:RCX+0"},
		{"c5 f8 77", Mode64, "UD VEX2"},
		{"c5 f8 77", Mode32, "UD VEX2 rv, rv"},
		{"0f 0b", Mode64, "UD UD2"},
		{"0f 0f c0 bf", Mode64, "UD 3DNow!"},
		{"0f 34", Mode64, "UD SYSENTER"},
		{"d8 c3", Mode64, "FADD ST(0), ST(i) o10 a8 ST(0) ST(3)"},
		{"d8 03", Mode64, "FADD m32fp o4 a8 ST(0) m4=DS:RBX+0"},
		{"41 d8 c3", Mode64, "FADD ST(0), ST(i) o10 a8 ST(0) ST(3)"},
		{"dc e3", Mode64, "FSUBR ST(i), ST(0) o10 a8 ST(3) ST(0)"},
		{"de e9", Mode64, "FSUBP ST(i), ST(0) o10 a8 ST(1) ST(0)"},
		{"d9 eb", Mode64, "FLDPI o0 a8 i1=3"},
		{"db 28", Mode64, "FLD m80fp o10 a8 m10=DS:RAX+0"},
		{"9b", Mode64, "FWAIT o0 a8"},
		{"0f 6f c9", Mode64, "MOVQ mm1, mm2/m64 o8 a8 MM1 MM1"},
		{"45 0f 6f c9", Mode64, "MOVQ mm1, mm2/m64 o8 a8 MM1 MM1"},
		{"66 45 0f 6f c9", Mode64, "MOVDQA xmm1, xmm2/m128 o16 a8 XMM9 XMM9"},
		{"f3 66 0f 6f c9", Mode64, "MOVDQU xmm1, xmm2/m128 o16 a8 XMM1 XMM1"},
		{"66 f2 0f 10 03", Mode64, "MOVSD xmm1, xmm2/m64 o8 a8 XMM0 m8=DS:RBX+0"},
		{"f3 f2 0f 10 03", Mode64, "MOVSD xmm1, xmm2/m64 o8 a8 XMM0 m8=DS:RBX+0"},
		{"f2 f3 0f 10 03", Mode64, "MOVSS xmm1, xmm2/m32 o4 a8 XMM0 m4=DS:RBX+0"},
		{"66 48 0f 6e c3", Mode64, "MOVD xmm, r/my o8 a8 XMM0 RBX"},
		{"f2 48 0f 2d c3", Mode64, "CVTSD2SI ry, xmm/m64 o8 a8 RAX XMM3"},
		{"66 0f 73 d9 80", Mode64, "PSRLDQ xmm, imm8 o16 a8 XMM1 i1=128"},
		{"66 0f c5 c1 07", Mode64, "PEXTRW r32, xmm, imm8 o4 a8 EAX XMM1 i1=7"},
		{"66 0f 3a 14 03 07", Mode64, "PEXTRB r32/m8, xmm, imm8 o1 a8 m1=DS:RBX+0 XMM0 i1=7"},
		{"66 0f 38 10 c1", Mode64, "PBLENDVB xmm1, xmm2/m128 o16 a8 XMM0 XMM1 XMM0"},
		{"66 0f 50 c1", Mode64, "MOVMSKPD r32, xmm o4 a8 EAX XMM1"},
		{"d6", Mode64, "UD SALC"},
		{"0f ff", Mode64, "UD UD0"},
		{"0f 38 ff c0", Mode64, "UD UD r/m8"},
		{"f3 0f 3a cc c0 00", Mode64, "UD UD r/m8"},
		{"f2 0f 54 c0", Mode64, "UD UD r/m8"},
		{"f2 0f c7 f0", Mode64, "UD UD r/m8"},
	} {
		code := unhex(t, c.code)
		in, err := Decode(code, c.mode)
		if err != nil {
			t.Errorf("%s: %v", c.code, err)
			continue
		}
		if got := show(in); got != c.want {
			t.Errorf("%s mode %d: %s, want %s", c.code, c.mode, got, c.want)
		}
		if int(in.Len) != len(code) && in.Sem != SemUd {
			t.Errorf("%s: length %d, want %d", c.code, in.Len, len(code))
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		code string
		mode Mode
		want error
	}{
		{"", Mode64, ErrShort},
		{"48", Mode64, ErrShort},
		{"0f", Mode64, ErrShort},
		{"48 01", Mode64, ErrShort},
		{"48 81 c0 00 00 00", Mode64, ErrShort},
		{"8b 04", Mode64, ErrShort},
		{"66 66 66 66 66 66 66 66 66 66 66 66 66 66 66", Mode64, ErrTooLong},
		{"66 66 66 66 66 66 66 66 66 66 66 66 66 66 01 d8", Mode64, ErrTooLong},
		{"66 66 66 66 66 66 66 66 66 66 66 66 66 01 d8", Mode64, nil},
	} {
		if _, err := Decode(unhex(t, c.code), c.mode); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.code, err, c.want)
		}
	}
}

// An opcode without a row is an error, not a #UD.
func TestUnknown(t *testing.T) {
	d := decoder{code: []byte{0x90}}
	var in Inst
	if d.take(&in, 0) || !errors.Is(d.err, ErrUnknown) {
		t.Errorf("row 0: %v, want %v", d.err, ErrUnknown)
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"48 01 d8", "ADD RAX, RBX"},
		{"f0 83 44 8b f0 ff", "LOCK ADD m32 DS:[RBX+RCX*4-0x10], 0xffffffffffffffff"},
		{"64 8b 04 25 28 00 00 00", "MOV EAX, m32 FS:[0x28]"},
		{"8a 25 10 00 00 00", "MOV AH, m8 DS:[RIP+0x10]"},
		{"75 fe", "JNE $+0x0"},
		{"75 f0", "JNE $-0xe"},
		{"0f 94 c0", "SETE AL"},
		{"f3 48 ab", "REP STOS"},
		{"0f 20 c0", "MOV RAX, CR0"},
		{"66 0f 6f c1", "MOVDQA XMM0, XMM1"},
		{"0f 0b", "UD2 (undefined)"},
		{"d8 c1", "FADD ST(0), ST(1)"},
		{"c8 10 00 01", "ENTER 0x10, 0x1"},
		{"8c d8", "MOV EAX, DS"},
	} {
		in, err := Decode(unhex(t, c.code), Mode64)
		if got := in.String(); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.code, got, err, c.want)
		}
	}
}
