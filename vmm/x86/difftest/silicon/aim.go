package silicon

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// stackUsers read or write the stack without naming it.
var stackUsers = []x86.Sem{x86.SemPush, x86.SemPop, x86.SemPusha, x86.SemPopa, x86.SemPushf, x86.SemPopf, x86.SemPushseg,
	x86.SemPopseg, x86.SemCall, x86.SemRet, x86.SemEnter, x86.SemLeave, x86.SemCallfar, x86.SemRetfar, x86.SemIret}

// dataUsers access memory that no operand with ModRM names; sources those of
// them where a prefix can choose the segment.
var (
	dataUsers = []x86.Sem{x86.SemMovs, x86.SemCmps, x86.SemLods, x86.SemXlat, x86.SemMaskmov, x86.SemStos, x86.SemScas}
	sources   = dataUsers[:5]
)

// untouched have a memory operand that they do not access.
var untouched = []x86.Sem{x86.SemLea, x86.SemNop}

// unaligned access memory without #AC: single bytes, whole lines, and what the
// mask tells.
var unaligned = []x86.Sem{x86.SemXlat, x86.SemMaskmov, x86.SemClflush}

// own lists the exceptions that single instructions are for.
var own = map[x86.Sem]uint32{
	x86.SemDiv: 1 << cpu.DE, x86.SemIdiv: 1 << cpu.DE, x86.SemAam: 1 << cpu.DE, x86.SemBound: 1 << cpu.BR,
	x86.SemInto: 1 << cpu.OF, x86.SemInt3: 1 << cpu.BP, x86.SemInt: 1 << cpu.GP, x86.SemInt1: 1 << cpu.DB,
	x86.SemIret: 1<<cpu.GP | 1<<cpu.NP, x86.SemMovtoseg: 1<<cpu.GP | 1<<cpu.NP | 1<<cpu.SS, x86.SemPopseg: 1<<cpu.GP | 1<<cpu.NP,
	x86.SemLoadfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemJmpfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemCallfar: 1<<cpu.GP | 1<<cpu.NP,
	x86.SemRetfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemIns: 1 << cpu.GP, x86.SemOuts: 1 << cpu.GP, x86.SemIn: 1 << cpu.GP,
	x86.SemOut: 1 << cpu.GP, x86.SemCli: 1 << cpu.GP, x86.SemSti: 1 << cpu.GP, x86.SemLdmxcsr: 1 << cpu.GP, x86.SemFxrstor: 1 << cpu.GP,
	x86.SemRdpmc:  1 << cpu.GP,
	x86.SemXsetbv: 1 << cpu.GP, x86.SemXgetbv: 1 << cpu.GP, x86.SemXrstor: 1 << cpu.GP,
}

func oneOf(s x86.Sem, list []x86.Sem) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}

// touches tells whether the form can access memory by ModRM or a memory offset.
func touches(f *x86.Form) bool {
	for _, o := range f.Ops[:f.NOps] {
		if (o.Loc == x86.LocRM || o.Loc == x86.LocMoffs) && o.Class == x86.Mem || o.Loc == x86.LocRM && f.Enc.Mod&1 != 0 {
			return !oneOf(f.Sem, untouched)
		}
	}
	return false
}

// Bits of a mask of exceptions, beside those of the vectors: faults that have
// their cause in the code, of whatever instruction.
const (
	faultFetch  = 24 + iota // #PF for the code itself
	faultLimit              // #GP(0) for code beyond the limit of CS
	faultLength             // #GP(0) for more than 15 bytes
)

// fault is the bit for the exception that a case ended with.
func (c *Case) fault(o *Outcome) uint8 {
	const fetch = 1 << 4 // in a page fault's code
	switch {
	case o.Vector == cpu.PF && o.Code&fetch != 0:
		return faultFetch
	case o.Vector == cpu.GP && len(c.Code) > x86.MaxLen:
		return faultLength
	case o.Vector == cpu.GP && c.Mode != x86.Mode64 && c.RIP+uint64(len(c.Code))-1 > uint64(segment(c.Sel[x86.CS]).Limit):
		return faultLimit
	}
	return o.Vector
}

// Wanted is a mask of the exceptions that a run must meet in a unit: those that
// its form can raise in a program. doc.go tells which it leaves out.
func Wanted(u Unit) uint32 {
	f := &x86.Table[u.Row]
	if u.undefined() {
		return 1 << cpu.UD
	}
	m := own[f.Sem] | 1<<faultFetch | 1<<faultLength
	if u.Mode != x86.Mode64 {
		m |= 1 << faultLimit
	}
	if f.Attr&x86.AttrLock == 0 || f.Enc.Mod&2 != 0 {
		m |= 1 << cpu.UD
	}
	switch {
	case f.Attr&x86.AttrPrivud != 0:
		return m
	case f.Attr&x86.AttrPriv != 0:
		if f.Attr&x86.AttrModx != 0 { // LOCK MOV CR0 is MOV CR8 on AMD processors
			m &^= 1 << cpu.UD
		}
		return m | 1<<cpu.GP
	case u.Mode != x86.Mode64 && branches(f.Sem): // beyond the limit
		m |= 1 << cpu.GP
	case f.Sem == x86.SemRet && u.Size == 8, (f.Sem == x86.SemWrfsbase || f.Sem == x86.SemWrgsbase) && u.Size == 8: // not canonical
		m |= 1 << cpu.GP
	}
	m |= wantedAccess(u)
	if f.Attr&(x86.AttrX87|x86.AttrMmx) != 0 && f.Attr&x86.AttrNowait == 0 {
		m |= 1 << cpu.MF
	}
	if f.Attr&x86.AttrFp != 0 && (f.Sem != x86.SemCvtsi2sd || u.Size == 8) { // 32 bits convert exactly
		m |= 1 << cpu.XM
	}
	for _, o := range f.Ops[:f.NOps] {
		if o.Loc == x86.LocFixed && o.Class == x86.SegReg && o.Fixed == x86.SS { // an absent stack is #SS (SDM vol. 3A, 6.15)
			m = m&^(1<<cpu.NP) | 1<<cpu.SS
		}
	}
	return m
}

// wantedAccess are those that come of a form's accesses to memory.
func wantedAccess(u Unit) (m uint32) {
	f, wide := &x86.Table[u.Row], u.Mode == x86.Mode64
	named := touches(f) && f.Attr&x86.AttrModx == 0 && !oneOf(f.Sem, hidden)
	implied, stack := oneOf(f.Sem, dataUsers), oneOf(f.Sem, stackUsers)
	if !named && !implied && !stack {
		return 0
	}
	m = 1 << cpu.PF
	if named || implied {
		m |= 1 << cpu.GP
	}
	if stack || named && !(moffs(f) && wide) || oneOf(f.Sem, sources) && !wide {
		m |= 1 << cpu.SS
	}
	if (stack || operandBytes(f, u.Size) > 1) && f.Attr&x86.AttrA16 == 0 && !oneOf(f.Sem, unaligned) && !oneOf(f.Sem, xsaves) {
		m |= 1 << cpu.AC
	}
	return m
}

// moffs tells whether an operand's address stands in the code.
func moffs(f *x86.Form) bool { return f.Ops[0].Loc == x86.LocMoffs || f.Ops[1].Loc == x86.LocMoffs }

// aim makes a case likely to raise one exception of those wanted, other than by
// where its code is: seldom, but
// often enough that a hundred cases of a unit meet most.
func (p *plan) aim() {
	if p.brink || !p.one(6) {
		return
	}
	var list [32]uint8
	n := 0
	for v, m := uint8(0), Wanted(p.unit)&^(1<<faultFetch|1<<faultLimit); m != 0; v, m = v+1, m>>1 {
		if m&1 != 0 {
			list[n] = v
			n++
		}
	}
	p.goal = list[p.IntN(n)]
	p.aimed = true
	const ofAccess = 1<<cpu.SS | 1<<cpu.GP | 1<<cpu.PF | 1<<cpu.AC
	if ofAccess>>p.goal&1 != 0 {
		p.want.Mem = true
	}
}

func (p *plan) aims(v uint8) bool { return p.aimed && p.goal == v }
