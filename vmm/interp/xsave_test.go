package interp

import (
	"encoding/hex"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// cr4X is CR4 with OSXSAVE, as these tests run.
const cr4X = "cr4=40620 "

// TestXCR0: XGETBV and XSETBV.
func TestXCR0(t *testing.T) {
	runOps(t, []op{
		{"0f 01 d0", cr4X + "rcx=0", "rax=3 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=f00000000", "rax=3 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1", "rax=0 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 mxcsr=1fa0", "rax=2 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 x15=00000001000000000000000000000000", "rax=2 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 m32 cr4=40600 x15=00000001000000000000000000000000", "eax=0 edx=0"},
		{"0f 01 d0", cr4X + "rcx=1 fcw=37e", "rax=1 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 fsw=200", "rax=1 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 tags=1", "rax=1 rdx=0"},
		{"0f 01 d0", cr4X + "rcx=1 p7=00010000000000000000", "rax=1 rdx=0"}, // empty, but not zero
		{"0f 01 d0", cr4X + "rcx=2", "#GP"},
		{"0f 01 d0", "rcx=0", "#UD"},
		{"0f 01 d1", cr4X + "rcx=0 rax=1 rdx=0", ""},
		{"0f 01 d1", cr4X + "rcx=0 rax=2 rdx=0", "#GP"},
		{"0f 01 d1", cr4X + "rcx=0 rax=7 rdx=0", "#GP"},
		{"0f 01 d1", cr4X + "rcx=0 rax=3 rdx=1", "#GP"},
		{"0f 01 d1", cr4X + "rcx=1 rax=3 rdx=0", "#GP"},
		{"0f 01 d1", cr4X + "cpl3 rcx=0 rax=3 rdx=0", "#GP"},
		{"0f 01 d1", "cpl3 rcx=0 rax=3 rdx=0", "#UD"},
	})
}

// TestXSaveFaults: what comes before anything is saved or loaded.
func TestXSaveFaults(t *testing.T) {
	for _, code := range []string{"0f ae 23", "0f ae 33", "0f c7 23", "0f c7 2b", "0f ae 2b", "0f c7 1b"} { // XSAVE XSAVEOPT XSAVEC XSAVES XRSTOR XRSTORS
		runOps(t, []op{
			{code, "rbx=20000", "#UD"},
			{code, cr4X + "rbx=20020 cr0=80010039", "#NM"},
			{code, cr4X + "rbx=20020", "#GP"},
			{code, cr4X + "rbx=800000000000", "#GP"},
		})
	}
	runOps(t, []op{
		{"0f ae 23", cr4X + "rbx=3ff00", "#PF(2)"},
		{"0f ae 2b", cr4X + "rbx=3ff00", "#PF"},
		{"0f c7 2b", cr4X + "cpl3 rbx=20000", "#GP"},
		{"0f c7 1b", cr4X + "cpl3 rbx=20000", "#GP"},
		{"0f c7 2b", "cpl3 rbx=20000", "#UD"},
	})
}

// An xsaveCase saves a state into an area of CC bytes with a zero header and
// tells what was written: the letters of x87, MXCSR, SSE; and the header.
type xsaveCase struct {
	code, before string
	wrote        string
	bv, comp     uint64
}

const untouched = 0xcccccccccccccccc

// The results are a Zen 4's, but for XSAVES.
var xsaveCases = []xsaveCase{
	{"48 0f ae 23", "rax=3", "x m s", 0, 0},
	{"48 0f ae 23", "rax=1", "x", 0, 0},
	{"48 0f ae 23", "rax=2", "m s", 0, 0},
	{"48 0f ae 23", "rax=0", "", 0, 0},
	{"48 0f ae 23", "rax=3 mxcsr=1fa0", "x m s", 0, 0},
	{"48 0f ae 23", "rax=7 x9=01", "x m s", 2, 0},
	{"48 0f ae 23", "rax=3 fcw=37e", "x m s", 1, 0},
	{"48 0f ae 33", "rax=3", "m", 0, 0},
	{"48 0f ae 33", "rax=3 mxcsr=1fa0", "m", 0, 0},
	{"48 0f ae 33", "rax=3 x9=01", "m s", 2, 0},
	{"48 0f ae 33", "rax=3 tags=80", "x m", 1, 0},
	{"48 0f ae 33", "rax=1 x9=01", "", 0, 0},
	{"48 0f c7 23", "rax=3", "", 0, 1<<63 | 3},
	{"48 0f c7 23", "rax=3 mxcsr=1fa0", "m s", 2, 1<<63 | 3},
	{"48 0f c7 23", "rax=3 x9=01 fsw=800", "x m s", 3, 1<<63 | 3},
	{"48 0f c7 23", "rax=1 x9=01", "", 0, 1<<63 | 1},
	{"48 0f c7 2b", "rax=3 x9=01", "m s", 2, 1<<63 | 3},
}

func TestXSave(t *testing.T) {
	for _, x := range xsaveCases {
		r := newXRig(t, x.code, x.before)
		area := r.ram[rigData:][:xArea]
		for i := range area {
			area[i] = 0xcc
		}
		clear(area[xHeader : xHeader+16])
		if r.steps(1) != outLook || r.c.err != nil {
			t.Errorf("%q %s: %+v %v", x.code, x.before, r.c.Fault, r.c.err)
			continue
		}
		var wrote []string
		for _, p := range []struct {
			name string
			at   int
		}{{"x", 0}, {"m", 24}, {"s", 160}} {
			if le[uint64](area[p.at:]) != untouched {
				wrote = append(wrote, p.name)
			}
		}
		bv, comp := le[uint64](area[xHeader:]), le[uint64](area[xHeader+8:])
		if got := strings.Join(wrote, " "); got != x.wrote || bv != x.bv || comp != x.comp || le[uint64](area[xHeader+16:]) != untouched {
			t.Errorf("%q %s: wrote %q, header %x %x; want %q, %x %x", x.code, x.before, got, bv, comp, x.wrote, x.bv, x.comp)
		}
	}
}

// An xrstorCase loads an area in which FCW is 33F, MXCSR 1FA0 and the first
// register 7 each, into registers of which FCW is 37E, MXCSR 1F81, XMM0 and R0 9.
type xrstorCase struct {
	code, before string
	bv, comp     uint64
	at           int // byte of the area that is made FF; 0 for none
	after        string
}

// The results are a Zen 4's, but for XRSTORS.
var xrstorCases = []xrstorCase{
	{"48 0f ae 2b", "rax=3", 3, 0, 0, "fcw=340 mxcsr=1fa0 x0=07 p0=07"},
	{"48 0f ae 2b", "rax=1", 3, 0, 0, "fcw=340 p0=07"},
	{"48 0f ae 2b", "rax=2", 3, 0, 0, "mxcsr=1fa0 x0=07"},
	{"48 0f ae 2b", "rax=0", 3, 0, 26, ""},
	{"48 0f ae 2b", "rax=3", 0, 0, 0, "fcw=37f mxcsr=1fa0 x0=00 p0=00"}, // MXCSR is loaded all the same
	{"48 0f ae 2b", "rax=1", 0, 0, 26, "fcw=37f p0=00"},
	{"48 0f ae 2b", "rax=3", 0, 1<<63 | 3, 26, "fcw=37f mxcsr=1f80 x0=00 p0=00"},
	{"48 0f ae 2b", "rax=3", 2, 1<<63 | 2, 0, "fcw=37f mxcsr=1fa0 x0=07 p0=00"},
	{"48 0f ae 2b", "rax=3", 0, 0, 26, "#GP"}, // reserved bits of MXCSR
	{"48 0f ae 2b", "rax=3", 7, 0, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 1 << 63, 0, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 1, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 1<<63 | 1, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 1<<63 | 7, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 1<<63 | 3, 1<<63 | 3, 0, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 0, 528, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 0, 536, "fcw=340 mxcsr=1fa0 x0=07 p0=07"},
	{"48 0f ae 2b", "rax=3", 3, 1<<63 | 3, 536, "#GP"},
	{"48 0f ae 2b", "rax=3", 3, 1<<63 | 3, 575, "#GP"},
	{"48 0f c7 1b", "rax=3", 3, 1<<63 | 3, 0, "fcw=340 mxcsr=1fa0 x0=07 p0=07"},
	{"48 0f c7 1b", "rax=3", 3, 0, 0, "#GP"}, // the standard format
}

func TestXRstor(t *testing.T) {
	for _, x := range xrstorCases {
		r := newXRig(t, x.code, "fcw=37e mxcsr=1f81 x0=09 p0=09 "+x.before)
		area := r.ram[rigData:][:xArea]
		putLE(area, uint64(0x340))
		putLE(area[24:], uint32(0x1fa0))
		area[32], area[160] = 7, 7
		putLE(area[xHeader:], x.bv)
		putLE(area[xHeader+8:], x.comp)
		if x.at != 0 {
			area[x.at] = 0xff
		}
		want, fault := *r.c, ""
		for _, w := range strings.Fields(x.after) {
			if fault = w; w[0] != '#' {
				fault = ""
				if err := assign(&want, r.ram, w); err != nil {
					t.Fatal(err)
				}
			}
		}
		out, got := r.steps(1), ""
		if out == outFault {
			got = "#" + vectorNames[r.c.Fault.Vector]
		}
		if d := compareVector(r.c, &want); got != fault || len(d) != 0 || r.c.err != nil {
			t.Errorf("%q %s, header %x %x, byte %d: %s, want %s; %s %v", x.code, x.before, x.bv, x.comp, x.at, got, fault, strings.Join(d, "; "), r.c.err)
		}
	}
}

// newXRig is a rig about to run code in 64-bit ring 0, with OSXSAVE and RBX at
// rigData.
func newXRig(t *testing.T, code, before string) *rig {
	t.Helper()
	r := newRig(x86.Mode64, 0)
	b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	copy(r.ram[rigCode:], b)
	for _, w := range strings.Fields(cr4X + "rbx=20000 rdx=0 " + before) {
		if err := assign(r.c, r.ram, w); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestXSaveLeaf: CPUID says what the instructions do (SDM vol. 1, 13.2).
func TestXSaveLeaf(t *testing.T) {
	c := newRig(x86.Mode64, 0).c
	for _, x := range []struct {
		cr4           uint64
		leaf, sub     uint32
		a, b, cx, and uint32
	}{
		{0, 0xd, 0, 3, 576, 576, ^uint32(0)},
		{0, 0xd, 1, 15, 576, 0, ^uint32(0)},
		{0, 0xd, 2, 0, 0, 0, ^uint32(0)},
		{0, 1, 0, 0, 0, 1 << 26, 3 << 26}, // XSAVE, and OSXSAVE as CR4 has it
		{cpu.CR4OSXSAVE, 1, 0, 0, 0, 3 << 26, 3 << 26},
	} {
		c.CR4 = x.cr4
		a, b, cx, _ := c.CPUID(x.leaf, x.sub)
		if x.leaf == 0xd && (a != x.a || b != x.b) || cx&x.and != x.cx {
			t.Errorf("CPUID %x.%x with CR4 %x: %x %x %x", x.leaf, x.sub, x.cr4, a, b, cx)
		}
	}
}
