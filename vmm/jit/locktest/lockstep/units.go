package lockstep

import (
	"slices"
	"sync"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A unit is a row of the instruction table in one mode and operand size.
type unit struct {
	row  int
	size uint8
	mode x86.Mode
}

func (u unit) form() *x86.Form { return &x86.Table[u.row] }

// unfit are semantics that programs have no use for: they switch the case off,
// or the handlers.
var unfit = []x86.Sem{x86.SemMovtocr, x86.SemMovtodr, x86.SemLgdt, x86.SemLidt, x86.SemLldt, x86.SemLtr, x86.SemWrmsr,
	x86.SemLmsw, x86.SemXsetbv, x86.SemHlt, x86.SemSysret, x86.SemSysexit, x86.SemIret, x86.SemRetfar, x86.SemCallfar,
	x86.SemJmpfar, x86.SemMwait, x86.SemMonitor, x86.SemUd, x86.SemXrstors, x86.SemSysenter}

// A stock is what programs of a mode are made of: integers, vectors, the rest.
type stock [3][]unit

// allUnits lists 64-bit code's and 32-bit code's.
func allUnits() []stock { return []stock{stockOf(x86.Mode64), stockOf(x86.Mode32)} }

func stockOf(mode x86.Mode) (list stock) {
	for row := range x86.Table {
		f := &x86.Table[row]
		if !cpu.Claims(f.Feature) || slices.Contains(unfit, f.Sem) {
			continue
		}
		k := 0
		switch {
		case f.Attr&(x86.AttrX87|x86.AttrMmx|x86.AttrSys|x86.AttrPriv|x86.AttrRep|x86.AttrRepc) != 0:
			k = 2
		case f.Attr&x86.AttrSse != 0:
			k = 1
		}
		for _, n := range f.Sizes(mode) {
			list[k] = append(list[k], unit{row, n, mode})
		}
	}
	return list
}

// A kind is a semantic in a mode.
type kind struct {
	mode x86.Mode
	sem  x86.Sem
}

var byKind = sync.OnceValue(func() map[kind][]unit {
	m := map[kind][]unit{}
	for _, s := range units() {
		for _, l := range s {
			for _, u := range l {
				k := kind{u.mode, u.form().Sem}
				m[k] = append(m[k], u)
			}
		}
	}
	return m
})

// unitsOf lists a semantic's units.
func (g *gen) unitsOf(s x86.Sem) []unit { return byKind()[kind{g.mode(), s}] }

// branches tells which semantics need a place to lead to: programs make them
// otherwise.
func branches(s x86.Sem) bool {
	switch s {
	case x86.SemJmp, x86.SemJcc, x86.SemCall, x86.SemRet, x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz, x86.SemSyscall:
		return true
	}
	return false
}
