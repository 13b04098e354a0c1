package silicon

import (
	"math/bits"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A Choice is what both sides do with flags that the manuals leave undefined
// after some instructions: what the host's processors (Reference) do. rule
// tells them from the case and what came of it; nil where a program cannot run
// the instruction.
type Choice struct {
	Sems  []x86.Sem
	Flags uint64
	Value string
	rule  func(c *Case, o *Outcome) uint64
}

// Choices lists them all: each flag that isa.txt calls undefined (u=), also where
// it is so for some counts only. A count of 0, after masking, changes no flag.
//
// What else the manuals leave undefined, and the same processors do:
//
//	SHL, SHR of 8 or 16 bits by more        CF is the last bit out, of zeros behind the operand
//	SHLD, SHRD of 16 bits by more than 16   the second operand, rotated by the count; CF clear
//	BSF, BSR of 0                           the destination stays, its upper half too
//	BSWAP of 16 bits                        0
//	C0, C2 and C3 where an x87 instruction has no use for them   as before
//	C1 where it has none                    clear, or as before: FCMOV, FCOMI
//
// Several segment prefixes: the last; in 64-bit code those of FS and GS only.
var Choices = []Choice{
	{logic, cpu.FlagAF, "clear", clearFlag},
	{products, cpu.FlagSF | cpu.FlagZF | cpu.FlagAF | cpu.FlagPF, "as before", asBefore},
	{quotients, cpu.FlagAF, "set", setFlag},
	{quotients, cpu.FlagSF | cpu.FlagZF | cpu.FlagPF, "clear", clearFlag},
	{quotients, cpu.FlagCF | cpu.FlagOF, "as before", asBefore},
	{bitTests, cpu.FlagOF | cpu.FlagSF | cpu.FlagAF | cpu.FlagPF, "as before", asBefore},
	{bitScans, cpu.FlagPF, "of the bit's number; set if there is none", ofIndex},
	{bitScans, cpu.FlagOF | cpu.FlagSF | cpu.FlagAF | cpu.FlagCF, "clear", clearFlag},
	{shifts, cpu.FlagAF, "set", unlessZero(setFlag)},
	{[]x86.Sem{x86.SemShl, x86.SemRol, x86.SemRcl}, cpu.FlagOF, "CF, exclusive-or the result's top bit, whatever the count", unlessZero(topAndCarry)},
	{[]x86.Sem{x86.SemRor, x86.SemRcr, x86.SemShrd}, cpu.FlagOF, "exclusive-or of the result's top two bits, whatever the count", unlessZero(topTwo)},
	{[]x86.Sem{x86.SemShld}, cpu.FlagOF, "as after SHL; CF if the count is not below the operand's size", unlessZero(afterSHLD)},
	{[]x86.Sem{x86.SemShr}, cpu.FlagOF, "clear for counts above 1", unlessZero(afterSHR)},
	{[]x86.Sem{x86.SemSar}, cpu.FlagOF, "clear", unlessZero(clearFlag)},
	{[]x86.Sem{x86.SemAaa, x86.SemAas}, cpu.FlagOF | cpu.FlagSF | cpu.FlagZF | cpu.FlagPF,
		"of the sum, or difference, of AX and 106H or 0, before AL is cut to a digit", afterASCII},
	{[]x86.Sem{x86.SemDaa, x86.SemDas}, cpu.FlagOF, "of the sum, or difference, of AL and the correction", afterDecimal},
	{[]x86.Sem{x86.SemAad}, cpu.FlagOF | cpu.FlagAF | cpu.FlagCF, "of the sum of AL and AH times the immediate, cut to 8 bits", afterAAD},
	{[]x86.Sem{x86.SemAam}, cpu.FlagOF | cpu.FlagAF | cpu.FlagCF, "clear", clearFlag},
	{[]x86.Sem{x86.SemMovtodr, x86.SemMovfromdr}, cpu.FlagsArith, "as before", nil},
}

var (
	logic     = []x86.Sem{x86.SemAnd, x86.SemOr, x86.SemXor, x86.SemTest}
	products  = []x86.Sem{x86.SemMul, x86.SemImul1, x86.SemImul2, x86.SemImul3}
	quotients = []x86.Sem{x86.SemDiv, x86.SemIdiv}
	bitTests  = []x86.Sem{x86.SemBt, x86.SemBts, x86.SemBtr, x86.SemBtc}
	bitScans  = []x86.Sem{x86.SemBsf, x86.SemBsr}
	shifts    = []x86.Sem{x86.SemShl, x86.SemShr, x86.SemSar, x86.SemShld, x86.SemShrd}
)

func clearFlag(*Case, *Outcome) uint64 { return 0 }

func setFlag(*Case, *Outcome) uint64 { return ^uint64(0) }

func asBefore(c *Case, _ *Outcome) uint64 { return c.Flags }

// unlessZero applies a rule to counts other than 0.
func unlessZero(rule func(c *Case, o *Outcome) uint64) func(c *Case, o *Outcome) uint64 {
	return func(c *Case, o *Outcome) uint64 {
		if c.count() == 0 {
			return c.Flags
		}
		return rule(c, o)
	}
}

// count is a shift's count after masking: CL, an immediate or 1.
func (c *Case) count() uint64 {
	n := uint64(c.Inst.Imm)
	if a := c.Inst.Args[c.Inst.NArgs-1]; a.Kind == x86.Reg {
		n = c.R[x86.RCX]
	}
	if c.Inst.OpSize == 8 {
		return n & 63
	}
	return n & 31
}

// flagIf is OF or nothing.
func flagIf(on uint64) uint64 { return on & 1 * cpu.FlagOF }

func topAndCarry(c *Case, o *Outcome) uint64 {
	return flagIf(o.result(c)>>(8*c.Inst.OpSize-1) ^ o.Flags)
}

func topTwo(c *Case, o *Outcome) uint64 {
	r, top := o.result(c), 8*c.Inst.OpSize-1
	return flagIf(r>>top ^ r>>(top-1))
}

func afterSHLD(c *Case, o *Outcome) uint64 {
	if c.count() >= 8*uint64(c.Inst.OpSize) {
		return flagIf(o.Flags)
	}
	return topAndCarry(c, o)
}

func afterSHR(c *Case, o *Outcome) uint64 {
	if c.count() > 1 {
		return 0
	}
	return flagIf(c.result(c) >> (8*c.Inst.OpSize - 1))
}

func ofIndex(c *Case, o *Outcome) uint64 {
	if o.Flags&cpu.FlagZF != 0 {
		return cpu.FlagPF
	}
	return parity(o.R[c.Inst.Args[0].Reg])
}

// result is operand 0 as it is in a state; 0 for memory outside the windows,
// which the callers leave out.
func (s *State) result(c *Case) (v uint64) {
	a := c.Inst.Args[0]
	switch a.Kind {
	case x86.Reg:
		return s.R[a.Reg]
	case x86.RegHi:
		return s.R[a.Reg] >> 8
	}
	for i := range uint64(c.Inst.OpSize) {
		if w := window(c.address() + i); w >= 0 {
			v |= uint64(s.Win[w]) << (8 * i)
		}
	}
	return v
}

func parity(v uint64) uint64 { return uint64(bits.OnesCount8(uint8(v))&1^1) * cpu.FlagPF }

// sum is the flags of a plus or minus b of n bits, as ADD and SUB leave them.
func sum(a, b uint64, minus bool, n uint) uint64 {
	m := uint64(1)<<n - 1
	r, over := a+b, (a^(a+b))&(b^(a+b))
	if minus {
		r, over = a-b, (a^b)&(a^(a-b))
	}
	f := parity(r) | (a^b^r)&cpu.FlagAF | r>>(n-1)&1*cpu.FlagSF | over>>(n-1)&1*cpu.FlagOF | r>>n&1*cpu.FlagCF
	if r&m == 0 {
		f |= cpu.FlagZF
	}
	return f
}

func afterASCII(c *Case, _ *Outcome) uint64 {
	ax, d := c.R[x86.RAX]&0xffff, uint64(0)
	if c.Flags&cpu.FlagAF != 0 || ax&15 > 9 {
		d = 0x106
	}
	return sum(ax, d, c.Inst.Sem == x86.SemAas, 16)
}

func afterDecimal(c *Case, _ *Outcome) uint64 {
	al, d := c.R[x86.RAX]&0xff, uint64(0)
	if c.Flags&cpu.FlagAF != 0 || al&15 > 9 {
		d = 6
	}
	if c.Flags&cpu.FlagCF != 0 || al > 0x99 {
		d += 0x60
	}
	return sum(al, d, c.Inst.Sem == x86.SemDas, 8)
}

func afterAAD(c *Case, _ *Outcome) uint64 {
	al, ah := c.R[x86.RAX]&0xff, c.R[x86.RAX]>>8&0xff
	return sum(al, ah*uint64(c.Inst.Imm)&0xff, false, 8)
}
