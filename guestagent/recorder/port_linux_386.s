#include "textflag.h"

// func cpuid(leaf uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, a+4(FP)
	MOVL BX, b+8(FP)
	MOVL CX, c+12(FP)
	MOVL DX, d+16(FP)
	RET

// func in(r *regs)
//
// The call takes six of the seven registers; the address keeps the seventh.
TEXT ·in(SB), NOSPLIT, $0-4
	MOVL r+0(FP), BP
	MOVL 0(BP), AX
	MOVL 4(BP), BX
	MOVL 8(BP), CX
	MOVL 12(BP), DX
	MOVL 16(BP), SI
	MOVL 20(BP), DI
	INL
	MOVL AX, 0(BP)
	MOVL BX, 4(BP)
	MOVL CX, 8(BP)
	MOVL DX, 12(BP)
	MOVL SI, 16(BP)
	MOVL DI, 20(BP)
	RET
