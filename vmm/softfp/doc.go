// Package softfp does the arithmetic of SSE and of the x87 in integers, so that
// every host computes the same bits and the same flags: binary32 and binary64
// as in Intel SDM vol. 1 chapters 4, 10 and 11, double extended-precision as in
// chapters 4 and 8. Where the manual leaves a choice, and for the approximations
// RCPPS and RSQRTPS, a Zen 4 was measured and is followed.
//
// # Values and environments
//
// Operands and results are bit patterns: uint32, uint64, and F80 with the
// fields of FSTP m80. Packed instructions are loops over their lanes. An Env is
// made from MXCSR (FromMXCSR) or from control and status word (FromFCW), lent to
// the operations of one instruction, and its Flags are put back by the caller;
// for the x87, C1 as well.
//
//	e := softfp.FromMXCSR(mxcsr)
//	before := e.Flags
//	for each lane { r[i] = softfp.Add32(&e, a[i], b[i]) }
//	fault := e.Fault(before)
//	mxcsr |= uint32(e.Flags)
//	if fault { #XM, destination unwritten }
//
// With everything masked, Fault is false and an Env may live as long as MXCSR is
// not written.
//
// # Exceptions
//
// IE, DE and ZE are found before computing. If one of them is unmasked there is
// no result (what is returned then means nothing), and OE, UE and PE are not
// recorded, in no lane (Env.Fault). IE excludes DE and ZE; ZE excludes DE; a
// NaN operand excludes DE. Tininess is found after rounding with an unbounded
// exponent. Masked, UE needs a loss of accuracy; unmasked, it does not, and PE
// then tells whether that rounding was exact. FTZ acts only while UE is masked,
// and sets UE and PE even where the denormal would have been exact.
//
// The x87 differs in what it delivers: see NoResult and NoStore. Condition
// codes of comparisons are delivered even then. A store to memory that is kept
// back by OE or UE records no PE. C1 tells of rounding away from zero; stack
// faults, which use it otherwise, are the caller's.
//
// # How it is built
//
// An operand is taken apart into a num, two of them become an exact (128 bits,
// the last one sticky), and an exact is rounded once, by roundTo, into the
// format wanted. host64.go alone uses the host's arithmetic: where PE is
// already set, rounding is to nearest and operands and result are ordinary, IEEE
// 754 leaves one result only. All other files have no float types.
//
// The transcendental x87 instructions (f80trans.go; F2XM1, FYL2X, FYL2XP1, FPTAN,
// FPATAN, FSIN, FCOS, FSINCOS) are the one place where we differ from processors,
// which differ among themselves: ours are rounded correctly but for one in some
// 2^55, from 128 bits with an error below 2^-120. A Zen 4's are one unit in the
// last place away for one in 30 to 200 operands, and for one in six of FPTAN's
// when not rounding to nearest; never two. C1 tells of the rounding of our
// result. We sum power series after reducing the operand: by powers of two, by
// arctan(i/16), or by multiples of π/2, where π has 66 bits, as in processors.
//
// Left out: fused multiply-add.
package softfp
