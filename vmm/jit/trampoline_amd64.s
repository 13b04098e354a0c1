#include "textflag.h"

// func enter(state, code uintptr)
// The code that is jumped to returns in our stead: this frame is empty.
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ state+0(FP), AX
	MOVQ code+8(FP), CX
	JMP  CX

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	MOVL DX, d+20(FP)
	RET
