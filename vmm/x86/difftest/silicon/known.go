package silicon

import (
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Units lists what can be run: every row that the mode has in every size of
// its operands, 64-bit mode first.
func Units() (list []Unit) {
	for _, mode := range []x86.Mode{x86.Mode64, x86.Mode32} {
		for row := range uint16(len(x86.Table)) {
			if Excluded(row, mode) != "" {
				continue
			}
			if (Unit{Row: row, Mode: mode}).undefined() {
				list = append(list, Unit{Row: row, Mode: mode})
				continue
			}
			for _, size := range x86.Table[row].Sizes(mode) {
				list = append(list, Unit{row, mode, size})
			}
		}
	}
	return list
}

// undefined tells whether the row is #UD by architecture, in its mode at least.
func (u Unit) undefined() bool {
	f := &x86.Table[u.Row]
	return f.Sem == x86.SemUd || !f.Valid(u.Mode)
}

// Excluded tells why a row is not run in a mode; the empty string if it is.
func Excluded(row uint16, mode x86.Mode) string {
	f := &x86.Table[row]
	switch {
	case !f.Valid(mode):
		for seq := range 16 {
			if _, ok := Generate(0, Unit{Row: row, Mode: mode}, seq, Place{}); ok {
				return ""
			}
		}
		return "another instruction in this mode"
	case !cpu.Claims(f.Feature) && f.Attr&x86.AttrPrivud == 0:
		return "belongs to " + f.Feature.String() + ", which is not claimed"
	case f.Attr&x86.AttrSys != 0 && f.Attr&(x86.AttrPriv|x86.AttrPrivud) == 0 && !oneOf(f.Sem, system):
		return "depends on the operating system or on this processor"
	case f.Sem == x86.SemSyscall && mode != x86.Mode64:
		return "depends on the operating system, which takes arguments from the stack"
	}
	name, _, _ := strings.Cut(f.Text, " ")
	for _, e := range excluded {
		if e.name == name && (f.Sem == x86.SemUd) == e.ud {
			return e.why
		}
	}
	return ""
}

// An Unrun is a form that is not run in any mode.
type Unrun struct{ Form, Why string }

// NotRun lists them.
func NotRun() (list []Unrun) {
	for row := range uint16(len(x86.Table)) {
		wide, narrow := Excluded(row, x86.Mode64), Excluded(row, x86.Mode32)
		if !x86.Table[row].Valid(x86.Mode64) {
			wide = narrow
		}
		if wide != "" && narrow != "" {
			list = append(list, Unrun{x86.Table[row].Text, wide})
		}
	}
	return list
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
	{"RDPKRU", true, "this processor may have it"},
	{"WRPKRU", true, "this processor may have it"},
}

// A host is what computers differ in that cases depend on.
type host struct {
	hasBases   bool // the kernel allows RDFSBASE and its like
	nullClears bool // a null selector clears the base
}

// skip tells that a case is not run: the two processors differ in what they
// have, as rows do in excluded.
func (h host) skip(c *Case) bool {
	in := &c.Inst
	switch {
	case !h.hasBases && c.Mode == x86.Mode64 && c.Base != [2]uint64{}:
		return true
	case !h.nullClears && oneOf(in.Sem, segLoad) && c.Base != [2]uint64{}:
		return true
	}
	switch in.Sem {
	case x86.SemRdpmc:
		return uint32(c.R[x86.RCX])-pseudoPMC < 3
	case x86.SemInt:
		return in.Imm&0xff == 0x80 // a system call
	case x86.SemCallfar:
		// The pushes are 64-bit ones. Where they fault above 4 GiB, Linux takes
		// that for erratum 100 of old processors and tries again for ever.
		return c.Mode != x86.Mode64 && c.farSelector()|3 == selCode
	case x86.SemJmpfar: // the upper half of RSP, which a 16-bit stack leaves undefined, would count
		return c.Mode != x86.Mode64 && c.farSelector()|3 == selCode && segment(c.Sel[x86.SS]).Attr&cpu.AttrD == 0
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

// pseudoPMC is the first of three counters that every ring may read on our
// side, by the convention of the backdoor.
const pseudoPMC = 0x10000

// kernelEdge is where Linux stops telling the truth about page faults: P is
// set in the error codes of higher addresses.
const kernelEdge = 0x7ffffffff000

// mxcsrMM is MXCSR.MM, misaligned SSE (AMD APM vol. 1, 4.2.2), which the host has
// and we do not claim.
const mxcsrMM = 1 << 17

// An Explanation is a difference that is known to be none of ours: Section of
// a manual, or of the host's kernel, tells why. apply makes equal what may
// differ.
type Explanation struct {
	Name    string
	Section string
	apply   func(c *Case, host, ours *Outcome)
	stores  bool // the host may have stored what we did not, also outside the windows
}

// Explanations are tried in this order on a case that differs.
var Explanations = []Explanation{
	{"P in the error code of a page fault above the user's addresses",
		"Linux hides what the kernel has mapped: arch/x86/mm/fault.c, sanitize_error_code",
		func(_ *Case, host, ours *Outcome) {
			if host.Vector == cpu.PF && ours.Vector == cpu.PF && host.Addr >= kernelEdge {
				ours.Code |= 1
				host.Code |= 1
			}
		}, false},
	{"MXCSR.MM can be set", "APM vol. 1, 4.2.2: misaligned SSE, which the host has and we do not claim",
		func(_ *Case, host, ours *Outcome) {
			if host.u32(fxMXCSR)&mxcsrMM != 0 && ours.Vector == cpu.GP {
				*ours = *host
			}
		}, false},
	{"#SS for a stack slot across the canonical border", "APM vol. 2, 8.2.13: either of #SS and #GP",
		func(c *Case, host, ours *Outcome) {
			for _, r := range []int{x86.RSP, x86.RBP} {
				if p := c.R[r]; host.Vector == cpu.SS && ours.Vector == cpu.GP && p < 1<<47 && p+7 >= 1<<47 {
					ours.Vector = cpu.SS
				}
			}
		}, false},
	{"REPE CMPSB that faults on both sides: which of the two is told", "SDM vol. 2A, CMPS: the order of the two reads is not defined",
		func(c *Case, host, ours *Outcome) {
			in := &c.Inst
			if in.Sem == x86.SemCmps && in.OpSize == 1 && in.Prefixes&x86.PrefixRep != 0 && host.refused() && ours.refused() {
				ours.Vector, ours.Code, ours.Addr = host.Vector, host.Code, host.Addr
			}
		}, false},
	{"far CALL beyond the target's limit: pushes come first", "SDM vol. 2A, CALL: the limit is checked before",
		func(c *Case, host, ours *Outcome) {
			if c.Inst.Sem == x86.SemCallfar && (host.refused() || host.Vector == cpu.AC) && ours.Vector == cpu.GP && ours.Code == 0 {
				*ours = *host
			}
		}, true},
	{"far CALL between 64-bit and 32-bit code: the pushes are made in the target's mode", "SDM vol. 2A, CALL: CS is loaded after",
		func(c *Case, host, ours *Outcome) {
			if c.Inst.Sem == x86.SemCallfar && (c.farSelector()|3 == selCode) != (c.Mode == x86.Mode64) {
				*ours = *host
			}
		}, true},
	{"RETF and IRET to an inner ring: the outer stack is read first", "SDM vol. 2B, RET: RPL is compared with CPL before",
		func(c *Case, host, ours *Outcome) {
			far := c.Inst.Sem == x86.SemRetfar || c.Inst.Sem == x86.SemIret
			if far && (host.Vector == cpu.PF || host.Vector == cpu.SS || host.Vector == cpu.AC) && (ours.Vector == cpu.GP || ours.Vector == cpu.NP) {
				*ours = *host
			}
		}, false},
	{"IRET to a target beyond its limit and a bad SS: the limit is told", "SDM vol. 2A, IRET: SS is checked before",
		func(c *Case, host, ours *Outcome) {
			if c.Inst.Sem == x86.SemIret && host.Vector == cpu.GP && host.Code == 0 && ours.refused() {
				ours.Vector, ours.Code, ours.Addr = cpu.GP, 0, 0
			}
		}, false},
	{"x87 images that fault twice: which fault is told", "SDM vol. 3A, table 6-2: faults of one instruction come in the order of its accesses, which is not defined",
		func(c *Case, host, ours *Outcome) {
			if x87Image(c) && (host.refused() || host.Vector == cpu.AC) && ours.refused() {
				ours.Vector, ours.Code, ours.Addr = host.Vector, host.Code, host.Addr
			}
		}, false},
	{"FXSAVE and FXRSTOR across 4 GiB with 32-bit addresses: which page is told", "APM vol. 2, 8.2.15: the order of accesses is not defined",
		func(c *Case, host, ours *Outcome) {
			if fxImage(c) && bothPF(host, ours) && c.Inst.AddrSize == 4 {
				ours.Addr &= 0xffffffff
			}
		}, false},
	{"MXCSR_MASK has MM", "SDM vol. 1, 11.6.6: the mask tells what the processor has",
		func(c *Case, host, ours *Outcome) {
			if w := window(c.address() + fxMXCSR + 4); fxImage(c) && w >= 0 && host.Win[w+2] == ours.Win[w+2]|2 {
				host.Win[w+2] = ours.Win[w+2]
			}
		}, false},
	{"INT1: which RIP is told", "APM vol. 3, INT1: a trap; but KVM on AMD processors tells the instruction's own address",
		func(c *Case, host, ours *Outcome) {
			if c.Inst.Sem == x86.SemInt1 && host.Vector == cpu.DB && ours.Vector == cpu.DB && host.RIP == c.RIP {
				host.RIP = ours.RIP
			}
		}, false},
	{"LOCK VERW in memory is carried out", "SDM vol. 2B, VERR/VERW: #UD if the LOCK prefix is used",
		func(c *Case, host, ours *Outcome) {
			in := &c.Inst
			if x86.Table[in.Row].Sem == x86.SemVerw && in.Prefixes&x86.PrefixLock != 0 && ours.Vector == cpu.UD {
				*ours = *host
			}
		}, false},
	{"XGETBV: components that only the host has", "SDM vol. 1, 13.3: XCR0",
		func(c *Case, host, ours *Outcome) {
			if c.Inst.Sem == x86.SemXgetbv && host.RIP != c.RIP {
				host.R[x86.RAX] &= 3
			}
		}, false},
	{"SGDT, SIDT, SLDT, STR and SMSW: Linux makes an answer up", "Linux, arch/x86/kernel/umip.c; SDM vol. 2, each: #GP(0) if CR4.UMIP and CPL > 0",
		only(func(_ *Case, host, ours *Outcome) {
			if ours.Vector == cpu.GP && ours.Code == 0 {
				*ours = *host
			}
		}, hidden...), true},
	{"RDRAND and RDSEED: the number", "SDM vol. 1, 7.3.17",
		only(named, x86.SemRdrand, x86.SemRdseed), false},
	{"RDTSC: the time", "SDM vol. 3B, 18.17", only(told(x86.RAX, x86.RDX), x86.SemRdtsc), false},
	{"RDTSCP: the time and the processor's number", "SDM vol. 3B, 18.17", only(told(x86.RAX, x86.RDX, x86.RCX), x86.SemRdtscp), false},
	{"RDPID: the processor's number", "SDM vol. 2B, RDPID", only(named, x86.SemRdpid), false},
	{"CPUID: what the processor is", "SDM vol. 2A, CPUID", only(told(x86.RAX, x86.RBX, x86.RCX, x86.RDX), x86.SemCpuid), false},
	{"FS or GS with an offset that is not canonical, and a linear address that is", "SDM vol. 1, 3.3.7.1: linear addresses are to be canonical",
		strayOffset, true},
	{"an undefined opcode whose operands would make it longer than 15 bytes", "SDM vol. 3A, table 6-2: both are faults of decoding, in no order",
		func(c *Case, host, ours *Outcome) {
			const operands = 12 // of XOP: two bytes of prefix and opcode, ModRM, SIB, displacement, immediate
			f := &x86.Table[c.Inst.Row]
			if f.Sem == x86.SemUd && f.Enc.ModRM && c.Inst.Len+operands > x86.MaxLen && host.Vector == cpu.GP && ours.Vector == cpu.UD {
				ours.Vector = cpu.GP
			}
		}, false},
	{"SYSCALL: another error than ENOSYS", "the host's kernel: a seccomp filter",
		only(func(c *Case, host, ours *Outcome) {
			if e := int64(host.R[x86.RAX]); c.done(host, ours) && -4095 <= e && e < 0 {
				ours.R[x86.RAX] = host.R[x86.RAX]
			}
		}, x86.SemSyscall), false},
	{"SSE counted as in use with its registers zero, as happens after a switch of tasks", "SDM vol. 1, 13.6: XINUSE may be 1 for a component in its initial state",
		func(c *Case, host, ours *Outcome) {
			if w := window(c.address() + xsaveHeader); oneOf(c.Inst.Sem, xsaves) && w >= 0 && c.zeroXMM() && host.Win[w] == ours.Win[w]|2 {
				ours.Win = host.Win
			}
			if c.Inst.Sem == x86.SemXgetbv && c.zeroXMM() && host.R[x86.RAX] == ours.R[x86.RAX]|2 {
				ours.R[x86.RAX] = host.R[x86.RAX]
			}
		}, false},
	{"transcendental: the last place, and C1", "SDM vol. 1, 8.3.10: the error is below one unit in the last place, and each maker has its own",
		approximate, false},
	{"ENTER, PUSHA and far CALL that fault: pushes before the fault", "SDM vol. 2A, CALL and ENTER; vol. 2B, PUSHA: memory is not said to be unchanged",
		func(c *Case, host, ours *Outcome) {
			if oneOf(c.Inst.Sem, []x86.Sem{x86.SemEnter, x86.SemPusha, x86.SemCallfar}) && host.Vector == ours.Vector && host.Vector != cpu.BP && host.Vector != cpu.DB {
				ours.Win = host.Win
			}
		}, true},
	{"the selector of Linux's per-processor segment", "Linux: arch/x86/include/asm/segment.h, GDT_ENTRY_CPUNODE",
		func(c *Case, host, ours *Outcome) {
			const perCPU = 15 << 3
			in := &c.Inst
			loads := []x86.Sem{x86.SemLar, x86.SemLsl, x86.SemVerr, x86.SemVerw, x86.SemLoadfar, x86.SemMovtoseg, x86.SemPopseg}
			if oneOf(in.Sem, loads) && c.selector()&^7 == perCPU {
				*ours = *host
			}
		}, false},
}

// selector is what an instruction is to load or look at as a selector; 0 if it
// is not in a window.
func (c *Case) selector() uint16 {
	la, end := c.address(), uint64(2)
	if c.Inst.Sem == x86.SemPopseg {
		la = c.linear(x86.SS, c.R[x86.RSP])
	}
	for i, a := range c.Inst.Args[:c.Inst.NArgs] {
		switch {
		case a.Kind == x86.Mem:
			end = uint64(a.Size)
		case a.Kind == x86.Reg && (i == 1 || c.Inst.NArgs == 1):
			return uint16(c.R[a.Reg])
		}
	}
	lo, hi := window(la+end-2), window(la+end-1)
	if lo < 0 || hi < 0 {
		return 0
	}
	return uint16(c.Win[lo]) | uint16(c.Win[hi])<<8
}

// farSelector is the selector of a far CALL or JMP; 0 if it is not in a window.
func (c *Case) farSelector() uint16 {
	a := c.Inst.Args[0]
	if a.Kind != x86.Mem {
		return uint16(c.Inst.Imm2)
	}
	lo, hi := window(c.address()+uint64(a.Size)-2), window(c.address()+uint64(a.Size)-1)
	if lo < 0 || hi < 0 {
		return 0
	}
	return uint16(c.Win[lo]) | uint16(c.Win[hi])<<8
}

// refused tells whether an access was not allowed.
func (o *Outcome) refused() bool {
	return o.Vector == cpu.PF || o.Vector == cpu.GP || o.Vector == cpu.SS
}

func bothPF(host, ours *Outcome) bool { return host.Vector == cpu.PF && ours.Vector == cpu.PF }

func x87Image(c *Case) bool {
	switch c.Inst.Sem {
	case x86.SemFldenv, x86.SemFnstenv, x86.SemFrstor, x86.SemFnsave:
		return true
	}
	return false
}

func fxImage(c *Case) bool {
	return c.Inst.Sem == x86.SemFxsave || c.Inst.Sem == x86.SemFxrstor || oneOf(c.Inst.Sem, xsaves)
}
