package silicon

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// stackUsers read or write the stack without naming it.
var stackUsers = []x86.Sem{x86.SemPush, x86.SemPop, x86.SemPusha, x86.SemPopa, x86.SemPushf, x86.SemPopf, x86.SemPushseg,
	x86.SemPopseg, x86.SemCall, x86.SemRet, x86.SemEnter, x86.SemLeave, x86.SemCallfar, x86.SemRetfar}

// dataUsers access memory that no operand with ModRM names.
var dataUsers = []x86.Sem{x86.SemMovs, x86.SemCmps, x86.SemStos, x86.SemLods, x86.SemScas, x86.SemXlat, x86.SemMaskmov}

// untouched have a memory operand that they do not access.
var untouched = []x86.Sem{x86.SemLea, x86.SemNop, x86.SemClflush}

// own lists the exceptions that single instructions are for.
var own = map[x86.Sem]uint32{
	x86.SemDiv: 1 << cpu.DE, x86.SemIdiv: 1 << cpu.DE, x86.SemAam: 1 << cpu.DE, x86.SemBound: 1 << cpu.BR,
	x86.SemInto: 1 << cpu.OF, x86.SemInt3: 1 << cpu.BP, x86.SemInt: 1 << cpu.GP, x86.SemInt1: 1 << cpu.DB,
	x86.SemIret: 1 << cpu.GP, x86.SemMovtoseg: 1<<cpu.GP | 1<<cpu.NP, x86.SemPopseg: 1<<cpu.GP | 1<<cpu.NP,
	x86.SemLoadfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemJmpfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemCallfar: 1<<cpu.GP | 1<<cpu.NP,
	x86.SemRetfar: 1<<cpu.GP | 1<<cpu.NP, x86.SemIns: 1 << cpu.GP, x86.SemOuts: 1 << cpu.GP, x86.SemIn: 1 << cpu.GP,
	x86.SemOut: 1 << cpu.GP, x86.SemCli: 1 << cpu.GP, x86.SemSti: 1 << cpu.GP, x86.SemLdmxcsr: 1 << cpu.GP, x86.SemFxrstor: 1 << cpu.GP,
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

// Wanted is a mask of the exceptions that an hour must meet in a unit: those
// that its form can raise whatever the operands. More can be met.
func Wanted(u Unit) uint32 {
	f := &x86.Table[u.Row]
	switch {
	case f.Sem == x86.SemUd, f.Attr&x86.AttrPrivud != 0:
		return 1 << cpu.UD
	case f.Attr&x86.AttrPriv != 0:
		return 1<<cpu.GP | 1<<cpu.PF
	}
	m := own[f.Sem] | 1<<cpu.PF
	if f.Attr&x86.AttrLock == 0 || f.Enc.Mod&2 != 0 {
		m |= 1 << cpu.UD
	}
	data := touches(f) && f.Attr&x86.AttrModx == 0
	moffs := f.Ops[0].Loc == x86.LocMoffs || f.Ops[1].Loc == x86.LocMoffs // whose addresses are in the lower half here
	if data && !moffs {
		m |= 1 << cpu.SS
	}
	stack := oneOf(f.Sem, stackUsers)
	if stack {
		m |= 1 << cpu.SS
	}
	if data && !(moffs && u.Mode == x86.Mode64) || oneOf(f.Sem, dataUsers) {
		m |= 1 << cpu.GP
	}
	if n := memBytes(f, u.Size); (data || stack || oneOf(f.Sem, dataUsers[:5])) && (n == 2 || n == 4 || n == 8) {
		m |= 1 << cpu.AC
	}
	if f.Attr&(x86.AttrX87|x86.AttrMmx) != 0 && f.Attr&x86.AttrNowait == 0 {
		m |= 1 << cpu.MF
	}
	if f.Attr&x86.AttrFp != 0 {
		m |= 1 << cpu.XM
	}
	return m
}

// aim makes a case likely to raise one exception of those wanted: seldom, but
// often enough that a hundred cases of a unit meet most.
func (p *plan) aim() {
	if !p.one(6) {
		return
	}
	var list [32]uint8
	n := 0
	for v, m := uint8(0), Wanted(p.unit); m != 0; v, m = v+1, m>>1 {
		if m&1 != 0 {
			list[n] = v
			n++
		}
	}
	p.goal = list[p.IntN(n)]
	p.aimed = true
	if p.goal != cpu.UD {
		p.want.Mem = true
	}
}

func (p *plan) aims(v uint8) bool { return p.aimed && p.goal == v }
