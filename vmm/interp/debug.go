package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Breakpoints and single steps (SDM vol. 3B, 18.3.1; vol. 3A, 6.8.3, 6.9). At a
// boundary come, in this order: traps of the instruction before it, NMI,
// interrupts; then, before the next instruction is fetched, a code breakpoint.
//
// RF lasts for one instruction. Between two iterations of a REP instruction it
// is set: the frame of what comes in there must have it, and the instruction's
// own breakpoint must not be met again. In single steps it is clear, as on a
// Zen 4.
//
// MOV SS and POP SS hold everything for one boundary: their single-step trap is
// lost, a data breakpoint that they met comes after the next instruction, and a
// code breakpoint on that is ignored. Two in a row hold two, as on a Zen 4. STI
// holds interrupts and NMI, not debug traps.
//
// A data breakpoint met by an instruction that then faults is not reported. One
// held over from MOV SS outlives a fault of the next instruction and traps at
// its handler. Accesses to descriptor tables, task state and frames of
// exceptions count as the instruction's or the delivery's own: cpu.Core.Met.

// codeBreak raises #DB if there is a breakpoint on the next instruction.
func (c *CPU) codeBreak() {
	if b := c.ExecBreaks(c.codeAt(c.RIP)); b != 0 {
		c.Raise(cpu.DB, uint32(b))
	}
}

// codeAt is the linear address of code at ip.
func (c *CPU) codeAt(ip uint64) uint64 {
	if c.flat {
		return ip
	}
	return (c.Seg[x86.CS].Base + ip) & 0xffffffff
}

// before is how many of b's instructions, at RIP, may be run without a look:
// one in a single step, else those before the next breakpoint.
func (c *CPU) before(b *block) int {
	if c.single {
		return 1
	}
	for i := 1; i < len(b.ops); i++ {
		if c.ExecBreaks(c.codeAt(c.here(&b.ops[i]))) != 0 {
			return i
		}
	}
	return len(b.ops)
}

// traps notes what an instruction run on its own brings about after it: tf
// says that TF was set before it. IRET and POPF that clear TF still trap.
func (c *CPU) traps(tf bool) {
	c.PendDB |= c.hits | c.Met
	c.Met = 0
	if tf && !c.quiet && c.Shadow&cpu.ShadowMovSS == 0 {
		c.PendDB |= cpu.DR6BS
	}
}

// stepAfter is for SYSCALL and SYSRET, which trap if TF is set after them (AMD
// APM vol. 3), so that a kernel that masks TF is not stepped.
func (c *CPU) stepAfter() {
	c.quiet = true
	if c.RFLAGS&cpu.FlagTF != 0 {
		c.PendDB |= cpu.DR6BS
	}
}

// trap delivers the pending debug traps, as one: one step. It wakes a halted
// processor.
func (c *CPU) trap() {
	c.Halted, c.Shadow = false, 0
	c.Fault = cpu.Fault{Vector: cpu.DB, Code: uint32(c.PendDB)}
	c.PendDB = 0
	c.deliver()
}

// portBreak notes the I/O breakpoints that an access meets.
func (c *CPU) portBreak(port uint16, n uint8) {
	if c.armed&cpu.WatchIO != 0 {
		c.hits |= c.PortBreaks(port, int(n))
	}
}
