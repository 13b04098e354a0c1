#include "textflag.h"

// The x87 is reached by encoded bytes: the assembler lacks the newer forms. Go
// code on amd64 never uses it, so FNINIT is all the restoring there is.

#define FNINIT BYTE $0xDB; BYTE $0xE3
#define FNCLEX BYTE $0xDB; BYTE $0xE2
#define FNSTSWAX BYTE $0xDF; BYTE $0xE0
#define FLDCWCX BYTE $0xD9; BYTE $0x29
#define FLDT BYTE $0xDB; BYTE $0x29
#define FSTPT BYTE $0xDB; BYTE $0x39

// STACK(a, b): ST(0) = a and ST(1) = b before OP.
#define STACK(NAME, OP) \
TEXT NAME(SB), NOSPLIT, $0-80; \
	FNINIT; \
	LEAQ b+24(FP), CX; \
	FLDT; \
	LEAQ a+8(FP), CX; \
	FLDT; \
	LEAQ cw+0(FP), CX; \
	FLDCWCX; \
	OP; \
	FNSTSWAX; \
	FNCLEX; \
	MOVWQZX AX, AX; \
	MOVQ AX, sw+72(FP); \
	XORL AX, AX; \
	MOVQ AX, r_0_SE+48(FP); \
	MOVQ AX, r_1_SE+64(FP); \
	LEAQ r_0_Mant+40(FP), CX; \
	FSTPT; \
	LEAQ r_1_Mant+56(FP), CX; \
	FSTPT; \
	FNINIT; \
	RET

// LOAD pushes what OP makes of the memory operand.
#define LOAD(NAME, OP) \
TEXT NAME(SB), NOSPLIT, $0-48; \
	FNINIT; \
	LEAQ cw+0(FP), CX; \
	FLDCWCX; \
	LEAQ m+8(FP), CX; \
	OP; \
	FNSTSWAX; \
	FNCLEX; \
	MOVWQZX AX, AX; \
	MOVQ AX, sw+40(FP); \
	XORL AX, AX; \
	MOVQ AX, r_SE+32(FP); \
	LEAQ r_Mant+24(FP), CX; \
	FSTPT; \
	FNINIT; \
	RET

// STORE writes ST(0) to the memory operand.
#define STORE(NAME, OP) \
TEXT NAME(SB), NOSPLIT, $0-48; \
	FNINIT; \
	LEAQ a+8(FP), CX; \
	FLDT; \
	LEAQ cw+0(FP), CX; \
	FLDCWCX; \
	XORL AX, AX; \
	MOVQ AX, m_Mant+24(FP); \
	MOVQ AX, m_SE+32(FP); \
	LEAQ m_Mant+24(FP), CX; \
	OP; \
	FNSTSWAX; \
	FNCLEX; \
	MOVWQZX AX, AX; \
	MOVQ AX, sw+40(FP); \
	FNINIT; \
	RET

STACK(·Fadd, BYTE $0xD8; BYTE $0xC1)
STACK(·Fmul, BYTE $0xD8; BYTE $0xC9)
STACK(·Fsub, BYTE $0xD8; BYTE $0xE1)
STACK(·Fsubr, BYTE $0xD8; BYTE $0xE9)
STACK(·Fdiv, BYTE $0xD8; BYTE $0xF1)
STACK(·Fdivr, BYTE $0xD8; BYTE $0xF9)
STACK(·Fcom, BYTE $0xD8; BYTE $0xD1)
STACK(·Fucom, BYTE $0xDD; BYTE $0xE1)
STACK(·Ftst, BYTE $0xD9; BYTE $0xE4)
STACK(·Fxam, BYTE $0xD9; BYTE $0xE5)
STACK(·Fprem, BYTE $0xD9; BYTE $0xF8)
STACK(·Fprem1, BYTE $0xD9; BYTE $0xF5)
STACK(·Fscale, BYTE $0xD9; BYTE $0xFD)
STACK(·Fxtract, BYTE $0xD9; BYTE $0xF4)
STACK(·Frndint, BYTE $0xD9; BYTE $0xFC)
STACK(·Fsqrt, BYTE $0xD9; BYTE $0xFA)
STACK(·F2xm1, BYTE $0xD9; BYTE $0xF0)
STACK(·Fyl2x, BYTE $0xD9; BYTE $0xF1)
STACK(·Fyl2xp1, BYTE $0xD9; BYTE $0xF9)
STACK(·Fptan, BYTE $0xD9; BYTE $0xF2)
STACK(·Fpatan, BYTE $0xD9; BYTE $0xF3)
STACK(·Fsin, BYTE $0xD9; BYTE $0xFE)
STACK(·Fcos, BYTE $0xD9; BYTE $0xFF)
STACK(·Fsincos, BYTE $0xD9; BYTE $0xFB)
LOAD(·Fld1, BYTE $0xD9; BYTE $0xE8)
LOAD(·Fldl2t, BYTE $0xD9; BYTE $0xE9)
LOAD(·Fldl2e, BYTE $0xD9; BYTE $0xEA)
LOAD(·Fldpi, BYTE $0xD9; BYTE $0xEB)
LOAD(·Fldlg2, BYTE $0xD9; BYTE $0xEC)
LOAD(·Fldln2, BYTE $0xD9; BYTE $0xED)
LOAD(·Fldz, BYTE $0xD9; BYTE $0xEE)
LOAD(·FldS, BYTE $0xD9; BYTE $0x01)
LOAD(·FldD, BYTE $0xDD; BYTE $0x01)
LOAD(·FildW, BYTE $0xDF; BYTE $0x01)
LOAD(·FildL, BYTE $0xDB; BYTE $0x01)
LOAD(·FildQ, BYTE $0xDF; BYTE $0x29)
LOAD(·Fbld, BYTE $0xDF; BYTE $0x21)
STORE(·FstpS, BYTE $0xD9; BYTE $0x19)
STORE(·FstpD, BYTE $0xDD; BYTE $0x19)
STORE(·FistpW, BYTE $0xDF; BYTE $0x19)
STORE(·FistpL, BYTE $0xDB; BYTE $0x19)
STORE(·FistpQ, BYTE $0xDF; BYTE $0x39)
STORE(·FisttpW, BYTE $0xDF; BYTE $0x09)
STORE(·FisttpL, BYTE $0xDB; BYTE $0x09)
STORE(·FisttpQ, BYTE $0xDD; BYTE $0x09)
STORE(·Fbstp, BYTE $0xDF; BYTE $0x31)
