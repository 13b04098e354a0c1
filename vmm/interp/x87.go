package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// The x87's stack (SDM vol. 1, chapter 8). What the manual leaves open was
// measured on a Zen 4: FDP is 0 after an instruction without memory operand,
// FOP is always recorded, an empty source counts before a full stack.

// Bits of FSW.
const (
	fswIE = 1 << 0
	fswSF = 1 << 6
	fswC0 = 1 << 8
	fswC1 = 1 << 9
	fswC2 = 1 << 10
	fswC3 = 1 << 14

	fswTop = 7 << 11
	fswCC  = fswC0 | fswC1 | fswC2 | fswC3
)

// stTop is the physical number of ST(0).
func (c *CPU) stTop() int { return int(c.FSW >> 11 & 7) }

// st is register ST(i).
func (c *CPU) st(i uint8) *cpu.F80 { return &c.FPR[(c.stTop()+int(i))&7] }

// tagAt is the position in FTW of the tag of ST(i).
func (c *CPU) tagAt(i uint8) int { return 2 * ((c.stTop() + int(i)) & 7) }

// emptyST tells whether ST(i) is empty.
func (c *CPU) emptyST(i uint8) bool { return c.FTW>>c.tagAt(i)&3 == 3 }

// setST writes ST(i), which is in use from then on.
func (c *CPU) setST(i uint8, v softfp.F80) {
	*c.st(i) = cpu.F80(v)
	c.FTW &^= 3 << c.tagAt(i)
}

func (c *CPU) freeST(i uint8) { c.FTW |= 3 << c.tagAt(i) }

// turn moves TOP.
func (c *CPU) turn(n uint16) { c.FSW = c.FSW&^fswTop | (c.FSW+n<<11)&fswTop }

func (c *CPU) pushST(v softfp.F80) {
	c.turn(7)
	c.setST(0, v)
}

func (c *CPU) popST() {
	c.freeST(0)
	c.turn(1)
}

// record notes the instruction and its memory operand, for handlers.
func (c *CPU) record(o *Op) {
	c.FOP = uint16(o.Opcode&7)<<8 | uint16(o.ModRM)
	c.FIP, c.FDP = c.here(o), 0
	if o.ModRM < 0xc0 {
		c.FDP = c.offset(o)
	}
}

// stackFault records a stack overflow or underflow and tells whether it is
// masked, so that the indefinite value is delivered (SDM vol. 1, 8.5.1.1).
func (c *CPU) stackFault(overflow bool) bool {
	c.FSW = c.FSW&^fswC1 | fswIE | fswSF
	if overflow {
		c.FSW |= fswC1
	}
	c.summarize()
	return c.FCW&fswIE != 0
}

// env87 is the environment of FCW and FSW for one instruction, finish puts it
// back. finish tells whether a register result is to be delivered.
func (c *CPU) env87() *softfp.Env {
	c.x87 = softfp.FromFCW(c.FCW, c.FSW)
	return &c.x87
}

func (c *CPU) finish() bool {
	c.FSW = c.FSW&^fswC1 | uint16(c.x87.Flags)
	if c.x87.C1 {
		c.FSW |= fswC1
	}
	c.summarize()
	return c.x87.Raised&softfp.NoResult == 0
}

// clearC1 ends an instruction that cannot round.
func (c *CPU) clearC1() { c.FSW &^= fswC1 }

// An operand is the second one of an arithmetic instruction. A denormal in
// memory is normal as a register, so that DE has to be remembered; a signalling
// NaN stays one.
type operand struct {
	v        softfp.F80
	denormal bool
	empty    bool
}

// floating reads operand n: a register, or 4 or 8 bytes of memory.
func floating(c *CPU, o *Op, n int) operand {
	a := &o.Args[n&3]
	if a.Kind == x86.ST {
		return operand{v: softfp.F80(*c.st(a.Reg)), empty: c.emptyST(a.Reg)}
	}
	e := softfp.Env{Masks: softfp.All}
	var v softfp.F80
	if a.Size == 4 {
		v = softfp.F32to80(&e, load[uint32](c, c.ea(o, 4)))
	} else {
		v = softfp.F64to80(&e, load[uint64](c, c.ea(o, 8)))
	}
	if e.Flags&softfp.IE != 0 {
		v.Mant &^= 1 << 62
	}
	return operand{v: v, denormal: e.Flags&softfp.DE != 0}
}

// integer reads operand n: 2, 4 or 8 bytes of memory.
func integer(c *CPU, o *Op, n int) operand {
	var v int64
	switch o.Args[n&3].Size {
	case 2:
		v = int64(int16(load[uint16](c, c.ea(o, 2))))
	case 4:
		v = int64(int32(load[uint32](c, c.ea(o, 4))))
	default:
		v = int64(load[uint64](c, c.ea(o, 8)))
	}
	return operand{v: softfp.Int64to80(v)}
}

// isNaN includes what is no number for other reasons.
func isNaN(v softfp.F80) bool {
	class := softfp.Classify(v)
	return class == softfp.ClassNaN || class == softfp.ClassUnsupported
}

// compute runs f with e and adds the DE of an operand from memory: unless IE
// or ZE is found or an operand is a NaN. Unmasked, it leaves no result.
func compute(e *softfp.Env, a, b softfp.F80, denormal bool, f func()) {
	was := e.Flags
	e.Flags = 0
	f()
	if denormal && e.Flags&(softfp.IE|softfp.ZE) == 0 && !isNaN(a) && !isNaN(b) {
		e.Flags |= softfp.DE
		if e.Masks&softfp.DE == 0 {
			e.Flags, e.Raised, e.C1 = softfp.DE, softfp.DE, false
		}
	}
	e.Flags |= was
}
