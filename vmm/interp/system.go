package interp

import (
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// systemRows: control and debug registers, descriptor tables, MSRs, far
// transfers, interrupts, ports. Rows with priv or privud are guarded by decoding.
var systemRows = []row{
	{x86.SemUd, one(raiseUD)},
	{x86.SemMovfromcr, one(movFromCR)},
	{x86.SemMovtocr, one(movToCR)},
	{x86.SemMovfromdr, one(movFromDR)},
	{x86.SemMovtodr, one(movToDR)},
	{x86.SemClac, one(func(c *CPU, _ *Op) { c.RFLAGS &^= cpu.FlagAC; c.pickTLB() })},
	{x86.SemStac, one(func(c *CPU, _ *Op) { c.RFLAGS |= cpu.FlagAC; c.pickTLB() })},
	{x86.SemClts, one(func(c *CPU, o *Op) { c.CR0 &^= cpu.CR0TS; c.recoded() })},
	{x86.SemLmsw, one(lmsw)},
	{x86.SemSmsw, one(func(c *CPU, o *Op) { c.umip(); setWord(c, o, c.CR0) })},
	{x86.SemSldt, one(func(c *CPU, o *Op) { c.umip(); setWord(c, o, uint64(c.LDTR.Sel)) })},
	{x86.SemStr, one(func(c *CPU, o *Op) { c.umip(); setWord(c, o, uint64(c.TR.Sel)) })},
	{x86.SemLldt, one(func(c *CPU, o *Op) { c.LoadSystem(false, get[uint16](c, o, 0)) })},
	{x86.SemLtr, one(func(c *CPU, o *Op) { c.LoadSystem(true, get[uint16](c, o, 0)) })},
	{x86.SemSgdt, one(func(c *CPU, o *Op) { c.umip(); storeTable(c, o, c.GDTR) })},
	{x86.SemSidt, one(func(c *CPU, o *Op) { c.umip(); storeTable(c, o, c.IDTR) })},
	{x86.SemLgdt, one(func(c *CPU, o *Op) { c.GDTR = loadTable(c, o) })},
	{x86.SemLidt, one(func(c *CPU, o *Op) { c.IDTR = loadTable(c, o) })},
	{x86.SemLar, one(lar)},
	{x86.SemLsl, one(lsl)},
	{x86.SemVerr, one(func(c *CPU, o *Op) { verify(c, o, false) })},
	{x86.SemVerw, one(func(c *CPU, o *Op) { verify(c, o, true) })},
	{x86.SemInvlpg, one(func(c *CPU, o *Op) {})}, // translations are coherent: nothing to do
	{x86.SemInvpcid, one(invpcid)},
	{x86.SemInvd, one(func(c *CPU, o *Op) {})},
	{x86.SemWbinvd, one(func(c *CPU, o *Op) {})},
	{x86.SemHlt, one(func(c *CPU, o *Op) { c.Halted = true; c.lookAround() })},
	{x86.SemRdmsr, one(rdmsr)},
	{x86.SemWrmsr, one(wrmsr)},
	{x86.SemRdtsc, one(rdtsc)},
	{x86.SemRdtscp, one(func(c *CPU, o *Op) { rdtsc(c, o); c.R[x86.RCX] = c.TSCAux & 0xffffffff })},
	{x86.SemRdpmc, one(rdpmc)},
	{x86.SemCpuid, one(cpuid)},
	{x86.SemSwapgs, one(swapgs)},
	{x86.SemSyscall, one(syscall)},
	{x86.SemSysret, one(sysret)},
	{x86.SemSysenter, one(sysenter)},
	{x86.SemSysexit, one(sysexit)},
	{x86.SemArpl, one(arpl)},
	{x86.SemRdfsbase, one(func(c *CPU, o *Op) { c.fsgsbase(); setY(c, o, c.Seg[x86.FS].Base) })},
	{x86.SemRdgsbase, one(func(c *CPU, o *Op) { c.fsgsbase(); setY(c, o, c.Seg[x86.GS].Base) })},
	{x86.SemWrfsbase, one(func(c *CPU, o *Op) { c.fsgsbase(); c.Seg[x86.FS].Base = getBase(c, o) })},
	{x86.SemWrgsbase, one(func(c *CPU, o *Op) { c.fsgsbase(); c.Seg[x86.GS].Base = getBase(c, o) })},
	{x86.SemCli, one(cli)},
	{x86.SemSti, one(sti)},
	{x86.SemPushf, routine{nil, pushf[uint16], pushf[uint32], pushf[uint64]}},
	{x86.SemPopf, routine{nil, popf[uint16], popf[uint32], popf[uint64]}},
	{x86.SemMovtoseg, one(movToSeg)},
	{x86.SemMovfromseg, one(func(c *CPU, o *Op) { setWord(c, o, uint64(c.Seg[o.Args[1].Reg].Sel)) })},
	{x86.SemPushseg, routine{nil, pushSeg[uint16], pushSeg[uint32], pushSeg[uint64]}},
	{x86.SemPopseg, routine{nil, popSeg[uint16], popSeg[uint32], popSeg[uint64]}},
	{x86.SemLoadfar, one(loadFar)},
	{x86.SemJmpfar, one(jmpFar)},
	{x86.SemCallfar, one(callFar)},
	{x86.SemRetfar, one(retFar)},
	{x86.SemIret, one(iret)},
	{x86.SemInt, one(func(c *CPU, o *Op) { softInt(c, o, uint8(o.Imm), false) })},
	{x86.SemInt3, one(func(c *CPU, o *Op) { softInt(c, o, cpu.BP, false) })},
	{x86.SemInt1, one(func(c *CPU, o *Op) { softInt(c, o, cpu.DB, true) })},
	{x86.SemInto, one(func(c *CPU, o *Op) {
		if c.of() {
			softInt(c, o, cpu.OF, false)
		}
	})},
}

// lookAround leaves the block after the current instruction.
func (c *CPU) lookAround() {
	if c.leave == stay {
		c.leave = after
	}
}

// recoded leaves the block after an instruction that changed what guards depend on.
func (c *CPU) recoded() { c.Recode = true; c.lookAround() }

// moved says that cpu.Core wrote RIP.
func (c *CPU) moved() { c.leave = jumped }

// umip raises #GP(0) where UMIP forbids (SDM vol. 3A, 2.5).
func (c *CPU) umip() {
	if c.CR4&cpu.CR4UMIP != 0 && c.cpl != 0 {
		c.GP(0)
	}
}

// setWord writes a selector or machine status: OpSize bytes to a register, 2 to memory.
func setWord(c *CPU, o *Op, v uint64) {
	a := &o.Args[0]
	switch {
	case a.Kind == x86.Mem:
		set(c, o, 0, uint16(v))
	case o.OpSize == 2:
		setReg(c, a, uint16(v))
	case o.OpSize == 4:
		setReg(c, a, uint32(v))
	default:
		setReg(c, a, v)
	}
}

func setY(c *CPU, o *Op, v uint64) {
	if o.Args[0].Size == 4 {
		v &= 0xffffffff
	}
	c.R[o.Args[0].Reg&15] = v
}

func getBase(c *CPU, o *Op) uint64 {
	v := c.R[o.Args[0].Reg&15]
	if o.Args[0].Size == 4 {
		return v & 0xffffffff
	}
	if !cpu.Canonical(v) {
		c.GP(0)
	}
	return v
}

func (c *CPU) fsgsbase() {
	if c.CR4&cpu.CR4FSGSBASE == 0 {
		c.UD()
	}
}

func movFromCR(c *CPU, o *Op) {
	var v uint64
	switch o.Args[1].Reg {
	case 0:
		v = c.CR0
	case 2:
		v = c.CR2
	case 3:
		v = c.CR3
	case 4:
		v = c.CR4
	case 8:
		c.SetClock()
		v = uint64(c.Bus.TPR())
	default:
		c.UD()
	}
	c.R[o.Args[0].Reg&15] = v & addrMask(o.Args[0].Size)
}

func movToCR(c *CPU, o *Op) {
	v := c.R[o.Args[1].Reg&15] & addrMask(o.Args[1].Size)
	switch o.Args[0].Reg {
	case 0:
		c.SetCR0(v)
	case 2:
		c.CR2 = v
	case 3:
		c.SetCR3(v)
	case 4:
		c.SetCR4(v)
	case 8:
		if v&^15 != 0 {
			c.GP(0)
		}
		c.SetClock()
		c.Bus.SetTPR(uint8(v))
	default:
		c.UD()
	}
	c.lookAround()
}

// invpcidTypes is how many kinds of invalidation there are.
const invpcidTypes = 4

func invpcid(c *CPU, o *Op) {
	kind := c.R[o.Args[0].Reg&15] & addrMask(o.Args[0].Size)
	if kind >= invpcidTypes {
		c.GP(0)
	}
	la := c.ea(o, 16)
	c.probe(la, 16, false)
	c.INVPCID(kind, load[uint64](c, la), load[uint64](c, c.wrap(la+8)))
}

func movFromDR(c *CPU, o *Op) {
	c.R[o.Args[0].Reg&15] = c.ReadDR(o.Args[1].Reg) & addrMask(o.Args[0].Size)
}

func movToDR(c *CPU, o *Op) {
	c.WriteDR(o.Args[0].Reg, c.R[o.Args[1].Reg&15]&addrMask(o.Args[1].Size))
	c.lookAround()
}

func lmsw(c *CPU, o *Op) {
	v := uint64(get[uint16](c, o, 0))
	c.SetCR0(c.CR0&^0xe | c.CR0&1 | v&0xf)
	c.lookAround()
}

// tableBytes is the size of the base in a descriptor-table operand.
func tableBytes(c *CPU) int {
	if c.mode == x86.Mode64 {
		return 8
	}
	return 4
}

func storeTable(c *CPU, o *Op, t cpu.TableReg) {
	n := tableBytes(c)
	la := c.eaW(o, 2+n)
	c.probe(la, 2+n, true)
	store(c, la, t.Limit)
	if n == 8 {
		store(c, c.wrap(la+2), t.Base)
	} else {
		store(c, c.wrap(la+2), uint32(t.Base))
	}
}

func loadTable(c *CPU, o *Op) (t cpu.TableReg) {
	n := tableBytes(c)
	la := c.ea(o, 2+n)
	t.Limit = load[uint16](c, la)
	if n == 8 {
		t.Base = load[uint64](c, c.wrap(la+2))
		if !cpu.Canonical(t.Base) {
			c.GP(0)
		}
		return t
	}
	t.Base = uint64(load[uint32](c, c.wrap(la+2)))
	if o.OpSize == 2 {
		t.Base &= 0xffffff
	}
	return t
}

func lar(c *CPU, o *Op) {
	v, _, ok := c.Inspect(get[uint16](c, o, 1), false)
	c.setZF(ok)
	if ok {
		setOp(c, o, v)
	}
}

func lsl(c *CPU, o *Op) {
	_, v, ok := c.Inspect(get[uint16](c, o, 1), true)
	c.setZF(ok)
	if ok {
		setOp(c, o, v)
	}
}

func setOp(c *CPU, o *Op, v uint64) {
	if o.OpSize == 2 {
		setReg(c, &o.Args[0], uint16(v))
	} else {
		setReg(c, &o.Args[0], v)
	}
}

func verify(c *CPU, o *Op, write bool) { c.setZF(c.Verify(get[uint16](c, o, 0), write)) }

// setZF replaces ZF only.
func (c *CPU) setZF(v bool) {
	f := c.flags() &^ cpu.FlagZF
	if v {
		f |= cpu.FlagZF
	}
	c.setFlags(f)
}

func rdmsr(c *CPU, o *Op) {
	c.heedMSR(false)
	c.SetClock()
	v := c.ReadMSR(uint32(c.R[x86.RCX]))
	c.R[x86.RAX], c.R[x86.RDX] = v&0xffffffff, v>>32
}

func wrmsr(c *CPU, o *Op) {
	c.heedMSR(true)
	c.SetClock()
	c.WriteMSR(uint32(c.R[x86.RCX]), c.R[x86.RDX]<<32|c.R[x86.RAX]&0xffffffff)
}

func rdtsc(c *CPU, o *Op) {
	if c.CR4&cpu.CR4TSD != 0 && c.cpl != 0 {
		c.GP(0)
	}
	c.SetClock()
	v := c.TSC()
	c.R[x86.RAX], c.R[x86.RDX] = v&0xffffffff, v>>32
}

// rdpmc reads the pseudo-counters of the backdoor's convention, which every
// ring may use; there are no performance counters of our own.
func rdpmc(c *CPU, o *Op) {
	c.SetClock()
	ns := vmm.MulDiv(c.Bus.TSC(), 1e9, c.Bus.Hz())
	v := uint64(0)
	switch uint32(c.R[x86.RCX]) {
	case 0x10000:
		v = c.Bus.TSC()
	case 0x10001, 0x10002:
		v = ns
	default:
		c.GP(0)
	}
	c.R[x86.RAX], c.R[x86.RDX] = v&0xffffffff, v>>32
}

func cpuid(c *CPU, o *Op) {
	a, b, cx, d := c.CPUID(uint32(c.R[x86.RAX]), uint32(c.R[x86.RCX]))
	c.R[x86.RAX], c.R[x86.RBX], c.R[x86.RCX], c.R[x86.RDX] = uint64(a), uint64(b), uint64(cx), uint64(d)
}

func swapgs(c *CPU, o *Op) {
	c.Seg[x86.GS].Base, c.KernelGSBase = c.KernelGSBase, c.Seg[x86.GS].Base
}

func syscall(c *CPU, o *Op) {
	c.syncFlags()
	c.Syscall(c.next(o))
	c.loadFlags()
	c.stepAfter()
	c.moved()
}

// cli and sti obey IOPL; protected-mode virtual interrupts are not claimed.
func cli(c *CPU, o *Op) {
	c.ioplOnly()
	c.RFLAGS &^= cpu.FlagIF
}

// sti holds interrupts for one more instruction when it sets IF (SDM vol. 2B, STI).
func sti(c *CPU, o *Op) {
	c.ioplOnly()
	if c.RFLAGS&cpu.FlagIF == 0 {
		c.RFLAGS |= cpu.FlagIF
		c.Shadow |= cpu.ShadowSTI
	}
	c.lookAround()
}

func (c *CPU) ioplOnly() {
	if uint64(c.cpl) > c.RFLAGS>>12&3 {
		c.GP(0)
	}
}

// pushf pushes RFLAGS without RF and VM.
func pushf[T width](c *CPU, o *Op) { push(c, T(c.flags()&^(cpu.FlagRF|cpu.FlagVM))) }

// popf changes IOPL in ring 0 only, IF where IOPL allows, RF to 0, VM, VIF and
// VIP never (SDM vol. 2B, POPF).
func popf[T width](c *CPU, o *Op) {
	v := uint64(pop[T](c))
	mask := uint64(cpu.FlagsAll &^ (cpu.FlagIOPL | cpu.FlagIF | cpu.FlagRF | cpu.FlagVM | cpu.FlagVIF | cpu.FlagVIP))
	if c.cpl == 0 {
		mask |= cpu.FlagIOPL
	}
	if uint64(c.cpl) <= c.RFLAGS>>12&3 {
		mask |= cpu.FlagIF
	}
	mask &= uint64(^T(0))
	c.Recode = c.Recode || (c.RFLAGS^v)&mask&cpu.FlagAC != 0
	c.setFlags((c.flags()&^mask | v&mask) &^ cpu.FlagRF)
	c.lookAround()
}

// movToSeg holds interrupts for one instruction after a load of SS.
func movToSeg(c *CPU, o *Op) {
	r := o.Args[0].Reg
	if r == x86.CS || r > x86.GS {
		c.UD()
	}
	c.LoadSeg(int(r), get[uint16](c, o, 1))
	if r == x86.SS {
		c.Shadow |= cpu.ShadowMovSS
	}
	c.lookAround()
}

func pushSeg[T width](c *CPU, o *Op) { push(c, T(c.Seg[o.Args[0].Reg].Sel)) }

func popSeg[T width](c *CPU, o *Op) {
	v, r, m := uint16(top[T](c, 0)), o.Args[0].Reg, c.stackMask()
	c.LoadSeg(int(r), v)
	c.setSPAs(m, c.R[x86.RSP]+uint64(size[T]()))
	if r == x86.SS {
		c.Shadow |= cpu.ShadowMovSS
	}
	c.lookAround()
}
