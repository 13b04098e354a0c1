// Package x86 holds the instruction table and the decoder. It imports nothing
// of ours. Documents: Intel SDM (order no. 325462-081), volumes 1 and 2 ("SDM");
// AMD64 Architecture Programmer's Manual, volumes 3 to 5 ("APM"). Where the
// vendors differ we follow AMD, the vendor we claim to be; such rows carry amd.
//
// Covered: the integer, system, x87, MMX and SSE to SSE4.2 instructions, AES,
// PCLMULQDQ and SHA, in 64-, 32- and 16-bit code. Not covered: VEX, EVEX, XOP,
// 3DNow!, SSE4A; their leading bytes are rows that raise #UD.
//
// Three answers are possible. A row with semantics: do it. A row with ud, a row
// of another mode, a LOCK that is not allowed, a register that does not exist:
// SemUd, a proved #UD. No row: ErrUnknown, and the machine stops, since a
// silent #UD would hide what we forgot. Today no opcode is without a row: those
// the manuals leave empty have ud rows, checked on an AMD Zen 4 in 64-bit and
// compatibility mode, where they raise #UD or belong to a feature not claimed.
//
// # isa.txt
//
// One form per line, four columns; # starts a comment line.
//
// Form: mnemonic and operands in the manual's notation (SDM vol. 2A, 3.1.1).
// Sizes that depend on prefixes are letters as in the opcode map: v is 2, 4 or 8
// bytes (operand size), z is v but at most 4, y is 4 or with REX.W 8, N is 8 in
// 64-bit mode and 4 elsewhere. r/mv, rv, mv, immz, relz, moffsv. "r32/m8" is a
// 32-bit register or a byte in memory. A plain m is not accessed by size. An
// operand in <> is implied: it is in Inst.Args but not written. Memory without
// ModRM (strings) stands for the size only and is not in Inst.Args.
//
// Encoding: first conditions, then opcode, then the rest.
//
//	NP 66 F3 F2   mandatory prefix; F2 and F3 win over 66
//	NFx           no F2 or F3; 66 is operand size
//	W0 W1 B0      REX.W, REX.B must be so
//	(none)        any prefix, unless a row that names it exists
//	+r +cc +i     the low bits hold a register, a condition, an x87 register
//	00-FF         every opcode from 00 to FF
//	/r /0-/7      ModRM, with ModRM.reg a register or these bits; rm: register only
//	0F 01 C8      a byte after a complete opcode is a literal ModRM byte
//	ib iz iv      immediates, sign-extended; ub uw: zero-extended
//	cb cz cp mo   displacement, far pointer, memory offset
//
// Where two rows match, one valid in the mode wins, then the narrower one.
//
// Flags: r= read, w= written, u= undefined, of O S Z A P C D I T K (K is AC);
// "all" is every flag. A flag in both w and u is defined in some cases.
//
// Semantics: the routine, then attributes (see Attr), cpuid= the feature that
// must be claimed, cc= a fixed condition. The units x87, mmx and sse are derived
// from the operands and written only where those do not tell.
//
// # Args
//
// Args follow the operands of the form, destination first. Arg.Size is the width
// of that operand, Inst.OpSize of the operation. For vector rows OpSize is the
// width of the memory operand (4 for ADDSS, 16 for ADDPS); rows whose operation
// has no size (CLC, CPUID, FWAIT) have OpSize 0. A plain xmm operand
// has Size 16 even if less is used; xmm2/m32 has Size 4. Signed immediates have
// Size OpSize; unsigned ones (shift counts, ports, vectors, ENTER, RET, AAM,
// shuffle controls) Size 1 or 2, and Imm is 0-255 or 0-65535. Far pointers' Imm
// is zero-extended. The count of "SHL r/mv, 1" is an Imm of 1. A register
// operand of 4 bytes is zero-extended when written, as everywhere.
//
// Not checked here, since the processor's state decides: privilege, CR4 and
// CPUID gates (Form.Attr, Form.Feature), DR4 and DR5 under CR4.DE, and the
// alignment of FXSAVE (16) and XSAVE (64) images.
//
// Mem.Seg is set for every instruction: the override, or DS, or SS where the
// base is RSP or RBP. Implied memory uses it: strings' sources, XLATB, MASKMOV.
//
// PrefixRep and PrefixRepne mean a real repeat only in rows with rep or repc;
// elsewhere the processor ignores them. When F2 or F3 is mandatory the bit is
// clear. Prefix66 and Prefix67 are as found.
//
// Routines whose arguments need a word:
//
//	mov movzx movsx   [dst src]; src is extended from its own Size
//	movtoseg          [SegReg r/m16]; also movfromseg [r/m SegReg]: a register
//	                  gets OpSize bytes, memory always 2
//	loadfar           [Reg, Mem (offset, then selector), SegReg]
//	pushseg popseg    [SegReg], OpSize bytes on the stack
//	push pop          [operand]; pushf popf pusha popa: OpSize only
//	enter             [Imm: bytes, Imm2: level]; leave: none
//	imul1 mul         [src]: rDX:rAX = rAX*src (AX = AL*src for bytes)
//	imul2             [dst src]; imul3: [dst src imm]
//	div idiv          [src]
//	cbw cwd           none; by OpSize CBW CWDE CDQE, CWD CDQ CQO
//	shl ... rcr       [dst count]; count is Imm (1 or imm8) or CL
//	shld shrd         [dst src count]
//	bt bts btr btc    [dst index]; memory with a register index is a bit string
//	bsf bsr           [dst src]; a zero source leaves dst alone
//	cmpxchg           [dst src], against AL..RAX; cmpxchg8b, cmpxchg16b: [Mem]
//	xadd xchg         [a b]
//	setcc cmovcc jcc  Inst.Cond; jcc: [Rel]
//	jmp call          [Rel] or [r/m]: near; ret: none or [Imm]
//	loop.. jcxz       [Rel]; the counter is AddrSize wide
//	jmpfar callfar    [Imm: offset, Imm2: selector] or [Mem of 4 or 6 bytes]
//	retfar            none or [Imm]; iret sysret: OpSize
//	int               [Imm]; int3 int1 into: none
//	aam aad           [Imm]
//	in                [AL/AX/EAX, port: Imm or DX]; out: [port, AL/AX/EAX]
//	movs cmps stos lods scas ins outs   none; OpSize, AddrSize, Mem.Seg
//	xlat              none; Mem.Seg:[rBX + AL]
//	bound             [Reg, Mem of two OpSize]
//	nop               may have operands; nothing is accessed
//	crc32             [dst src]; dst is 4 or 8 bytes, src its own Size
//	sgdt sidt lgdt lidt  [Mem of 6 or 10 bytes]; OpSize 2 has a 24-bit base
//	sldt str smsw     [r/m]: a register gets OpSize bytes, memory 2
//	lar lsl           [dst r/m16]
//	movtocr etc.      [dst src] with kinds CR, DR and Reg
//	invlpg invpcid    [Mem], [Reg Mem]
//	clflush           [Mem of 1 byte]: CLFLUSH, CLFLUSHOPT, CLWB
//	fxsave xsave ...  [Mem of Size 0]; OpSize 8: the form with 64-bit pointers
//	monitor mwait     none
//
//	fld fild fbld     [src]: push; fst fstp fist fistp fisttp fbstp: [dst] = ST(0)
//	fldconst          [Imm]: 0-6 for 1, log2 10, log2 e, pi, log10 2, ln 2, 0
//	fadd fsub fdiv .. [dst src]: dst = dst op src; fsubr, fdivr: dst = src op dst;
//	                  faddp and so on pop; fi...: src is an integer in memory
//	fcom fucom fcomi  [ST(0) other]; p pops once, pp twice
//	fcmovcc           [ST(0) ST(i)], Inst.Cond
//	fxch ffree ffreep [ST(i)]
//	fldenv fnstenv    [Mem of Size 0]: 14 or 28 bytes by OpSize 2 or more;
//	                  frstor, fnsave likewise, 94 or 108 bytes
//	fnop              FNOP, and FNENI, FNDISI, FNSETPM, which do nothing
//
//	movv              [dst src]: copies the whole Size (8 or 16): MOVQ mm, MOVAPS,
//	                  MOVDQU, MOVNTDQ, LDDQU and their kin
//	movd              [dst src] of 4 or 8 bytes; into mm or xmm zero-extends
//	movq              [dst src]: low 8 bytes; into xmm zero-extends
//	movdq2q           [MM XMM]
//	movss movsd       [dst src]: from memory zero-extends, between registers keeps
//	                  the rest of dst
//	movlps movhps     [dst src], one of them memory of 8 bytes: low or high half
//	pand pandn por pxor punpck[lh]dq punpck[lh]qdq   also ANDPS, UNPCKLPD and kin
//	pblendvb blendvps blendvpd sha256rnds2           third argument XMM0
//	psllw ...         count is mm or xmm or memory (its low 8 bytes), or Imm
//	maskmov           [data mask]; Mem.Seg:[rDI]
//	pinsr* insertps   [dst src imm]; a register source of INSERTPS is used whole
//	pextr* extractps  [dst src imm]; a register dst is zero-extended
//	pcmpestr*         OpSize 8: lengths in RAX and RDX, else EAX and EDX
package x86
