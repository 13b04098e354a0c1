package interp

import (
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// TestSystem: who may do what, and what is not there (SDM vol. 2; AMD APM vol. 3).
func TestSystem(t *testing.T) {
	runOps(t, []op{
		{"0f 01 cb", "cpl3", "#UD"},                          // stac
		{"0f 01 ca", "cpl3", "#UD"},                          // clac
		{"0f 01 c8", "", "#UD"},                              // monitor: not claimed
		{"0f 01 c9", "", "#UD"},                              // mwait: not claimed
		{"66 0f 38 82 03", "rax=4 rbx=20000", "#GP"},         // invpcid: no such type
		{"66 0f 38 82 03", "rax=100000000 rbx=20000", "#GP"}, // invpcid
		{"66 0f 38 82 03", "rbx=20000 cpl3", "#GP"},          // invpcid
		{"66 0f 38 82 c0", "", "#UD"},                        // invpcid of a register
		{"f0 0f 22 c0", "rax=80000033", "#UD"},               // lock mov cr0: CR8 on AMD's, not claimed
		{"0f 20 c8", "", "#UD"},                              // mov rax, cr1
		{"0f 22 e8", "", "#UD"},                              // mov cr5, rax
		{"0f 20 c0", "cpl3", "#GP"},                          // mov rax, cr0
		{"0f 20 c0", "", "rax=80010033"},                     // mov rax, cr0
		{"0f 22 c0", "rax=180010033", "#GP"},                 // mov cr0, rax
		{"0f 22 c0", "rax=80000000", "#GP"},                  // mov cr0, rax: PG without PE
		{"0f 22 d8", "rax=10000001000", "#GP"},               // mov cr3, rax: bit 40
		{"0f 22 e0", "rax=400620", "#GP"},                    // mov cr4, rax: PKE, not claimed
		{"0f 01 ee", "", "#UD"},                              // rdpkru
		{"0f 01 ef", "", "#UD"},                              // wrpkru
		{"0f 22 e0", "rax=600", "#GP"},                       // mov cr4, rax: PAE
		{"44 0f 22 c0", "rax=10", "#GP"},                     // mov cr8, rax
		{"44 0f 22 c0", "rax=f", ""},                         // mov cr8, rax
		{"0f 21 c0", "cpl3", "#GP"},                          // mov rax, dr0
		{"0f 23 c0", "cpl3", "#GP"},                          // mov dr0, rax
		{"0f 21 f0", "", "rax=0"},                            // mov rax, dr6; the rig leaves it 0
		{"0f 30", "ecx=c0000082 edx=800000 eax=0", "#GP"},    // wrmsr: not canonical
		{"0f 32", "ecx=3b", "#GP"},                           // rdmsr: TSC_ADJUST is not there
		{"0f 32", "ecx=10 cpl3", "#GP"},                      // rdmsr
		{"f4", "cpl3", "#GP"},                                // hlt
		{"0f 06", "cpl3", "#GP"},                             // clts
		{"0f 01 3b", "rbx=20000 cpl3", "#GP"},                // invlpg
	})
}

// TestAlignment: SDM vol. 3A, 6.15, #AC: in ring 3 with CR0.AM and RFLAGS.AC.
func TestAlignment(t *testing.T) {
	for _, e := range []struct {
		name   string
		cpl    uint8
		am, ac bool
		la     uint64
		want   string
	}{
		{"odd", 3, true, true, rigData + 1, "#AC"},
		{"aligned", 3, true, true, rigData + 4, ""},
		{"ring 0", 0, true, true, rigData + 1, ""},
		{"AM clear", 3, false, true, rigData + 1, ""},
		{"AC clear", 3, true, false, rigData + 1, ""},
		{"before a page fault", 3, true, true, rigAbsent + 1, "#AC"},
		{"a page fault", 3, true, true, rigAbsent, "#PF"},
	} {
		if got := aligned(e.cpl, e.am, e.ac, e.la); got != e.want {
			t.Errorf("%s: %q, want %q", e.name, got, e.want)
		}
	}
}

// aligned reads a doubleword at la and tells what that raises.
func aligned(cpl uint8, am, ac bool, la uint64) string {
	r := newRig(x86.Mode64, cpl)
	if am {
		r.c.CR0 |= cpu.CR0AM
	}
	if ac {
		r.c.RFLAGS |= cpu.FlagAC
	}
	r.c.recode()
	r.c.R[x86.RBX] = la
	copy(r.ram[rigCode:], "\x8b\x03")
	if r.steps(1) == outFault {
		return "#" + vectorNames[r.c.Fault.Vector]
	}
	return ""
}

// TestClaimedForms: every form whose feature CPUID claims has a routine for each
// of its operand sizes.
func TestClaimedForms(t *testing.T) {
	for i := range x86.Table {
		f := &x86.Table[i]
		if !cpu.Claims(f.Feature) {
			continue
		}
		for _, m := range [...]x86.Mode{x86.Mode64, x86.Mode32, x86.Mode16} {
			for _, n := range f.Sizes(m) {
				if semantics[f.Sem].of(n) == nil {
					t.Errorf("%s, mode %d, operand size %d: no routine", f.Text, m, n)
				}
			}
		}
	}
}
