package interp

import "testing"

// TestPackedInteger and the next two: one line a form. The results are a Zen 4's.
func TestPackedInteger(t *testing.T) {
	runOps(t, []op{
		{"66 0f db ca", "int", "x1=0002800000017ffe0000000400ff7f80"},                               // pand %xmm2,%xmm1
		{"66 0f df ca", "int", "x1=00000001fffe00000102030080000001"},                               // pandn %xmm2,%xmm1
		{"66 0f eb ca", "int", "x1=7fff8001fffffffe133683fe80ff7f81"},                               // por %xmm2,%xmm1
		{"66 0f ef ca", "int", "x1=7ffd0001fffe8000133683fa80000001"},                               // pxor %xmm2,%xmm1
		{"66 0f fc ca", "int", "x1=7f010001ff007efc1336830280fefe01"},                               // paddb %xmm2,%xmm1
		{"66 0f fd ca", "int", "x1=8001000100007ffc1336840281feff01"},                               // paddw %xmm2,%xmm1
		{"66 0f fe ca", "int", "x1=8002000100017ffc1336840281feff01"},                               // paddd %xmm2,%xmm1
		{"66 0f d4 ca", "int", "x1=8002000200017ffc1336840281feff01"},                               // paddq %xmm2,%xmm1
		{"66 0f f8 ca", "int", "x1=7ffd00ff0102800011327dfa800000ff"},                               // psubb %xmm2,%xmm1
		{"66 0f f9 ca", "int", "x1=7ffdffff0002800011327dfa8000ffff"},                               // psubw %xmm2,%xmm1
		{"66 0f fa ca", "int", "x1=7ffcffff0002800011327dfa7fffffff"},                               // psubd %xmm2,%xmm1
		{"66 0f fb ca", "int", "x1=7ffcfffe0002800011327df97fffffff"},                               // psubq %xmm2,%xmm1
		{"66 0f ec ca", "int", "x1=7f018001ff007efc1336830280fe7f80"},                               // paddsb %xmm2,%xmm1
		{"66 0f ed ca", "int", "x1=7fff800000007ffc1336840281fe7fff"},                               // paddsw %xmm2,%xmm1
		{"66 0f dc ca", "int", "x1=7fffff01ffffffff133683ff80fffeff"},                               // paddusb %xmm2,%xmm1
		{"66 0f dd ca", "int", "x1=8001ffffffffffff1336840281feff01"},                               // paddusw %xmm2,%xmm1
		{"66 0f e8 ca", "int", "x1=7ffd00ff01028000113280fa7f0000ff"},                               // psubsb %xmm2,%xmm1
		{"66 0f e9 ca", "int", "x1=7ffdffff00028000113280007fffffff"},                               // psubsw %xmm2,%xmm1
		{"66 0f d8 ca", "int", "x1=7ffd00000000800011327dfa00000000"},                               // psubusb %xmm2,%xmm1
		{"66 0f d9 ca", "int", "x1=7ffd00000000800011327dfa00000000"},                               // psubusw %xmm2,%xmm1
		{"66 0f 74 ca", "int", "x1=0000ff00000000ff0000000000ffff00"},                               // pcmpeqb %xmm2,%xmm1
		{"66 0f 75 ca", "int", "x1=00000000000000000000000000000000"},                               // pcmpeqw %xmm2,%xmm1
		{"66 0f 76 ca", "int", "x1=00000000000000000000000000000000"},                               // pcmpeqd %xmm2,%xmm1
		{"66 0f 64 ca", "int", "x1=ff000000ffff0000ffff0000ff000000"},                               // pcmpgtb %xmm2,%xmm1
		{"66 0f 65 ca", "int", "x1=ffff0000ffff0000ffff0000ffff0000"},                               // pcmpgtw %xmm2,%xmm1
		{"66 0f 66 ca", "int", "x1=ffffffffffffffffffffffffffffffff"},                               // pcmpgtd %xmm2,%xmm1
		{"66 0f da ca", "int", "x1=0002800000017ffe0102030400ff7f80"},                               // pminub %xmm2,%xmm1
		{"66 0f ea ca", "int", "x1=00028000fffffffe010280fe80ff7f80"},                               // pminsw %xmm2,%xmm1
		{"66 0f de ca", "int", "x1=7fff8001fffffffe123480fe80ff7f81"},                               // pmaxub %xmm2,%xmm1
		{"66 0f ee ca", "int", "x1=7fff800100017ffe1234030400ff7f81"},                               // pmaxsw %xmm2,%xmm1
		{"66 0f e0 ca", "int", "x1=408180018080bffe0a1b428140ff7f81"},                               // pavgb %xmm2,%xmm1
		{"66 0f e3 ca", "int", "x1=400180018000bffe099b420140ff7f81"},                               // pavgw %xmm2,%xmm1
		{"66 0f d5 ca", "int", "x1=fffe8000ffff00045868fdf87e01bf80"},                               // pmullw %xmm2,%xmm1
		{"66 0f e5 ca", "int", "x1=00003fffffffffff0012fe80ff813f80"},                               // pmulhw %xmm2,%xmm1
		{"66 0f e4 ca", "int", "x1=0000400000007ffd0012018400803f80"},                               // pmulhuw %xmm2,%xmm1
		{"66 0f f4 ca", "int", "x1=0001fffcfffd00040080bebf417fbf80"},                               // pmuludq %xmm2,%xmm1
		{"66 0f f5 ca", "int", "x1=40007ffeffff0003fe9356603f023d81"},                               // pmaddwd %xmm2,%xmm1
		{"66 0f f6 ca", "int", "x1=00000000000003fa000000000000023b"},                               // psadbw %xmm2,%xmm1
		{"66 0f f1 ca", "int", "x1=00000000000000000000000000000000"},                               // psllw %xmm2,%xmm1
		{"66 0f f2 ca", "int", "x1=00000000000000000000000000000000"},                               // pslld %xmm2,%xmm1
		{"66 0f f3 ca", "int", "x1=00000000000000000000000000000000"},                               // psllq %xmm2,%xmm1
		{"66 0f d1 ca", "int", "x1=00000000000000000000000000000000"},                               // psrlw %xmm2,%xmm1
		{"66 0f d2 ca", "int", "x1=00000000000000000000000000000000"},                               // psrld %xmm2,%xmm1
		{"66 0f d3 ca", "int", "x1=00000000000000000000000000000000"},                               // psrlq %xmm2,%xmm1
		{"66 0f e1 ca", "int", "x1=0000ffff0000ffff0000ffff00000000"},                               // psraw %xmm2,%xmm1
		{"66 0f e2 ca", "int", "x1=00000000000000000000000000000000"},                               // psrad %xmm2,%xmm1
		{"66 0f 63 ca", "int", "x1=0280ff7f7f7f807f7f8001fe7f807f7f"},                               // packsswb %xmm2,%xmm1
		{"66 0f 67 ca", "int", "x1=020000ffffff00ffff000100ff00ffff"},                               // packuswb %xmm2,%xmm1
		{"66 0f 6b ca", "int", "x1=7fff80007fff80007fff7fff7fff7fff"},                               // packssdw %xmm2,%xmm1
		{"66 0f 60 ca", "int", "x1=01120234038004fe8000ffff7f7f8180"},                               // punpcklbw %xmm2,%xmm1
		{"66 0f 61 ca", "int", "x1=01021234030480fe80ff00ff7f817f80"},                               // punpcklwd %xmm2,%xmm1
		{"66 0f 62 ca", "int", "x1=01020304123480fe80ff7f8100ff7f80"},                               // punpckldq %xmm2,%xmm1
		{"66 0f 68 ca", "int", "x1=007f02ff80800100ff00ff017ffffefe"},                               // punpckhbw %xmm2,%xmm1
		{"66 0f 69 ca", "int", "x1=00027fff80018000ffff00017ffefffe"},                               // punpckhwd %xmm2,%xmm1
		{"66 0f 6a ca", "int", "x1=000280017fff8000ffff7ffe0001fffe"},                               // punpckhdq %xmm2,%xmm1
		{"66 0f 38 00 ca", "int", "x1=80ff007f00007f007fff00fe00007f00"},                            // pshufb %xmm2,%xmm1
		{"66 0f 38 01 ca", "int", "x1=80037ffd04060080ffffffff9332807f"},                            // phaddw %xmm2,%xmm1
		{"66 0f 38 02 ca", "int", "x1=0001ffff8201828580017ffe1334007e"},                            // phaddd %xmm2,%xmm1
		{"66 0f 38 03 ca", "int", "x1=80037ffd04060080ffffffff93327fff"},                            // phaddsw %xmm2,%xmm1
		{"66 0f 38 05 ca", "int", "x1=7fff7fff0202fe820001fffd6eca7e81"},                            // phsubw %xmm2,%xmm1
		{"66 0f 38 06 ca", "int", "x1=fffcfffd7ffd7c7d80027ffeeecafe82"},                            // phsubd %xmm2,%xmm1
		{"66 0f 38 07 ca", "int", "x1=80007fff02027fff8000fffd80007e81"},                            // phsubsw %xmm2,%xmm1
		{"66 0f 38 04 ca", "int", "x1=01fec000ffff7c85007a0578ff01ff81"},                            // pmaddubsw %xmm2,%xmm1
		{"66 0f 38 08 ca", "int", "x1=00ff800000ffff02123480fe00017f80"},                            // psignb %xmm2,%xmm1
		{"66 0f 38 09 ca", "int", "x1=7fff8000fffffffe123480feff017f80"},                            // psignw %xmm2,%xmm1
		{"66 0f 38 0a ca", "int", "x1=7fff8000fffe0002123480feff008080"},                            // psignd %xmm2,%xmm1
		{"66 0f 38 0b ca", "int", "x1=00027fff0000fffe0025fd02ff037f01"},                            // pmulhrsw %xmm2,%xmm1
		{"66 0f 38 1c ca", "int", "x1=0002800101017f020102030480017f7f"},                            // pabsb %xmm2,%xmm1
		{"66 0f 38 1d ca", "int", "x1=00027fff00017ffe010203047f017f81"},                            // pabsw %xmm2,%xmm1
		{"66 0f 38 1e ca", "int", "x1=0002800100008002010203047f00807f"},                            // pabsd %xmm2,%xmm1
		{"66 0f 6c ca", "int", "x1=0102030480ff7f81123480fe00ff7f80"},                               // punpcklqdq %xmm2,%xmm1
		{"66 0f 6d ca", "int", "x1=00028001ffff7ffe7fff80000001fffe"},                               // punpckhqdq %xmm2,%xmm1
		{"66 0f 38 29 ca", "int", "x1=00000000000000000000000000000000"},                            // pcmpeqq %xmm2,%xmm1
		{"66 0f 38 37 ca", "int", "x1=ffffffffffffffffffffffffffffffff"},                            // pcmpgtq %xmm2,%xmm1
		{"66 0f 38 2b ca", "int", "x1=ffff0000ffff0000ffffffffffffffff"},                            // packusdw %xmm2,%xmm1
		{"66 0f 38 38 ca", "int", "x1=00ff8000fffffffe010280fe80ff7f80"},                            // pminsb %xmm2,%xmm1
		{"66 0f 38 39 ca", "int", "x1=00028001ffff7ffe0102030480ff7f81"},                            // pminsd %xmm2,%xmm1
		{"66 0f 38 3a ca", "int", "x1=0002800000017ffe0102030400ff7f80"},                            // pminuw %xmm2,%xmm1
		{"66 0f 38 3b ca", "int", "x1=000280010001fffe0102030400ff7f80"},                            // pminud %xmm2,%xmm1
		{"66 0f 38 3c ca", "int", "x1=7f02800100017ffe1234030400ff7f81"},                            // pmaxsb %xmm2,%xmm1
		{"66 0f 38 3d ca", "int", ""},                                                               // pmaxsd %xmm2,%xmm1
		{"66 0f 38 3e ca", "int", "x1=7fff8001fffffffe123480fe80ff7f81"},                            // pmaxuw %xmm2,%xmm1
		{"66 0f 38 3f ca", "int", "x1=7fff8000ffff7ffe123480fe80ff7f81"},                            // pmaxud %xmm2,%xmm1
		{"66 0f 38 40 ca", "int", "x1=3fff8000fffd0004e650fdf8417fbf80"},                            // pmulld %xmm2,%xmm1
		{"66 0f 38 28 ca", "int", "x1=fffffffefffd0004ff813f3f417fbf80"},                            // pmuldq %xmm2,%xmm1
		{"66 0f 38 41 ca", "int", "x1=00000000000000000000000000070002"},                            // phminposuw %xmm2,%xmm1
		{"66 0f 38 17 ca", "int", ""},                                                               // ptest %xmm2,%xmm1
		{"66 0f 38 10 ca", "int", "x1=0002800000ff7ffe123480fe00ff7f81"},                            // pblendvb %xmm2,%xmm1
		{"66 0f 38 14 ca", "int", "x1=000280010001fffe123480fe00ff7f80"},                            // blendvps %xmm2,%xmm1
		{"66 0f 38 15 ca", "int", "x1=00028001ffff7ffe123480fe00ff7f80"},                            // blendvpd %xmm2,%xmm1
		{"66 0f 38 20 ca", "int", "x1=0001000200030004ff80ffff007fff81"},                            // pmovsxbw %xmm2,%xmm1
		{"66 0f 38 21 ca", "int", "x1=ffffff80ffffffff0000007fffffff81"},                            // pmovsxbd %xmm2,%xmm1
		{"66 0f 38 22 ca", "int", "x1=000000000000007fffffffffffffff81"},                            // pmovsxbq %xmm2,%xmm1
		{"66 0f 38 23 ca", "int", "x1=0000010200000304ffff80ff00007f81"},                            // pmovsxwd %xmm2,%xmm1
		{"66 0f 38 24 ca", "int", "x1=ffffffffffff80ff0000000000007f81"},                            // pmovsxwq %xmm2,%xmm1
		{"66 0f 38 25 ca", "int", "x1=0000000001020304ffffffff80ff7f81"},                            // pmovsxdq %xmm2,%xmm1
		{"66 0f 38 30 ca", "int", "x1=0001000200030004008000ff007f0081"},                            // pmovzxbw %xmm2,%xmm1
		{"66 0f 38 31 ca", "int", "x1=00000080000000ff0000007f00000081"},                            // pmovzxbd %xmm2,%xmm1
		{"66 0f 38 32 ca", "int", "x1=000000000000007f0000000000000081"},                            // pmovzxbq %xmm2,%xmm1
		{"66 0f 38 33 ca", "int", "x1=0000010200000304000080ff00007f81"},                            // pmovzxwd %xmm2,%xmm1
		{"66 0f 38 34 ca", "int", "x1=00000000000080ff0000000000007f81"},                            // pmovzxwq %xmm2,%xmm1
		{"66 0f 38 35 ca", "int", "x1=00000000010203040000000080ff7f81"},                            // pmovzxdq %xmm2,%xmm1
		{"0f 28 ca", "int", "x1=00028001ffff7ffe0102030480ff7f81"},                                  // movaps %xmm2,%xmm1
		{"f3 0f 6f ca", "int", "x1=00028001ffff7ffe0102030480ff7f81"},                               // movdqu %xmm2,%xmm1
		{"f3 0f 12 ca", "int", "x1=ffff7ffeffff7ffe80ff7f8180ff7f81"},                               // movsldup %xmm2,%xmm1
		{"f3 0f 16 ca", "int", "x1=00028001000280010102030401020304"},                               // movshdup %xmm2,%xmm1
		{"f2 0f 12 ca", "int", "x1=0102030480ff7f810102030480ff7f81"},                               // movddup %xmm2,%xmm1
		{"f3 0f 10 ca", "int", "x1=7fff80000001fffe123480fe80ff7f81"},                               // movss %xmm2,%xmm1
		{"f2 0f 10 ca", "int", "x1=7fff80000001fffe0102030480ff7f81"},                               // movsd %xmm2,%xmm1
		{"0f 12 ca", "int", "x1=7fff80000001fffe00028001ffff7ffe"},                                  // movhlps %xmm2,%xmm1
		{"0f 16 ca", "int", "x1=0102030480ff7f81123480fe00ff7f80"},                                  // movlhps %xmm2,%xmm1
		{"f3 0f 7e ca", "int", "x1=00000000000000000102030480ff7f81"},                               // movq %xmm2,%xmm1
		{"66 0f 71 f1 05", "int", "x1=ffe000000020ffc046801fc01fe0f000"},                            // psllw $5,%xmm1
		{"66 0f 71 d1 05", "int", "x1=03ff0400000007ff00910407000703fc"},                            // psrlw $5,%xmm1
		{"66 0f 71 e1 05", "int", "x1=03fffc000000ffff0091fc07000703fc"},                            // psraw $5,%xmm1
		{"66 0f 72 f1 05", "int", "x1=fff00000003fffc046901fc01feff000"},                            // pslld $5,%xmm1
		{"66 0f 72 d1 05", "int", "x1=03fffc0000000fff0091a4070007fbfc"},                            // psrld $5,%xmm1
		{"66 0f 72 e1 05", "int", "x1=03fffc0000000fff0091a4070007fbfc"},                            // psrad $5,%xmm1
		{"66 0f 73 f1 05", "int", "x1=fff00000003fffc046901fc01feff000"},                            // psllq $5,%xmm1
		{"66 0f 73 d1 05", "int", "x1=03fffc0000000fff0091a407f007fbfc"},                            // psrlq $5,%xmm1
		{"66 0f 71 e1 c8", "int", "x1=0000ffff0000ffff0000ffff00000000"},                            // psraw $200,%xmm1
		{"66 0f 73 d9 05", "int", "x1=00000000007fff80000001fffe123480"},                            // psrldq $5,%xmm1
		{"66 0f 73 f9 05", "int", "x1=01fffe123480fe00ff7f800000000000"},                            // pslldq $5,%xmm1
		{"66 0f 73 f9 10", "int", "x1=00000000000000000000000000000000"},                            // pslldq $16,%xmm1
		{"66 0f 3a 0f ca 05", "int", "x1=fe00ff7f8000028001ffff7ffe010203"},                         // palignr $5,%xmm2,%xmm1
		{"66 0f 3a 0f ca 15", "int", "x1=00000000007fff80000001fffe123480"},                         // palignr $21,%xmm2,%xmm1
		{"66 0f 70 ca 1b", "int", "x1=80ff7f8101020304ffff7ffe00028001"},                            // pshufd $0x1b,%xmm2,%xmm1
		{"f2 0f 70 ca 1b", "int", "x1=00028001ffff7ffe7f8180ff03040102"},                            // pshuflw $0x1b,%xmm2,%xmm1
		{"f3 0f 70 ca 1b", "int", "x1=7ffeffff800100020102030480ff7f81"},                            // pshufhw $0x1b,%xmm2,%xmm1
		{"0f c6 ca 1b", "int", "x1=80ff7f81010203040001fffe7fff8000"},                               // shufps $0x1b,%xmm2,%xmm1
		{"66 0f c6 ca 01", "int", "x1=0102030480ff7f817fff80000001fffe"},                            // shufpd $1,%xmm2,%xmm1
		{"66 0f 3a 0e ca a5", "int", "x1=00028000fffffffe1234030400ff7f81"},                         // pblendw $0xa5,%xmm2,%xmm1
		{"66 0f 3a 0c ca 05", "int", "x1=7fff8000ffff7ffe123480fe80ff7f81"},                         // blendps $5,%xmm2,%xmm1
		{"66 0f 3a 0d ca 02", "int", "x1=00028001ffff7ffe123480fe00ff7f80"},                         // blendpd $2,%xmm2,%xmm1
		{"66 0f 3a 42 ca 06", "int", "x1=01fc02fa027d027d0269013801b701b9"},                         // mpsadbw $6,%xmm2,%xmm1
		{"66 0f 3a 21 ca 9a", "int", "x1=000000000001fffe0000000000ff7f80"},                         // insertps $0x9a,%xmm2,%xmm1
		{"66 0f 3a 20 c8 09", "int rax=8001fffe12345678", "x1=7fff8000000178fe123480fe00ff7f80"},    // pinsrb $9,%eax,%xmm1
		{"66 0f c4 c8 05", "int rax=8001fffe12345678", "x1=7fff80005678fffe123480fe00ff7f80"},       // pinsrw $5,%eax,%xmm1
		{"66 0f 3a 22 c8 02", "int rax=8001fffe12345678", "x1=7fff800012345678123480fe00ff7f80"},    // pinsrd $2,%eax,%xmm1
		{"66 48 0f 3a 22 c8 01", "int rax=8001fffe12345678", "x1=8001fffe12345678123480fe00ff7f80"}, // pinsrq $1,%rax,%xmm1
		{"66 0f 3a 14 d0 09", "int rax=8001fffe12345678", "rax=7f"},                                 // pextrb $9,%xmm2,%eax
		{"66 0f c5 c2 05", "int rax=8001fffe12345678", "rax=ffff"},                                  // pextrw $5,%xmm2,%eax
		{"66 0f 3a 15 d0 05", "int", "rax=ffff"},                                                    // .byte 0x66,0x0f,0x3a,0x15,0xd0,0x05
		{"66 0f 3a 16 d0 02", "int rax=8001fffe12345678", "rax=ffff7ffe"},                           // pextrd $2,%xmm2,%eax
		{"66 48 0f 3a 16 d0 01", "int rax=8001fffe12345678", "rax=28001ffff7ffe"},                   // pextrq $1,%xmm2,%rax
		{"66 0f 3a 17 d0 03", "int rax=8001fffe12345678", "rax=28001"},                              // extractps $3,%xmm2,%eax
		{"66 0f 6e c8", "int rax=8001fffe12345678", "x1=00000000000000000000000012345678"},          // movd %eax,%xmm1
		{"66 48 0f 6e c8", "int rax=8001fffe12345678", "x1=00000000000000008001fffe12345678"},       // movq %rax,%xmm1
		{"66 0f 7e d0", "int rax=8001fffe12345678", "rax=80ff7f81"},                                 // movd %xmm2,%eax
		{"66 48 0f 7e d0", "int rax=8001fffe12345678", "rax=102030480ff7f81"},                       // movq %xmm2,%rax
		{"66 0f d7 c2", "int rax=8001fffe12345678", "rax=2d0d"},                                     // pmovmskb %xmm2,%eax
		{"0f 50 c2", "int rax=8001fffe12345678", "rax=5"},                                           // movmskps %xmm2,%eax
		{"66 0f 50 c2", "int rax=8001fffe12345678", "rax=0"},                                        // movmskpd %xmm2,%eax
		{"0f 5b ca", "int", "x1=48200040c70002004b810182cefe0101 mxcsr=1fa0"},                       // cvtdq2ps %xmm2,%xmm1
		{"f3 0f e6 ca", "int", "x1=4170203040000000c1dfc0201fc00000"},                               // cvtdq2pd %xmm2,%xmm1
	})
}

// TestVectorMemory reads and writes memory.
func TestVectorMemory(t *testing.T) {
	runOps(t, []op{
		{"0f 10 0b", "mem rbx=20000", "x1=4024000000000000bf80000100000003"},                                      // movups (%rbx),%xmm1
		{"0f 12 0b", "mem rbx=20000", "x1=0000000000000000bf80000100000003"},                                      // movlps (%rbx),%xmm1
		{"0f 16 0b", "mem rbx=20000", "x1=bf800001000000030000000000000000"},                                      // movhps (%rbx),%xmm1
		{"f3 0f 10 0b", "mem rbx=20000", "x1=00000000000000000000000000000003"},                                   // movss (%rbx),%xmm1
		{"f2 0f 10 0b", "mem rbx=20000", "x1=0000000000000000bf80000100000003"},                                   // movsd (%rbx),%xmm1
		{"f2 0f 12 0b", "mem rbx=20000", "x1=bf80000100000003bf80000100000003"},                                   // movddup (%rbx),%xmm1
		{"f2 0f f0 4b 01", "mem rbx=20000", "x1=004024000000000000bf800001000000"},                                // lddqu 1(%rbx),%xmm1
		{"66 0f 6f 0b", "mem rbx=20000", "x1=4024000000000000bf80000100000003"},                                   // movdqa (%rbx),%xmm1
		{"66 0f ef 0b", "mem rbx=20000", "x1=4024000000000000bf80000100000003"},                                   // pxor (%rbx),%xmm1
		{"66 0f 3a 20 0b 03", "mem rbx=20000", "x1=00000000000000000000000003000000"},                             // pinsrb $3,(%rbx),%xmm1
		{"66 0f 38 22 0b", "mem rbx=20000", "x1=00000000000000000000000000000003"},                                // pmovsxbq (%rbx),%xmm1
		{"66 0f 3a 21 0b d0", "mem rbx=20000", "x1=00000000000000000000000300000000"},                             // insertps $0xd0,(%rbx),%xmm1
		{"f2 0f 2a 0b", "mem rbx=20000", "x1=00000000000000004008000000000000"},                                   // cvtsi2sdl (%rbx),%xmm1
		{"f3 48 0f 2a 0b", "mem rbx=20000", "x1=000000000000000000000000de810000 mxcsr=1fa0"},                     // cvtsi2ssq (%rbx),%xmm1
		{"0f 2a 0b", "mem rbx=20000", "x1=0000000000000000ce81000040400000 mxcsr=1fa0"},                           // cvtpi2ps (%rbx),%xmm1
		{"0f 11 53 01", "mem int rbx=20000", "[20001]=028001ffff7ffe0102030480ff7f81"},                            // movups %xmm2,1(%rbx)
		{"66 0f e7 13", "mem int rbx=20000", "[20000]=00028001ffff7ffe0102030480ff7f81"},                          // movntdq %xmm2,(%rbx)
		{"0f 13 13", "mem int rbx=20000", "[20000]=0102030480ff7f81"},                                             // movlps %xmm2,(%rbx)
		{"0f 17 13", "mem int rbx=20000", "[20000]=00028001ffff7ffe"},                                             // movhps %xmm2,(%rbx)
		{"f3 0f 11 13", "mem int rbx=20000", "[20000]=80ff7f81"},                                                  // movss %xmm2,(%rbx)
		{"f2 0f 11 13", "mem int rbx=20000", "[20000]=0102030480ff7f81"},                                          // movsd %xmm2,(%rbx)
		{"66 0f d6 13", "mem int rbx=20000", "[20000]=0102030480ff7f81"},                                          // movq %xmm2,(%rbx)
		{"66 0f 7e 13", "mem int rbx=20000", "[20000]=80ff7f81"},                                                  // movd %xmm2,(%rbx)
		{"66 0f 3a 14 13 09", "mem int rbx=20000", "[20000]=7f"},                                                  // pextrb $9,%xmm2,(%rbx)
		{"66 0f 3a 15 13 05", "mem int rbx=20000", "[20000]=ffff"},                                                // pextrw $5,%xmm2,(%rbx)
		{"66 0f 3a 17 13 03", "mem int rbx=20000", "[20000]=028001"},                                              // extractps $3,%xmm2,(%rbx)
		{"66 0f f7 ca", "mem int rbx=20000 rdi=20000", "[20000]=8000000100febf80000100ff0080"},                    // maskmovdqu %xmm2,%xmm1
		{"0f 10 0b", "rbx=20ff8 [20ff8]=0f0e0d0c0b0a09080706050403020100", "x1=0f0e0d0c0b0a09080706050403020100"}, // movups across pages
		{"0f 11 13", "int rbx=20ff8", "[20ff8]=00028001ffff7ffe0102030480ff7f81"},
		{"0f 11 13", "int rbx=40ff8", "#PF(2)"}, // first page absent
		{"0f 11 13", "int rbx=3fff8", "#PF(2)"}, // second page absent: nothing stored
		{"0f 10 0b", "rbx=3fff8", "#PF(0)"},
		{"0f 28 0b", "rbx=20008", "#GP(0)"},        // movaps (%rbx),%xmm1
		{"66 0f 7f 0b", "rbx=20008", "#GP(0)"},     // movdqa %xmm1,(%rbx)
		{"66 0f ef 0b", "rbx=20001", "#GP(0)"},     // pxor (%rbx),%xmm1
		{"66 0f ef 0b", "m32 rbx=20001", "#GP(0)"}, // in 32-bit code
		{"0f 10 0b", "cr4=20", "#UD"},              // CR4.OSFXSR clear
		{"0f 10 0b", "cr0=80000039", "#NM"},        // CR0.TS
		{"0f 10 0b", "cr0=80000035", "#UD"},        // CR0.EM
		{"66 0f f7 ca", "int rdi=3fff8", "#PF(2)"}, // maskmovdqu %xmm2,%xmm1
	})
}

// TestText compares strings.
func TestText(t *testing.T) {
	runOps(t, []op{
		{"66 0f 3a 63 ca 00", "txt rax=5 rdx=10", "rcx=0 CF ZF SF OF"},                               // pcmpistri $0x00,%xmm2,%xmm1
		{"66 0f 3a 63 ca 04", "txt rax=5 rdx=10", "rcx=0 CF ZF SF OF"},                               // pcmpistri $0x04,%xmm2,%xmm1
		{"66 0f 3a 63 ca 18", "txt rax=5 rdx=10", "rcx=0 CF ZF SF OF"},                               // pcmpistri $0x18,%xmm2,%xmm1
		{"66 0f 3a 63 ca 4c", "txt rax=5 rdx=10", "rcx=10 ZF SF"},                                    // pcmpistri $0x4c,%xmm2,%xmm1
		{"66 0f 3a 63 ca 0d", "txt rax=5 rdx=10", "rcx=8 SF"},                                        // pcmpistri $0x0d,%xmm2,%xmm1
		{"66 0f 3a 62 ca 40", "txt rax=5 rdx=10", "x0=0000ffffff00ff00ff00ffffffff00ff CF ZF SF OF"}, // pcmpistrm $0x40,%xmm2,%xmm1
		{"66 0f 3a 62 ca 3a", "txt rax=5 rdx=10", "x0=0000000000000000000000000000fff7 CF ZF SF OF"}, // pcmpistrm $0x3a,%xmm2,%xmm1
		{"66 0f 3a 61 ca 08", "txt rax=5 rdx=10", "rcx=3 CF SF"},                                     // pcmpestri $0x08,%xmm2,%xmm1
		{"66 0f 3a 60 ca 7d", "txt rax=5 rdx=10", "x0=ffffffffffffffffffffffffffffffff CF SF OF"},    // pcmpestrm $0x7d,%xmm2,%xmm1
	})
}
