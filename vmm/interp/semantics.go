package interp

import (
	"math/bits"

	"vmrecord/vmm/x86"
)

// A routine is one semantic: a function for each operand size of 1, 2, 4 and 8
// bytes, nil where the form does not exist.
type routine [4]func(*CPU, *Op)

// of picks the function for an operand size in bytes.
func (r routine) of(opSize uint8) func(*CPU, *Op) { return r[bits.TrailingZeros8(opSize)&3] }

// one is a semantic that does not depend on the operand size, or looks at it itself.
func one(f func(*CPU, *Op)) routine { return routine{f, f, f, f} }

// A row gives a semantic of the instruction table its routine.
type row struct {
	sem x86.Sem
	r   routine
}

// semantics is the routine of every semantic; one without stops the machine.
var semantics = collect(arithRows, muldivRows, bitRows, bcdRows, moveRows, stackRows, shiftRows, branchRows, stringRows, systemRows, portRows, stateRows, sseRows, mmxRows, integerRows, shuffleRows, floatRows, convertRows, textRows, aesRows, clmulRows, shaRows, xsaveRows, x87Rows, transRows, stackRows87, envRows)

func collect(parts ...[]row) (t [x86.NumSem]routine) {
	for _, p := range parts {
		for _, r := range p {
			if t[r.sem][0] != nil || t[r.sem][3] != nil {
				panic("interp: two routines for " + r.sem.String())
			}
			t[r.sem] = r.r
		}
	}
	return t
}
