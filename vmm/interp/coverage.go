package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A Standing says what becomes of a row of the instruction table. There is no
// fifth kind: an encoding that is in no row stops the decoder.
type Standing uint8

const (
	Implemented Standing = iota
	Undefined            // #UD by architecture
	NotClaimed           // #UD, since CPUID does not claim the feature
	Later                // stops the machine: no routine yet
)

// StandingOf tells what becomes of a row at every operand size it has.
func StandingOf(row int) Standing {
	f := x86.Table[row]
	switch {
	case f.Sem == x86.SemUd:
		return Undefined
	case !cpu.Claims(f.Feature):
		return NotClaimed
	}
	for _, m := range [...]x86.Mode{x86.Mode64, x86.Mode32, x86.Mode16} {
		if !f.Valid(m) {
			continue
		}
		for _, n := range f.Sizes(m) {
			if semantics[f.Sem].of(n) == nil {
				return Later
			}
		}
	}
	return Implemented
}

// Coverage counts the rows of each standing.
func Coverage() (n [4]int) {
	for row := range len(x86.Table) {
		n[StandingOf(row)]++
	}
	return n
}
