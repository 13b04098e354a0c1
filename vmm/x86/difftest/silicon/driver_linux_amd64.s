#include "textflag.h"

// The child's two pieces of code. They are never run here: StartNative copies
// them into the child's program, driver to text+0x200, handler to text+0x600.
// doc.go tells what they do.

#define TEXTAT $0x200000000000
#define HANDLERAT $0x200000000600
#define STACKAT $0x200000010000
#define CONTROLAT $0x200000100000
#define RECORDSAT $0x200000101000
#define LDTAT $0x200000000900

DATA ·driverAt+0(SB)/8, $·driver(SB)
GLOBL ·driverAt(SB), RODATA, $8
DATA ·handlerAt+0(SB)/8, $·handler(SB)
GLOBL ·handlerAt(SB), RODATA, $8

// MAP is mmap(addr, bytes, prot, MAP_SHARED|MAP_FIXED|MAP_POPULATE, 3, off).
#define MAP(addr, bytes, prot, off) \
	MOVQ $9, AX; \
	MOVQ addr, DI; \
	MOVQ $bytes, SI; \
	MOVQ $prot, DX; \
	MOVQ $0x8011, R10; \
	MOVQ $3, R8; \
	MOVQ off, R9; \
	SYSCALL

// ACTION is rt_sigaction(sig, R15, nil, 8).
#define ACTION(sig) \
	MOVQ $13, AX; \
	MOVQ $sig, DI; \
	MOVQ R15, SI; \
	XORQ DX, DX; \
	MOVQ $8, R10; \
	SYSCALL

TEXT ·driver(SB), NOSPLIT|NOFRAME, $0-0
	MAP($0x10000000, 0x8000, 5, $0)
	MAP($0x10010000, 0x2000, 3, $0x8000)
	MAP($0x10013000, 0x1000, 1, $0xa000)
	MAP($0x200000100000, 0x1f6000, 3, $0x10000)
	MOVQ $0x10020000, R14 // edges, every other page
	MOVQ $0x206000, R15
edge:
	MAP(R14, 0x1000, 5, R15)
	ADDQ $0x2000, R14
	ADDQ $0x1000, R15
	CMPQ R14, $0x10050000
	JB   edge
	SUBQ $64, SP
	MOVQ STACKAT, AX // sigaltstack({STACKAT, 0, 0x20000}, nil)
	MOVQ AX, 0(SP)
	MOVQ $0, 8(SP)
	MOVQ $0x20000, 16(SP)
	MOVQ $131, AX
	MOVQ SP, DI
	XORQ SI, SI
	SYSCALL
	MOVQ HANDLERAT, AX // SA_SIGINFO|SA_ONSTACK|SA_RESTORER; all signals blocked
	MOVQ AX, 0(SP)
	MOVQ $0x0c000004, AX
	MOVQ AX, 8(SP)
	MOVQ $0, 16(SP)
	MOVQ $-1, 24(SP)
	MOVQ SP, R15
	ACTION(4)
	ACTION(5)
	ACTION(7)
	ACTION(8)
	ACTION(11)
	MOVQ LDTAT, R15 // modify_ldt(0x11, R15, 16) for each entry
	MOVQ CONTROLAT, R14
entry:
	MOVQ $154, AX
	MOVQ $0x11, DI
	MOVQ R15, SI
	MOVQ $16, DX
	SYSCALL
	ORL  AX, 24(R14)
	ADDQ $16, R15
	CMPL 0(R15), $-1
	JNE  entry
	INT  $3

// handler(DI signal, SI siginfo, DX ucontext)
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	PUSHQ $0x202
	POPFQ
	MOVQ DX, R13
	MOVW DS, R8
	MOVW ES, R9
	MOVW FS, R10
	MOVW GS, R11
	MOVQ CONTROLAT, R12
	MOVQ 0(R12), BX
	TESTQ BX, BX
	JZ   wait

	LEAQ 40(R13), SI // registers, error code, vector, CR2
	LEAQ 2048(BX), DI
	MOVQ $23, CX
	REP; MOVSQ
	MOVW R8, 2232(BX)
	MOVW R9, 2234(BX)
	MOVW R10, 2236(BX)
	MOVW R11, 2238(BX)
	CMPQ 32(R12), $0 // RDFSBASE is allowed
	JEQ  based
	RDFSBASEQ AX
	MOVQ AX, 3936(BX)
	RDGSBASEQ AX
	MOVQ AX, 3944(BX)
based:
	MOVQ 224(R13), SI
	LEAQ 2240(BX), DI
	MOVQ $52, CX
	REP; MOVSQ
	LEAQ 2656(BX), DI
	MOVQ $0x10010e00, SI
	MOVQ $128, CX
	REP; MOVSQ
	MOVQ $0x10011f00, SI
	MOVQ $32, CX
	REP; MOVSQ

	ADDQ $4096, BX
	MOVQ BX, 0(R12)
	CMPQ BX, 8(R12)
	JB   next

wait:
	MOVQ $1, AX // write(1, control, 1)
	MOVQ $1, DI
	MOVQ R12, SI
	MOVQ $1, DX
	SYSCALL
	MOVQ $0, AX // read(0, control+16, 1)
	MOVQ $0, DI
	LEAQ 16(R12), SI
	MOVQ $1, DX
	SYSCALL
	CMPQ AX, $1
	JNE  exit
	MOVQ RECORDSAT, BX
	MOVQ BX, 0(R12)

next:
	MOVQ BX, SI
	LEAQ 40(R13), DI
	MOVQ $19, CX
	REP; MOVSQ
	LEAQ 160(BX), SI
	MOVQ 224(R13), DI
	MOVQ $52, CX
	REP; MOVSQ
	LEAQ 576(BX), SI
	MOVQ $0x10010e00, DI
	MOVQ $128, CX
	REP; MOVSQ
	MOVQ $0x10011f00, DI
	MOVQ $32, CX
	REP; MOVSQ
	MOVL $0x2b, AX // a flat segment first: null may leave the old base
	MOVW AX, FS
	MOVW AX, GS
	MOVW 1856(BX), AX
	MOVW AX, DS
	MOVW 1858(BX), AX
	MOVW AX, ES
	MOVW 1860(BX), AX
	MOVW AX, FS
	MOVW 1862(BX), AX
	MOVW AX, GS
	CMPQ 32(R12), $0
	JEQ  loaded
	MOVQ 1864(BX), AX
	WRFSBASEQ AX
	MOVQ 1872(BX), AX
	WRGSBASEQ AX
loaded:
	MOVQ 152(BX), CX
	ADDQ $8, SP // the restorer's address
	PUSHQ CX
	POPFQ
	MOVQ $15, AX // rt_sigreturn
	SYSCALL

exit:
	MOVQ $231, AX
	XORQ DI, DI
	SYSCALL
	INT  $3
