package asm

// forms lists what the assembler knows: a mnemonic with its operands, and the
// encoding, in the manner of the SDM's opcode tables (vol. 2A, 3.1.1). Of the
// lines that fit, the first counts.
//
// Operands: rb r4 r8 rv are general registers of 1, 4, 8, and 2 to 8 bytes; mb mw
// md mq mv are such registers or memory; m is memory of any size, x an XMM
// register, xm one or memory, p and pm the same for MMX, s a segment register, c
// a control register; al, av, cl, dx and 1 are themselves; ib is a constant
// that fits into a signed byte, ub into any byte, iz into a signed word of up to
// 32 bits, iq is any; rel a label.
//
// Encodings: w is REX.W; + adds the register to the opcode; /r and /0 to /7 are
// ModRM; ib, iz, iq and rel follow at the end. The size of a v decides on 66 and
// REX.W unless d64 says that it is 8 bytes anyway.
const forms = `
nop            | 90
ret            | c3
iretq          | w cf
hlt            | f4
cli            | fa
sti            | fb
cld            | fc
std            | fd
stc            | f9
clc            | f8
cmc            | f5
int3           | cc
ud2            | 0f 0b
syscall        | 0f 05
sysretq        | w 0f 07
swapgs         | 0f 01 f8
rdtsc          | 0f 31
cpuid          | 0f a2
rdmsr          | 0f 32
wrmsr          | 0f 30
lahf           | 9f
sahf           | 9e
pushfq         | 9c
popfq          | 9d
leave          | c9
cdqe           | w 98
cqo            | w 99
movsb          | a4
movsd          | a5
movsq          | w a5
cmpsb          | a6
cmpsd          | a7
stosb          | aa
stosd          | ab
stosq          | w ab
lodsb          | ac
lodsd          | ad
lodsq          | w ad
scasb          | ae
int ub         | cd ib
mov rb, ub     | b0 + ib
mov rb, mb     | 8a /r
mov rv, mv     | 8b /r
mov mb, rb     | 88 /r
mov mv, rv     | 89 /r
mov r8, iz     | w c7 /0 iz
mov r4, iq     | b8 + iz
mov r8, iq     | w b8 + iq
mov mb, ub     | c6 /0 ib
mov mv, iz     | c7 /0 iz
mov mw, s      | 8c /r
mov s, mw      | 8e /r
mov c, r8      | 0f 22 /r
mov mq, c      | 0f 20 /r
lea rv, m      | 8d /r
xchg mb, rb    | 86 /r
xchg mv, rv    | 87 /r
movzx rv, mb   | 0f b6 /r
movzx rv, mw   | 0f b7 /r
movsx rv, mb   | 0f be /r
movsx rv, mw   | 0f bf /r
movsxd r8, md  | w 63 /r
bswap rv       | 0f c8 +
push r8        | d64 50 +
pop r8         | d64 58 +
push ib        | 6a ib
push iz        | 68 iz
push mq        | d64 ff /6
pop mq         | d64 8f /0
test mb, rb    | 84 /r
test mv, rv    | 85 /r
test mb, ub    | f6 /0 ib
test mv, iz    | f7 /0 iz
inc mb         | fe /0
inc mv         | ff /0
dec mb         | fe /1
dec mv         | ff /1
not mv         | f7 /2
neg mv         | f7 /3
mul mv         | f7 /4
imul mv        | f7 /5
div mv         | f7 /6
idiv mv        | f7 /7
imul rv, mv    | 0f af /r
imul rv, mv, iz | 69 /r iz
shld mv, rv, ub | 0f a4 /r ib
shrd mv, rv, cl | 0f ad /r
bt mv, rv      | 0f a3 /r
bts mv, rv     | 0f ab /r
btr mv, rv     | 0f b3 /r
bts mv, ub     | 0f ba /5 ib
btc mv, ub     | 0f ba /7 ib
bsf rv, mv     | 0f bc /r
bsr rv, mv     | 0f bd /r
popcnt rv, mv  | f3 0f b8 /r
xadd mv, rv    | 0f c1 /r
cmpxchg mv, rv | 0f b1 /r
cmpxchg8b m    | 0f c7 /1
cmpxchg16b m   | w 0f c7 /1
jmp rel        | e9 rel
jmp mq         | d64 ff /4
call rel       | e8 rel
call mq        | d64 ff /2
in al, ub      | e4 ib
in al, dx      | ec
in av, dx      | ed
out ub, al     | e6 ib
out dx, al     | ee
out dx, av     | ef
lgdt m         | 0f 01 /2
lidt m         | 0f 01 /3
invlpg m       | 0f 01 /7
ltr mw         | 0f 00 /3
emms           | 0f 77
movd p, md     | 0f 6e /r
movd md, p     | 0f 7e /r
movq p, pm     | 0f 6f /r
paddw p, pm    | 0f fd /r
punpcklbw p, pm | 0f 60 /r
movd x, md     | 66 0f 6e /r
movd md, x     | 66 0f 7e /r
movq mq, x     | 66 w 0f 7e /r
movq x, mq     | 66 w 0f 6e /r
movdqu x, xm   | f3 0f 6f /r
movdqu m, x    | f3 0f 7f /r
movdqa x, xm   | 66 0f 6f /r
movdqa m, x    | 66 0f 7f /r
paddb x, xm    | 66 0f fc /r
paddd x, xm    | 66 0f fe /r
paddq x, xm    | 66 0f d4 /r
psubd x, xm    | 66 0f fa /r
pxor x, xm     | 66 0f ef /r
pand x, xm     | 66 0f db /r
pmuludq x, xm  | 66 0f f4 /r
pcmpgtd x, xm  | 66 0f 66 /r
pshufd x, xm, ub | 66 0f 70 /r ib
pslld x, ub    | 66 0f 72 /6 ib
psrlq x, ub    | 66 0f 73 /2 ib
punpckldq x, xm | 66 0f 62 /r
pshufb x, xm   | 66 0f 38 00 /r
pmovmskb r4, x | 66 0f d7 /r
cvtsi2sd x, mv | f2 0f 2a /r
cvttsd2si rv, xm | f2 0f 2c /r
movsd x, xm   | f2 0f 10 /r
movsd m, x    | f2 0f 11 /r
addsd x, xm    | f2 0f 58 /r
mulsd x, xm    | f2 0f 59 /r
subsd x, xm    | f2 0f 5c /r
divsd x, xm    | f2 0f 5e /r
sqrtsd x, xm   | f2 0f 51 /r
ucomisd x, xm  | 66 0f 2e /r
fninit         | db e3
fld1           | d9 e8
fldpi          | d9 eb
fsqrt          | d9 fa
faddp          | de c1
fmulp          | de c9
fdivp          | de f9
fxch           | d9 c9
fild md        | db /0
fild mq        | df /5
fistp mq       | df /7
fld mq         | dd /0
fstp mq        | dd /3
fnstcw m       | d9 /7
`

// aluForms are the eight operations that share their encodings, by opcode bits
// 5:3; shiftForms those of group 2, by ModRM bits 5:3 ("-" is none of ours).
const (
	aluForms   = "add or adc sbb and sub xor cmp"
	shiftForms = "rol ror rcl rcr shl shr - sar"
	conditions = "o no b ae e ne be a s ns p np l ge le g"
)
