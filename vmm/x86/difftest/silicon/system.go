package silicon

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// system instructions depend on nothing but what both sides have alike
// (descriptors, IOPL 0, no I/O permission bitmap, UMIP), or on what the
// functions below leave out.
var system = []x86.Sem{x86.SemMovtoseg, x86.SemLoadfar, x86.SemPopseg, x86.SemCallfar, x86.SemJmpfar, x86.SemRetfar,
	x86.SemInt3, x86.SemInt, x86.SemInto, x86.SemInt1, x86.SemIret, x86.SemBound, x86.SemIns, x86.SemOuts, x86.SemIn, x86.SemOut,
	x86.SemCli, x86.SemSti, x86.SemVerr, x86.SemVerw, x86.SemLar, x86.SemLsl, x86.SemArpl,
	x86.SemXsave, x86.SemXsaveopt, x86.SemXsavec, x86.SemXrstor, x86.SemXgetbv,
	x86.SemCpuid, x86.SemRdtsc, x86.SemRdtscp, x86.SemRdpid, x86.SemRdpmc, x86.SemRdrand, x86.SemRdseed,
	x86.SemRdfsbase, x86.SemRdgsbase, x86.SemWrfsbase, x86.SemWrgsbase,
	x86.SemSgdt, x86.SemSidt, x86.SemSldt, x86.SemStr, x86.SemSmsw, x86.SemSyscall, x86.SemSysenter}

var (
	hidden  = []x86.Sem{x86.SemSgdt, x86.SemSidt, x86.SemSldt, x86.SemStr, x86.SemSmsw} // by UMIP
	bases   = []x86.Sem{x86.SemRdfsbase, x86.SemRdgsbase, x86.SemWrfsbase, x86.SemWrgsbase}
	segLoad = []x86.Sem{x86.SemMovtoseg, x86.SemPopseg, x86.SemLoadfar}
)

// enosys is what Linux answers to a system call that it does not have: -38.
// Our side has a handler of three instructions that does the same.
var enosys = []byte{0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0x48, 0x0f, 0x07} // MOV RAX, -38; SYSRET

// syscallMask is SFMASK as Linux sets it (arch/x86/kernel/cpu/common.c,
// idt_syscall_init).
const syscallMask = cpu.FlagsArith | cpu.FlagTF | cpu.FlagIF | cpu.FlagDF | cpu.FlagIOPL | cpu.FlagNT | cpu.FlagRF | cpu.FlagAC | cpu.FlagID

// noCall chooses a number that no system call has, whatever RAX's upper half.
func (p *plan) noCall() { p.c.R[x86.RAX] = p.Uint64()<<32 | 0x1000 + p.Uint64N(0x3ffff000) }

// chooseBases gives FS and GS bases in 64-bit code; else they are their
// segments'.
func (p *plan) chooseBases() {
	for i := range p.c.Base {
		p.c.Base[i] = base(p.c.Sel[x86.FS+i])
		if p.unit.Mode == x86.Mode64 {
			p.c.Base[i] = choose(p.rng, 0, 0, 0, p.Uint64N(pageBytes), dataAt, p.Uint64()>>17, -(p.Uint64() >> 17))
		}
	}
}

// strayOffset makes equal what AMD processors do with an offset in FS or GS that
// is not canonical, though the linear address is.
func strayOffset(c *Case, host, ours *Outcome) {
	seg := c.Inst.Mem.Seg
	if c.Mode != x86.Mode64 || seg < x86.FS || host.Vector != cpu.GP || ours.Vector == cpu.GP {
		return
	}
	off := c.address() - c.wideBase(seg)
	switch c.Inst.Sem {
	case x86.SemMovs, x86.SemCmps, x86.SemLods:
		off = c.R[x86.RSI]
	case x86.SemMaskmov:
		off = c.R[x86.RDI]
	case x86.SemXlat:
		off = c.R[x86.RBX] + c.R[x86.RAX]&0xff
	case x86.SemBt, x86.SemBts, x86.SemBtr, x86.SemBtc: // and their bit's
		unused := 64 - 8*c.Inst.OpSize
		off += uint64(int64(c.R[c.Inst.Args[1].Reg]<<unused) >> unused >> 3)
	}
	if !cpu.Canonical(off) || !cpu.Canonical(off+15) {
		*ours = *host
	}
}

// low makes the low bytes of a register equal: they are what they are; those
// above must be as they should.
func low(host, ours *Outcome, reg, bytes uint8) {
	m := ^uint64(0) >> (64 - 8*bytes)
	ours.R[reg] = ours.R[reg]&^m | host.R[reg]&m
}

// told makes equal what the processor tells about itself, in 32 bits each.
func told(regs ...uint8) func(c *Case, host, ours *Outcome) {
	return func(c *Case, host, ours *Outcome) {
		if c.done(host, ours) {
			for _, r := range regs {
				low(host, ours, r, 4)
			}
		}
	}
}

// only applies a function to cases of some instructions.
func only(apply func(c *Case, host, ours *Outcome), sems ...x86.Sem) func(c *Case, host, ours *Outcome) {
	return func(c *Case, host, ours *Outcome) {
		if oneOf(c.Inst.Sem, sems) {
			apply(c, host, ours)
		}
	}
}

// named makes the register operand equal: numbers of RDRAND and RDSEED, where
// both have one, and RDPID's.
func named(c *Case, host, ours *Outcome) {
	switch {
	case !c.done(host, ours):
	case c.Inst.Sem == x86.SemRdpid:
		low(host, ours, c.Inst.Args[0].Reg, 4)
	case host.Flags&cpu.FlagCF != 0:
		low(host, ours, c.Inst.Args[0].Reg, c.Inst.OpSize)
	case host.Flags&cpu.FlagsArith == 0 && host.R[c.Inst.Args[0].Reg]&(1<<(8*c.Inst.OpSize-1)<<1-1) == 0: // there was none
		*ours = *host
	}
}

// done tells whether both sides have carried the instruction out.
func (c *Case) done(host, ours *Outcome) bool { return host.RIP != c.RIP && host.RIP == ours.RIP }

// ended tells whether a case ended without an exception of its own.
func (o *Outcome) ended() bool { return o.Vector == cpu.BP || o.Vector == cpu.DB }
