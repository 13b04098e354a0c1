package interp

import "testing"

// TestMMX has one line a form. The results are a Zen 4's.
func TestMMX(t *testing.T) {
	runOps(t, []op{
		{"0f db ca", "mm", "mm1=0102000000017f80"},                               // pand %mm2,%mm1
		{"0f df ca", "mm", "mm1=0000030480fe0001"},                               // pandn %mm2,%mm1
		{"0f eb ca", "mm", "mm1=7fff830480ffffff"},                               // por %mm2,%mm1
		{"0f ef ca", "mm", "mm1=7efd830480fe807f"},                               // pxor %mm2,%mm1
		{"0f fc ca", "mm", "mm1=8001830480007e7f"},                               // paddb %mm2,%mm1
		{"0f fd ca", "mm", "mm1=8101830481007f7f"},                               // paddw %mm2,%mm1
		{"0f fe ca", "mm", "mm1=8101830481017f7f"},                               // paddd %mm2,%mm1
		{"0f d4 ca", "mm", "mm1=8101830481017f7f"},                               // paddq %mm2,%mm1
		{"0f f8 ca", "mm", "mm1=7efd7dfc8002807d"},                               // psubb %mm2,%mm1
		{"0f f9 ca", "mm", "mm1=7efd7cfc7f02807d"},                               // psubw %mm2,%mm1
		{"0f fa ca", "mm", "mm1=7efd7cfc7f02807d"},                               // psubd %mm2,%mm1
		{"0f fb ca", "mm", "mm1=7efd7cfb7f02807d"},                               // psubq %mm2,%mm1
		{"0f ec ca", "mm", "mm1=7f01830480007e80"},                               // paddsb %mm2,%mm1
		{"0f ed ca", "mm", "mm1=7fff830481007f7f"},                               // paddsw %mm2,%mm1
		{"0f dc ca", "mm", "mm1=80ff830480ffffff"},                               // paddusb %mm2,%mm1
		{"0f dd ca", "mm", "mm1=810183048100ffff"},                               // paddusw %mm2,%mm1
		{"0f e8 ca", "mm", "mm1=7efd80fc7f02807d"},                               // psubsb %mm2,%mm1
		{"0f e9 ca", "mm", "mm1=7efd80007f02807d"},                               // psubsw %mm2,%mm1
		{"0f d8 ca", "mm", "mm1=7efd7d000000807d"},                               // psubusb %mm2,%mm1
		{"0f d9 ca", "mm", "mm1=7efd7cfc0000807d"},                               // psubusw %mm2,%mm1
		{"0f 74 ca", "mm", "mm1=0000000000000000"},                               // pcmpeqb %mm2,%mm1
		{"0f 75 ca", "mm", "mm1=0000000000000000"},                               // pcmpeqw %mm2,%mm1
		{"0f 76 ca", "mm", "mm1=0000000000000000"},                               // pcmpeqd %mm2,%mm1
		{"0f 64 ca", "mm", "mm1=ff000000ffff00ff"},                               // pcmpgtb %mm2,%mm1
		{"0f 65 ca", "mm", "mm1=ffff0000ffff0000"},                               // pcmpgtw %mm2,%mm1
		{"0f 66 ca", "mm", "mm1=ffffffffffffffff"},                               // pcmpgtd %mm2,%mm1
		{"0f da ca", "mm", "mm1=0102030000017f81"},                               // pminub %mm2,%mm1
		{"0f ea ca", "mm", "mm1=0102800080fffffe"},                               // pminsw %mm2,%mm1
		{"0f de ca", "mm", "mm1=7fff800480fffffe"},                               // pmaxub %mm2,%mm1
		{"0f ee ca", "mm", "mm1=7fff030400017f81"},                               // pmaxsw %mm2,%mm1
		{"0f e0 ca", "mm", "mm1=408142024080bfc0"},                               // pavgb %mm2,%mm1
		{"0f e3 ca", "mm", "mm1=408141824080bfc0"},                               // pavgw %mm2,%mm1
		{"0f d5 ca", "mm", "mm1=fefe000080ff00fe"},                               // pmullw %mm2,%mm1
		{"0f e5 ca", "mm", "mm1=0080fe7effffffff"},                               // pmulhw %mm2,%mm1
		{"0f e4 ca", "mm", "mm1=0080018200007f80"},                               // pmulhuw %mm2,%mm1
		{"0f f4 ca", "mm", "mm1=000101fdfd0300fe"},                               // pmuludq %mm2,%mm1
		{"0f f5 ca", "mm", "mm1=fefefefefffe81fd"},                               // pmaddwd %mm2,%mm1
		{"0f f6 ca", "mm", "mm1=0000000000000477"},                               // psadbw %mm2,%mm1
		{"0f f1 ca", "mm", "mm1=0000000000000000"},                               // psllw %mm2,%mm1
		{"0f f2 ca", "mm", "mm1=0000000000000000"},                               // pslld %mm2,%mm1
		{"0f f3 ca", "mm", "mm1=0000000000000000"},                               // psllq %mm2,%mm1
		{"0f d1 ca", "mm", "mm1=0000000000000000"},                               // psrlw %mm2,%mm1
		{"0f d2 ca", "mm", "mm1=0000000000000000"},                               // psrld %mm2,%mm1
		{"0f d3 ca", "mm", "mm1=0000000000000000"},                               // psrlq %mm2,%mm1
		{"0f e1 ca", "mm", "mm1=0000ffff0000ffff"},                               // psraw %mm2,%mm1
		{"0f e2 ca", "mm", "mm1=0000000000000000"},                               // psrad %mm2,%mm1
		{"0f 63 ca", "mm", "mm1=7f7f807f7f8001fe"},                               // packsswb %mm2,%mm1
		{"0f 67 ca", "mm", "mm1=ffff00ffff000100"},                               // packuswb %mm2,%mm1
		{"0f 6b ca", "mm", "mm1=7fff80007fff7fff"},                               // packssdw %mm2,%mm1
		{"0f 60 ca", "mm", "mm1=8000ff017fff81fe"},                               // punpcklbw %mm2,%mm1
		{"0f 61 ca", "mm", "mm1=80ff00017f81fffe"},                               // punpcklwd %mm2,%mm1
		{"0f 62 ca", "mm", "mm1=80ff7f810001fffe"},                               // punpckldq %mm2,%mm1
		{"0f 68 ca", "mm", "mm1=017f02ff03800400"},                               // punpckhbw %mm2,%mm1
		{"0f 69 ca", "mm", "mm1=01027fff03048000"},                               // punpckhwd %mm2,%mm1
		{"0f 6a ca", "mm", "mm1=010203047fff8000"},                               // punpckhdq %mm2,%mm1
		{"0f 38 00 ca", "mm", "mm1=ff01000000007f00"},                            // pshufb %mm2,%mm1
		{"0f 38 01 ca", "mm", "mm1=04060080ffffffff"},                            // phaddw %mm2,%mm1
		{"0f 38 02 ca", "mm", "mm1=8201828580017ffe"},                            // phaddd %mm2,%mm1
		{"0f 38 03 ca", "mm", "mm1=04060080ffffffff"},                            // phaddsw %mm2,%mm1
		{"0f 38 05 ca", "mm", "mm1=0202fe820001fffd"},                            // phsubw %mm2,%mm1
		{"0f 38 06 ca", "mm", "mm1=7ffd7c7d80027ffe"},                            // phsubd %mm2,%mm1
		{"0f 38 07 ca", "mm", "mm1=02027fff8000fffd"},                            // phsubsw %mm2,%mm1
		{"0f 38 04 ca", "mm", "mm1=027d0180ffff007f"},                            // pmaddubsw %mm2,%mm1
		{"0f 38 08 ca", "mm", "mm1=7fff800000ffff02"},                            // psignb %mm2,%mm1
		{"0f 38 09 ca", "mm", "mm1=7fff8000fffffffe"},                            // psignw %mm2,%mm1
		{"0f 38 0a ca", "mm", "mm1=7fff8000fffe0002"},                            // psignd %mm2,%mm1
		{"0f 38 0b ca", "mm", "mm1=0102fcfcfffffffe"},                            // pmulhrsw %mm2,%mm1
		{"0f 38 1c ca", "mm", "mm1=0102030480017f7f"},                            // pabsb %mm2,%mm1
		{"0f 38 1d ca", "mm", "mm1=010203047f017f81"},                            // pabsw %mm2,%mm1
		{"0f 38 1e ca", "mm", "mm1=010203047f00807f"},                            // pabsd %mm2,%mm1
		{"0f 71 f1 28", "mm", "mm1=0000000000000000"},                            // psllw $40,%mm1
		{"0f 71 d1 28", "mm", "mm1=0000000000000000"},                            // psrlw $40,%mm1
		{"0f 71 e1 28", "mm", "mm1=0000ffff0000ffff"},                            // psraw $40,%mm1
		{"0f 72 f1 28", "mm", "mm1=0000000000000000"},                            // pslld $40,%mm1
		{"0f 72 d1 28", "mm", "mm1=0000000000000000"},                            // psrld $40,%mm1
		{"0f 72 e1 28", "mm", "mm1=0000000000000000"},                            // psrad $40,%mm1
		{"0f 73 f1 28", "mm", "mm1=01fffe0000000000"},                            // psllq $40,%mm1
		{"0f 73 d1 28", "mm", "mm1=00000000007fff80"},                            // psrlq $40,%mm1
		{"0f 3a 0f ca 03", "mm", "mm1=01fffe0102030480"},                         // palignr $3,%mm2,%mm1
		{"0f 70 ca 1b", "mm", "mm1=7f8180ff03040102"},                            // pshufw $0x1b,%mm2,%mm1
		{"0f c4 c8 01", "mm rax=8001fffe12345678", "mm1=7fff80005678fffe"},       // pinsrw $1,%eax,%mm1
		{"0f c5 c2 02", "mm rax=8001fffe12345678", "rax=304"},                    // pextrw $2,%mm2,%eax
		{"0f 6e c8", "mm rax=8001fffe12345678", "mm1=0000000012345678"},          // movd %eax,%mm1
		{"48 0f 6e c8", "mm rax=8001fffe12345678", "mm1=8001fffe12345678"},       // movq %rax,%mm1
		{"0f 7e d0", "mm rax=8001fffe12345678", "rax=80ff7f81"},                  // movd %mm2,%eax
		{"48 0f 7e d0", "mm rax=8001fffe12345678", "rax=102030480ff7f81"},        // movq %mm2,%rax
		{"0f 6f ca", "mm", "mm1=0102030480ff7f81"},                               // movq %mm2,%mm1
		{"0f d7 c2", "mm rax=8001fffe12345678", "rax=d"},                         // pmovmskb %mm2,%eax
		{"f3 0f d6 ca", "mm", "x1=00000000000000000102030480ff7f81"},             // movq2dq %mm2,%xmm1
		{"0f 77", "mm", "tags=0"},                                                // emms
		{"f2 0f d6 ca", "mm int", "mm1=0102030480ff7f81"},                        // movdq2q %xmm2,%mm1
		{"0f fc 0b", "mem mm rbx=20000", "mm1=3e7f80010001ff01"},                 // paddb (%rbx),%mm1
		{"0f 60 0b", "mem mm rbx=20000", "mm1=0000000100ff03fe"},                 // punpcklbw (%rbx),%mm1
		{"0f 6f 0b", "mem mm rbx=20000", "mm1=bf80000100000003"},                 // movq (%rbx),%mm1
		{"0f 7f 13", "mem mm rbx=20000", "[20000]=0102030480ff7f81"},             // movq %mm2,(%rbx)
		{"0f e7 53 01", "mem mm rbx=20000", "[20001]=0102030480ff7f81"},          // movntq %mm2,1(%rbx)
		{"0f 7e 13", "mem mm rbx=20000", "[20000]=80ff7f81"},                     // movd %mm2,(%rbx)
		{"0f f7 ca", "mem mm rbx=20000 rdi=20000", "[20000]=0100fe"},             // maskmovq %mm2,%mm1
		{"0f 2d c9", "sgl mm", "mm1=000003e900000002 mxcsr=1fa0"},                // cvtps2pi %xmm1,%mm1
		{"0f 2c c9", "sgl mm", "mm1=000003e900000001 mxcsr=1fa0"},                // cvttps2pi %xmm1,%mm1
		{"0f 2a ca", "sgl mm", "x1=c0490fdb3f8000004b810182cefe0101 mxcsr=1fa0"}, // cvtpi2ps %mm2,%xmm1
		{"66 0f 2a ca", "sgl mm", "x1=4170203040000000c1dfc0201fc00000"},         // cvtpi2pd %mm2,%xmm1
		{"66 0f 2d c9", "dbl mm", "mm1=fffffffd00000002 mxcsr=1fa0"},             // cvtpd2pi %xmm1,%mm1
		{"66 0f 2c c9", "dbl mm", "mm1=fffffffd00000001 mxcsr=1fa0"},             // cvttpd2pi %xmm1,%mm1
	})
}

// TestMMXState: the x87 changes to MMX state, unless the instruction faults.
func TestMMXState(t *testing.T) {
	runOps(t, []op{
		{"0f fc ca", "st", "fsw=0 tags=ff p1=ffff0000000000000000"},                       // paddb %mm2,%mm1
		{"0f 7e d0", "st rax=1", "fsw=0 tags=ff rax=0"},                                   // movd %mm2,%eax
		{"0f fc 0b", "st rbx=40000", "#PF(0)"},                                            // paddb (%rbx),%mm1
		{"0f fc ca", "st fcw=37e fsw=b081", "#MF"},                                        // a pending exception
		{"0f 77", "st", "fsw=0 tags=0"},                                                   // emms
		{"0f 77", "st fcw=37e fsw=b081", "#MF"},                                           //
		{"0f 2a 0b", "st fcw=37e fsw=b081 rbx=20000", "x1=00"},                            // cvtpi2ps (%rbx),%xmm1: not MMX
		{"0f 2d ca", "st x2=3f800000 mxcsr=f80", "p1=ffff0000000000000001 fsw=0 tags=ff"}, // cvtps2pi
		{"0f 2d ca", "st x2=3fc00000 mxcsr=f80", "mxcsr=fa0 fsw=0 tags=ff #XM"},
	})
}
