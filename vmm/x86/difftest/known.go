package difftest

import (
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Excluded tells why a row is not run; the empty string if it is.
func Excluded(row uint16) string {
	f := &x86.Table[row]
	switch {
	case !f.Valid(x86.Mode64):
		return "not valid in 64-bit mode"
	case !cpu.Claims(f.Feature):
		return "belongs to " + f.Feature.String() + ", which is not claimed"
	case f.Attr&x86.AttrSys != 0 && f.Attr&x86.AttrPriv == 0:
		return "depends on the operating system or on this processor"
	}
	name, _, _ := strings.Cut(f.Text, " ")
	for _, e := range excluded {
		if e.name == name && (f.Sem == x86.SemUd) == e.ud {
			return e.why
		}
	}
	return ""
}

// excluded rows, by mnemonic.
var excluded = []struct {
	name string
	ud   bool
	why  string
}{
	{"VEX3", true, "this processor has AVX"},
	{"VEX2", true, "this processor has AVX"},
	{"EVEX", true, "this processor has AVX-512"},
	{"VMCALL", true, "for the hypervisor"},
	{"VMMCALL", true, "for the hypervisor"},
	{"VMRUN", true, "depends on EFER.SVME"},
	{"VMLOAD", true, "depends on EFER.SVME"},
	{"VMSAVE", true, "depends on EFER.SVME"},
	{"STGI", true, "depends on EFER.SVME"},
	{"CLGI", true, "depends on EFER.SVME"},
	{"SKINIT", true, "depends on EFER.SVME"},
	{"INVLPGA", true, "depends on EFER.SVME"},
	{"MONITORX", true, "this processor has it"},
	{"MWAITX", true, "this processor has it"},
	{"CLZERO", true, "this processor has it"},
	{"RDPRU", true, "this processor has it"},
	{"INVLPGB", true, "this processor may have it"},
	{"TLBSYNC", true, "this processor may have it"},
	{"VMREAD", true, "SSE4A has these opcodes, which this processor has"},
	{"VMWRITE", true, "SSE4A has these opcodes, which this processor has"},
	{"F2XM1", false, transcendental},
	{"FYL2X", false, transcendental},
	{"FYL2XP1", false, transcendental},
	{"FPTAN", false, transcendental},
	{"FPATAN", false, transcendental},
	{"FSIN", false, transcendental},
	{"FCOS", false, transcendental},
	{"FSINCOS", false, transcendental},
	{"RDPKRU", true, "this processor may have it"},
	{"WRPKRU", true, "this processor may have it"},
}

const transcendental = "transcendental: no two makers' last bits agree; softfp's tests bound the error"

// skip tells that a case is not run: the two processors differ in what they
// have, as rows do in excluded.
func skip(c *Case) bool {
	in := &c.Inst
	switch in.Sem {
	case x86.SemUd:
		f := &x86.Table[in.Row]
		switch {
		case in.Opcode == 0x2b && f.Enc.Map == 1 && in.Prefixes&(x86.PrefixRep|x86.PrefixRepne) != 0:
			return true // SSE4A's MOVNTSS and MOVNTSD
		case in.Opcode&0xfe == 0xce && f.Enc.Map >= 2:
			return true // GFNI
		case in.Prefixes&x86.PrefixLock != 0 && f.Attr&x86.AttrModx != 0:
			return true // LOCK MOV CR0 is MOV CR8 on AMD processors
		}
	}
	return false
}

// kernelEdge is where Linux stops telling the truth about page faults: P is
// set in the error codes of higher addresses.
const kernelEdge = 0x7ffffffff000

// mxcsrMM is MXCSR.MM, misaligned SSE (AMD APM vol. 1, 4.2.2), which the host has
// and we do not claim.
const mxcsrMM = 1 << 17

// forgive makes equal what may differ.
func forgive(c *Case, host, ours *Outcome) {
	if host.Vector == cpu.PF && ours.Vector == cpu.PF && host.Addr >= kernelEdge {
		ours.Code |= 1
		host.Code |= 1
	}
	if host.u32(fxMXCSR)&mxcsrMM != 0 {
		*ours = *host // LDMXCSR and FXRSTOR: ours is right to raise #GP
	}
	if host.Vector == cpu.SS && ours.Vector == cpu.GP && c.R[x86.RSP] < 1<<47 && c.R[x86.RSP]+7 >= 1<<47 {
		ours.Vector = cpu.SS // a stack slot across the canonical border: #GP with us
	}
	switch c.Inst.Sem {
	case x86.SemCmps:
		// REPE CMPSB reads its source first, the others their destination.
		if host.Vector == cpu.PF && ours.Vector == cpu.PF && c.Inst.Prefixes&x86.PrefixRep != 0 && c.Inst.OpSize == 1 {
			ours.Addr = host.Addr
		}
	case x86.SemFxsave, x86.SemFxrstor:
		// The last byte is looked at first, and its address wraps at 4 GiB.
		if host.Vector == cpu.PF && ours.Vector == cpu.PF && c.Inst.AddrSize == 4 {
			ours.Addr &= 0xffffffff
		}
		// FXSAVE's MXCSR_MASK has MM too.
		if w := window(c.address() + fxMXCSR + 4); w >= 0 && host.Win[w+2] == ours.Win[w+2]|2 {
			host.Win[w+2] = ours.Win[w+2]
		}
	case x86.SemEnter:
		// Pushes done before one that faults: seen on the host, not with us.
		if host.Vector == ours.Vector && host.Vector != cpu.BP && host.Vector != cpu.DB {
			ours.Win = host.Win
		}
	}
}
