package softfp

// Exception flags and masks, in the order of MXCSR bits 5:0, MXCSR bits 12:7,
// FSW bits 5:0 and FCW bits 5:0.
const (
	IE  = 1 << iota // invalid operation
	DE              // denormal operand
	ZE              // division by zero
	OE              // overflow
	UE              // underflow
	PE              // inexact result
	All = 1<<iota - 1

	pre  = IE | DE | ZE // found before computing; unmasked, they suppress the rest
	post = OE | UE | PE
)

// Rounding modes, coded as MXCSR.RC and FCW.RC.
const (
	Nearest = iota // to nearest, ties to even
	Down           // toward minus infinity
	Up             // toward plus infinity
	Zero           // truncate
)

// An Env is the part of MXCSR, or of FCW and FSW, that arithmetic reads and
// writes. It is made for an instruction (or a run of them) and thrown away.
type Env struct {
	Round    uint8 // Nearest, Down, Up or Zero
	Prec     uint8 // significant bits of x87 results: 24, 53 or 64; SSE ignores it
	DAZ, FTZ bool  // SSE only
	C1       bool  // x87: the last result was rounded away from zero
	Flags    uint8 // sticky exception flags
	Masks    uint8 // exceptions that are masked
	Raised   uint8 // unmasked exceptions met since the Env was made
}

// FromMXCSR returns the environment that MXCSR describes (SDM vol. 1, 10.2.3).
func FromMXCSR(v uint32) Env {
	return Env{
		Round: uint8(v>>13) & 3,
		DAZ:   v>>6&1 != 0,
		FTZ:   v>>15&1 != 0,
		Flags: uint8(v) & All,
		Masks: uint8(v>>7) & All,
	}
}

// FromFCW returns the environment that the x87 control and status words
// describe (SDM vol. 1, 8.1.5). The reserved precision 1 acts as 64 bits.
func FromFCW(fcw, fsw uint16) Env {
	p := uint8(64)
	switch fcw >> 8 & 3 {
	case 0:
		p = 24
	case 2:
		p = 53
	}
	return Env{Round: uint8(fcw>>10) & 3, Prec: p, Flags: uint8(fsw) & All, Masks: uint8(fcw) & All}
}

// Fault settles an SSE instruction after its last lane and reports whether it
// ends in #XM with its destination unwritten. before is Flags as the
// instruction found them. An unmasked IE, DE or ZE in any lane keeps OE, UE and
// PE of every lane from being recorded (SDM vol. 1, 11.5.2 and 11.5.3).
//
// Flags set and unmasked by LDMXCSR do not fault (SDM vol. 1, 10.2.3.1), so
// Raised decides here, not Flags.
func (e *Env) Fault(before uint8) bool {
	if e.Raised == 0 {
		return false
	}
	if e.Raised&pre != 0 {
		e.Flags = before | e.Flags&pre
	}
	return true
}

// raise records exceptions and reports whether one of them is unmasked.
func (e *Env) raise(f uint8) bool {
	e.Flags |= f
	f &^= e.Masks
	e.Raised |= f
	return f != 0
}
