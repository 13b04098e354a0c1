package interp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// TestX87 has one line a form. The results are a Zen 4's.
func TestX87(t *testing.T) {
	runOps(t, []op{
		{"d8 c1", "st", "p6=4000890fdaa22168c235"},                  // fadd %st(1),%st
		{"dc c1", "st", "p7=4000890fdaa22168c235"},                  // fadd %st,%st(1)
		{"de c1", "st", "p7=4000890fdaa22168c235 fsw=3800 tags=80"}, // faddp %st,%st(1)
		{"d8 e1", "st", "p6=40018487ed5110b4611a fsw=3020"},         // fsub %st(1),%st
		{"d8 e9", "st", "p6=c0018487ed5110b4611a fsw=3020"},         // fsubr %st(1),%st
		{"de e1", "st", "p7=40018487ed5110b4611a fsw=3820 tags=80"}, // fsubp %st,%st(1)
		{"de e9", "st", "p7=c0018487ed5110b4611a fsw=3820 tags=80"}, // fsubrp %st,%st(1)
		{"d8 c9", "st", "p6=c000c90fdaa22168c235"},                  // fmul %st(1),%st
		{"de c9", "st", "p7=c000c90fdaa22168c235 fsw=3800 tags=80"}, // fmulp %st,%st(1)
		{"d8 f1", "st", "p6=c000c90fdaa22168c235"},                  // fdiv %st(1),%st
		{"d8 f9", "st", "p6=bffda2f9836e4e44152a fsw=3220"},         // fdivr %st(1),%st
		{"de f1", "st", "p7=c000c90fdaa22168c235 fsw=3800 tags=80"}, // fdivp %st,%st(1)
		{"de f9", "st", "p7=bffda2f9836e4e44152a fsw=3a20 tags=80"}, // fdivrp %st,%st(1)
		{"d8 d1", "st", ""},                        // fcom %st(1)
		{"d8 d9", "st", "fsw=3800 tags=80"},        // fcomp %st(1)
		{"de d9", "st", "fsw=0 tags=0"},            // fcompp
		{"dd e1", "st", ""},                        // fucom %st(1)
		{"dd e9", "st", "fsw=3800 tags=80"},        // fucomp %st(1)
		{"da e9", "st", "fsw=0 tags=0"},            // fucompp
		{"db f1", "st", ""},                        // fcomi %st(1),%st
		{"df f1", "st", "fsw=3800 tags=80"},        // fcomip %st(1),%st
		{"db e9", "st", ""},                        // fucomi %st(1),%st
		{"df e9", "st", "fsw=3800 tags=80"},        // fucomip %st(1),%st
		{"d9 e0", "st", "p6=c000c90fdaa22168c235"}, // fchs
		{"d9 e1", "st", ""},                        // fabs
		{"d9 e4", "st", ""},                        // ftst
		{"d9 e5", "st", "fsw=3400"},                // fxam
		{"d9 f4", "st", "p5=3fffc90fdaa22168c235 p6=3fff8000000000000000 fsw=2800 tags=e0"}, // fxtract
		{"d9 f8", "st", "p6=3ffc90fdaa22168c2350 fsw=7200"},                                 // fprem
		{"d9 f5", "st", "p6=3ffc90fdaa22168c2350 fsw=7200"},                                 // fprem1
		{"d9 fa", "st", "p6=3fffe2dfc48da77b553d fsw=3020"},                                 // fsqrt
		{"d9 fc", "st", "p6=4000c000000000000000 fsw=3020"},                                 // frndint
		{"d9 fd", "st", "p6=3fffc90fdaa22168c235"},                                          // fscale
		{"d9 f6", "st", "fsw=2800"},                                                         // fdecstp
		{"d9 f7", "st", "fsw=3800"},                                                         // fincstp
		{"dd c1", "st", "tags=40"},                                                          // ffree %st(1)
		{"df c1", "st", "fsw=3800 tags=0"},                                                  // ffreep %st(1)
		{"d9 c9", "st", "p6=bfff8000000000000000 p7=4000c90fdaa22168c235"},                  // fxch %st(1)
		{"db c9", "st", "p6=bfff8000000000000000"},                                          // fcmovne %st(1),%st
		{"da c9", "st", ""},                                                                 // fcmove %st(1),%st
		{"d9 d0", "st", ""},                                                                 // fnop
		{"d9 e8", "st", "p5=3fff8000000000000000 fsw=2800 tags=e0"},                         // fld1
		{"d9 e9", "st", "p5=4000d49a784bcd1b8afe fsw=2800 tags=e0"},                         // fldl2t
		{"d9 ea", "st", "p5=3fffb8aa3b295c17f0bc fsw=2800 tags=e0"},                         // fldl2e
		{"d9 eb", "st", "p5=4000c90fdaa22168c235 fsw=2800 tags=e0"},                         // fldpi
		{"d9 ec", "st", "p5=3ffd9a209a84fbcff799 fsw=2800 tags=e0"},                         // fldlg2
		{"d9 ed", "st", "p5=3ffeb17217f7d1cf79ac fsw=2800 tags=e0"},                         // fldln2
		{"d9 ee", "st", "fsw=2800 tags=e0"},                                                 // fldz
		{"d9 c1", "st", "p5=bfff8000000000000000 fsw=2800 tags=e0"},                         // fld %st(1)
		{"dd d1", "st", "p7=4000c90fdaa22168c235"},                                          // fst %st(1)
		{"dd d9", "st", "p7=4000c90fdaa22168c235 fsw=3800 tags=80"},                         // fstp %st(1)
		{"d8 c2", "st", "p6=ffffc000000000000000 fsw=3041"},                                 // fadd %st(2),%st
		{"d9 c2", "st", "p5=ffffc000000000000000 fsw=2841 tags=e0"},                         // fld %st(2)
		{"d8 d2", "st", "fsw=7541"},                                                         // fcom %st(2)
		{"dd da", "st", "p0=4000c90fdaa22168c235 fsw=3800 tags=81"},                         // fstp %st(2)
		{"d8 43 04", "st mem rbx=20000", "p6=4000890fda222168c235"},                         // fadds 4(%rbx)
		{"dc 63 08", "st mem rbx=20000", "p6=c001db7812aeef4b9ee6 fsw=3220"},                // fsubl 8(%rbx)
		{"dc 7b 08", "st mem rbx=20000", "p6=4000cbb7e449e1d51a74 fsw=3020"},                // fdivrl 8(%rbx)
		{"da 03", "st mem rbx=20000", "p6=4001c487ed5110b4611a fsw=3020"},                   // fiaddl (%rbx)
		{"da 0b", "st mem rbx=20000", "p6=400296cbe3f9990e91a8 fsw=3220"},                   // fimull (%rbx)
		{"de 23", "st mem rbx=20000", "p6=3ffc90fdaa22168c2350"},                            // fisubs (%rbx)
		{"de 2b", "st mem rbx=20000", "p6=bffc90fdaa22168c2350"},                            // fisubrs (%rbx)
		{"da 33", "st mem rbx=20000", "p6=3fff860a91c16b9b2c23 fsw=3020"},                   // fidivl (%rbx)
		{"da 3b", "st mem rbx=20000", "p6=3ffef476452575661fbf fsw=3220"},                   // fidivrl (%rbx)
		{"d8 53 04", "st mem rbx=20000", ""},                                                // fcoms 4(%rbx)
		{"dc 5b 08", "st mem rbx=20000", "fsw=3900 tags=80"},                                // fcompl 8(%rbx)
		{"da 13", "st mem rbx=20000", ""},                                                   // ficoml (%rbx)
		{"da 1b", "st mem rbx=20000", "fsw=3800 tags=80"},                                   // ficompl (%rbx)
		{"d9 43 04", "st mem rbx=20000", "p5=bfff8000010000000000 fsw=2800 tags=e0"},        // flds 4(%rbx)
		{"dd 43 08", "st mem rbx=20000", "p5=4002a000000000000000 fsw=2800 tags=e0"},        // fldl 8(%rbx)
		{"db 2b", "st mem rbx=20000", "p5=0000bf80000100000003 fsw=2800 tags=e0"},           // fldt (%rbx)
		{"df 03", "st mem rbx=20000", "p5=4000c000000000000000 fsw=2800 tags=e0"},           // filds (%rbx)
		{"db 03", "st mem rbx=20000", "p5=4000c000000000000000 fsw=2800 tags=e0"},           // fildl (%rbx)
		{"df 6b 08", "st mem rbx=20000", "p5=403d8048000000000000 fsw=2800 tags=e0"},        // fildll 8(%rbx)
		{"df 23", "st mem rbx=20000", "p5=4034b2c5c614f0840c00 fsw=2800 tags=e0"},           // fbld (%rbx)
		{"d9 13", "st mem rbx=20000", "fsw=3220 [20000]=40490fdb"},                          // fsts (%rbx)
		{"dd 13", "st mem rbx=20000", "fsw=3020 [20000]=400921fb54442d18"},                  // fstl (%rbx)
		{"d9 1b", "st mem rbx=20000", "fsw=3a20 tags=80 [20000]=40490fdb"},                  // fstps (%rbx)
		{"db 3b", "st mem rbx=20000", "fsw=3800 tags=80 [20000]=4000c90fdaa22168c235"},      // fstpt (%rbx)
		{"df 13", "st mem rbx=20000", "fsw=3020"},                                           // fists (%rbx)
		{"db 13", "st mem rbx=20000", "fsw=3020"},                                           // fistl (%rbx)
		{"df 3b", "st mem rbx=20000", "fsw=3820 tags=80 [20004]=00000000"},                  // fistpll (%rbx)
		{"db 0b", "st mem rbx=20000", "fsw=3820 tags=80"},                                   // fisttpl (%rbx)
		{"df 33", "st mem rbx=20000", "fsw=3820 tags=80 [20004]=00000000"},                  // fbstp (%rbx)
	})
}

// TestX87Exceptions: what is delivered when an exception is not masked.
func TestX87Exceptions(t *testing.T) {
	runOps(t, []op{
		{"d8 c1", "st fcw=37e fsw=b081", "#MF"},                                                        // fadd: pending
		{"9b", "st fcw=37e fsw=b081", "#MF"},                                                           // fwait
		{"d9 d0", "st fcw=37e fsw=b081", "#MF"},                                                        // fnop
		{"db e4", "st fcw=37e fsw=b081", ""},                                                           // fnsetpm
		{"d9 2b", "st fcw=37e fsw=b081 rbx=40000", "#MF"},                                              // fldcw: before its page fault
		{"db e2", "st fcw=37e fsw=b081", "fsw=3000"},                                                   // fnclex
		{"d9 fa", "st p6=bfff8000000000000000 fcw=37e", "fsw=b081"},                                    // fsqrt of -1: ST(0) stays
		{"d8 f9", "st p6=00000000000000000000 fcw=37b", "fsw=b084"},                                    // fdivr by 0
		{"d8 c1", "st p7=3fbf8000000000000001 fcw=35f", "fsw=b0a0"},                                    // inexact: delivered
		{"d8 c2", "st fcw=37e", "fsw=b0c1"},                                                            // an empty register
		{"d8 d2", "st fcw=37e", "fsw=f5c1"},                                                            // fcom: unordered even so
		{"de da", "st", "#UD"},                                                                         //
		{"d9 e8", "st tags=ff", "p5=ffffc000000000000000 fsw=2a41"},                                    // fld1 with a full stack
		{"d9 e8", "st tags=ff fcw=37e", "fsw=b2c1"},                                                    //
		{"d9 03", "st rbx=20000 [20000]=00000001 fcw=37d", "p5=3f6a8000000000000000 fsw=a882 tags=e0"}, // fld of a denormal
		{"d9 03", "st rbx=20000 [20000]=7f800001 fcw=37e", "fsw=b081"},                                 // fld of an SNaN
		{"d8 03", "st rbx=20000 [20000]=00000001 fcw=37d", "fsw=b082"},                                 // fadd of a denormal
		{"d9 1b", "st p6=43fe8000000000000000 rbx=20000 fcw=377", "fsw=b088"},                          // fstp m32: overflow, nothing stored
		{"db 1b", "st rbx=20000 fcw=35f", "fsw=b8a0 tags=80 [20000]=00000003"},                         // fistp: inexact, stored
		{"df 1b", "rbx=20000", "fsw=841 [20000]=8000"},                                                 // fistp of an empty register
		{"df 1b", "rbx=40000 fcw=37e", "#PF(2)"},                                                       // the page fault comes first
		{"dd 03", "rbx=40000", "#PF(0)"},                                                               //
		{"d9 db", "", "fsw=800"},                                                                       // fstp1 of an empty register only pops
	})
}

// TestX87Environment: FNSTENV, FNSAVE, FXSAVE and back.
func TestX87Environment(t *testing.T) {
	image := []byte{0x7f, 0x03, 0xff, 0xff, 0x00, 0x30, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff,
		0x34, 0x12, 0, 0, 0, 0, 0xc1, 0, 0x78, 0x56, 0, 0, 0, 0, 0xff, 0xff}
	for _, s := range []struct {
		name, code, back string
		mode             x86.Mode
		want             []byte
	}{
		{"fnstenv", "d9 33", "d9 23", x86.Mode64, image},
		{"fnstenv, 16-bit", "66 d9 33", "66 d9 23", x86.Mode64,
			[]byte{0x7f, 0x03, 0x00, 0x30, 0xff, 0x0f, 0x34, 0x12, 0, 0, 0x78, 0x56, 0, 0}},
		{"fnsave", "dd 33", "dd 23", x86.Mode64, append(bytes.Clone(image), 0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40)},
		{"fxsave", "48 0f ae 03", "48 0f ae 0b", x86.Mode64, []byte{0x7f, 0x03, 0x00, 0x30, 0xc0, 0, 0xc1, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0x78, 0x56}},
	} {
		o := op{s.code + " 90 " + s.back, "st rbx=20000", ""}
		r, _, err := o.prepare()
		if err != nil {
			t.Fatal(err)
		}
		r.c.FOP, r.c.FIP, r.c.FDP = 0xc1, 0x1234, 0x5678
		before := r.c.State
		r.steps(1)
		if got := r.ram[0x20000:][:len(s.want)]; !bytes.Equal(got, s.want) {
			t.Errorf("%s: % x, want % x", s.name, got, s.want)
		}
		if s.name != "fxsave" && r.c.FCW&0x3f != 0x3f {
			t.Errorf("%s: FCW %x", s.name, r.c.FCW)
		}
		if s.name == "fnsave" && (r.c.FTW != 0xffff || r.c.FSW != 0) {
			t.Errorf("%s: FTW %x, FSW %x", s.name, r.c.FTW, r.c.FSW)
		}
		r.steps(2)
		if s.code[:2] == "66" {
			r.c.FOP = before.FOP // not in the image
		}
		before.RIP = r.c.RIP
		if r.c.State != before {
			t.Errorf("%s and back: state differs", s.name)
		}
	}
}

// TestRealEnvironment is the layout of real mode: linear pointers.
func TestRealEnvironment(t *testing.T) {
	r := newRig(x86.Mode16, 0)
	c := r.c
	c.CR0 &^= cpu.CR0PE
	c.FOP, c.FIP, c.FDP = 0x7c1, 0x12345678, 0x9abcdef0
	c.Seg[x86.CS].Base = 0
	copy(r.ram[0x1000:], []byte{0x66, 0xd9, 0x36, 0x00, 0x20, 0x66, 0xd9, 0x26, 0x00, 0x20})
	c.recode()
	before := c.State
	r.steps(1)
	want := []uint32{0xffff037f, 0xffff0000, 0xffffffff, 0xffff5678, 0x012347c1, 0xffffdef0, 0x09abc000}
	for i, w := range want {
		if got := binary.LittleEndian.Uint32(r.ram[0x2000+4*i:]); got != w {
			t.Errorf("word %d: %08x, want %08x", i, got, w)
		}
	}
	r.steps(1)
	if c.FOP != before.FOP || c.FIP != before.FIP || c.FDP != before.FDP {
		t.Errorf("FOP %x FIP %x FDP %x", c.FOP, c.FIP, c.FDP)
	}
}

// TestX87Pointers: what an instruction leaves for handlers.
func TestX87Pointers(t *testing.T) {
	o := op{"d8 43 04 d9 fa", "st rbx=20000", ""}
	r, _, err := o.prepare()
	if err != nil {
		t.Fatal(err)
	}
	r.steps(1)
	if r.c.FOP != 0x043 || r.c.FIP != rigCode || r.c.FDP != 0x20004 {
		t.Errorf("fadds: FOP %x FIP %x FDP %x", r.c.FOP, r.c.FIP, r.c.FDP)
	}
	r.steps(1)
	if r.c.FOP != 0x1fa || r.c.FIP != rigCode+3 || r.c.FDP != 0 {
		t.Errorf("fsqrt: FOP %x FIP %x FDP %x", r.c.FOP, r.c.FIP, r.c.FDP)
	}
}
