package interp

import "testing"

// TestSSEFloat has one line a form. The results are a Zen 4's.
func TestSSEFloat(t *testing.T) {
	runOps(t, []op{
		{"0f 58 ca", "sgl", "x1=4076f0253fa66666447a40003f400000 mxcsr=1fa0"},    // addps %xmm2,%xmm1
		{"f3 0f 58 ca", "sgl", "x1=c0490fdb3f800000447a40003f400000"},            // addss %xmm2,%xmm1
		{"66 0f 58 ca", "dbl", "x1=401b6f0255dde9744012000000000000"},            // addpd %xmm2,%xmm1
		{"f2 0f 58 ca", "dbl", "x1=c00921fb54442d184012000000000000"},            // addsd %xmm2,%xmm1
		{"0f 5c ca", "sgl", "x1=c12243f73f333333447a400040100000 mxcsr=1fa0"},    // subps %xmm2,%xmm1
		{"f3 0f 5c ca", "sgl", "x1=c0490fdb3f800000447a400040100000"},            // subss %xmm2,%xmm1
		{"66 0f 5c ca", "dbl", "x1=c02a487ed5110b46bff8000000000000"},            // subpd %xmm2,%xmm1
		{"f2 0f 5c ca", "dbl", "x1=c00921fb54442d18bff8000000000000"},            // subsd %xmm2,%xmm1
		{"0f 59 ca", "sgl", "x1=c1afede03e99999a00000000bf900000 mxcsr=1fa0"},    // mulps %xmm2,%xmm1
		{"f3 0f 59 ca", "sgl", "x1=c0490fdb3f800000447a4000bf900000"},            // mulss %xmm2,%xmm1
		{"66 0f 59 ca", "dbl", "x1=c03f6a7a2955385e4012000000000000"},            // mulpd %xmm2,%xmm1
		{"f2 0f 59 ca", "dbl", "x1=c00921fb54442d184012000000000000"},            // mulsd %xmm2,%xmm1
		{"0f 5e ca", "sgl", "x1=bee5c8fa405555557f800000c0000000 mxcsr=1fa4"},    // divps %xmm2,%xmm1
		{"f3 0f 5e ca", "sgl", "x1=c0490fdb3f800000447a4000c0000000"},            // divss %xmm2,%xmm1
		{"66 0f 5e ca", "dbl", "x1=bfd41b2f769cf0e03fe0000000000000"},            // divpd %xmm2,%xmm1
		{"f2 0f 5e ca", "dbl", "x1=c00921fb54442d183fe0000000000000"},            // divsd %xmm2,%xmm1
		{"0f 5d ca", "sgl", "x1=c0490fdb3e99999a00000000bf400000"},               // minps %xmm2,%xmm1
		{"f3 0f 5d ca", "sgl", "x1=c0490fdb3f800000447a4000bf400000"},            // minss %xmm2,%xmm1
		{"66 0f 5d ca", "dbl", ""},                                               // minpd %xmm2,%xmm1
		{"f2 0f 5d ca", "dbl", ""},                                               // minsd %xmm2,%xmm1
		{"0f 5f ca", "sgl", "x1=40e000003f800000447a40003fc00000"},               // maxps %xmm2,%xmm1
		{"f3 0f 5f ca", "sgl", ""},                                               // maxss %xmm2,%xmm1
		{"66 0f 5f ca", "dbl", "x1=40240000000000004008000000000000"},            // maxpd %xmm2,%xmm1
		{"f2 0f 5f ca", "dbl", "x1=c00921fb54442d184008000000000000"},            // maxsd %xmm2,%xmm1
		{"0f 51 ca", "sgl", "x1=402953fd3f0c378c00000000ffc00000 mxcsr=1fa1"},    // sqrtps %xmm2,%xmm1
		{"f3 0f 51 ca", "sgl", "x1=c0490fdb3f800000447a4000ffc00000 mxcsr=1f81"}, // sqrtss %xmm2,%xmm1
		{"66 0f 51 ca", "dbl", "x1=40094c583ada5b533ffbb67ae8584caa mxcsr=1fa0"}, // sqrtpd %xmm2,%xmm1
		{"f2 0f 51 ca", "dbl", "x1=c00921fb54442d183ffbb67ae8584caa mxcsr=1fa0"}, // sqrtsd %xmm2,%xmm1
		{"0f 53 ca", "sgl", "x1=3e124000405550007f800000bfaaa800"},               // rcpps %xmm2,%xmm1
		{"f3 0f 53 c9", "sgl", "x1=c0490fdb3f800000447a40003f2aa800"},            // rcpss %xmm1,%xmm1
		{"0f 52 ca", "sgl", "x1=3ec180003fe9b0007f800000ffc00000"},               // rsqrtps %xmm2,%xmm1
		{"f3 0f 52 c9", "sgl", "x1=c0490fdb3f800000447a40003f510800"},            // rsqrtss %xmm1,%xmm1
		{"0f c2 ca 01", "sgl", "x1=ffffffff000000000000000000000000"},            // cmpltps %xmm2,%xmm1
		{"f3 0f c2 ca 04", "sgl", "x1=c0490fdb3f800000447a4000ffffffff"},         // cmpneqss %xmm2,%xmm1
		{"0f 2f ca", "sgl", ""},   // comiss %xmm2,%xmm1
		{"0f 2e d1", "sgl", "CF"}, // ucomiss %xmm1,%xmm2
		{"f2 0f 7c ca", "sgl", "x1=40e9999abf400000c0090fdb447aa000 mxcsr=1fa0"},                         // haddps %xmm2,%xmm1
		{"f2 0f 7d ca", "sgl", "x1=c0d66666bf400000408487eec479e000 mxcsr=1fa0"},                         // hsubps %xmm2,%xmm1
		{"f2 0f d0 ca", "sgl", "x1=4076f0253f333333447a400040100000"},                                    // addsubps %xmm2,%xmm1
		{"66 0f 3a 08 ca 01", "sgl", "x1=40e000000000000000000000bf800000 mxcsr=1fa0"},                   // roundps $1,%xmm2,%xmm1
		{"66 0f 3a 0a ca 02", "sgl", "x1=c0490fdb3f800000447a400080000000 mxcsr=1fa0"},                   // roundss $2,%xmm2,%xmm1
		{"66 0f 3a 40 ca b7", "sgl", "x1=00000000c1b8ede0c1b8ede0c1b8ede0 mxcsr=1fa0"},                   // dpps $0xb7,%xmm2,%xmm1
		{"f3 0f 2d c1", "sgl rax=8001fffe12345678", "mxcsr=1fa0 rax=2"},                                  // cvtss2si %xmm1,%eax
		{"f3 48 0f 2c c1", "sgl rax=8001fffe12345678", "mxcsr=1fa0 rax=1"},                               // cvttss2si %xmm1,%rax
		{"f3 0f 5a ca", "sgl", "x1=c0490fdb3f800000bfe8000000000000"},                                    // cvtss2sd %xmm2,%xmm1
		{"0f 5a ca", "sgl", "x1=0000000000000000bfe8000000000000"},                                       // cvtps2pd %xmm2,%xmm1
		{"66 0f 5b ca", "sgl", "x1=000000070000000000000000ffffffff mxcsr=1fa0"},                         // cvtps2dq %xmm2,%xmm1
		{"f3 0f 5b ca", "sgl", "x1=00000007000000000000000000000000 mxcsr=1fa0"},                         // cvttps2dq %xmm2,%xmm1
		{"66 0f c2 ca 02", "dbl", "x1=ffffffffffffffffffffffffffffffff"},                                 // cmplepd %xmm2,%xmm1
		{"f2 0f c2 ca 03", "dbl", "x1=c00921fb54442d180000000000000000"},                                 // cmpunordsd %xmm2,%xmm1
		{"66 0f 2f c9", "dbl", "ZF"},                                                                     // comisd %xmm1,%xmm1
		{"66 0f 2e ca", "dbl", "CF"},                                                                     // ucomisd %xmm2,%xmm1
		{"66 0f 7c ca", "dbl", "x1=402a000000000000bffa43f6a8885a30"},                                    // haddpd %xmm2,%xmm1
		{"66 0f 7d ca", "dbl", "x1=c01c000000000000401290fdaa22168c"},                                    // hsubpd %xmm2,%xmm1
		{"66 0f d0 ca", "dbl", "x1=401b6f0255dde974bff8000000000000"},                                    // addsubpd %xmm2,%xmm1
		{"66 0f 3a 09 c9 01", "dbl", "x1=c0100000000000003ff0000000000000 mxcsr=1fa0"},                   // roundpd $1,%xmm1,%xmm1
		{"66 0f 3a 0b c9 09", "dbl", "x1=c00921fb54442d183ff0000000000000"},                              // roundsd $9,%xmm1,%xmm1
		{"66 0f 3a 41 ca 31", "dbl", "x1=0000000000000000c03aea7a2955385e"},                              // dppd $0x31,%xmm2,%xmm1
		{"f2 0f 2d c1", "dbl rax=8001fffe12345678", "mxcsr=1fa0 rax=2"},                                  // cvtsd2si %xmm1,%eax
		{"f2 48 0f 2c c1", "dbl rax=8001fffe12345678", "mxcsr=1fa0 rax=1"},                               // cvttsd2si %xmm1,%rax
		{"f2 0f 5a d1", "dbl", "x2=4024000000000000400800003fc00000"},                                    // cvtsd2ss %xmm1,%xmm2
		{"66 0f 5a c9", "dbl", "x1=0000000000000000c0490fdb3fc00000 mxcsr=1fa0"},                         // cvtpd2ps %xmm1,%xmm1
		{"f2 0f e6 c9", "dbl", "x1=0000000000000000fffffffd00000002 mxcsr=1fa0"},                         // cvtpd2dq %xmm1,%xmm1
		{"66 0f e6 c9", "dbl", "x1=0000000000000000fffffffd00000001 mxcsr=1fa0"},                         // cvttpd2dq %xmm1,%xmm1
		{"f3 0f 2a c8", "dbl rax=8001fffe12345678", "x1=c00921fb54442d183ff800004d91a2b4 mxcsr=1fa0"},    // cvtsi2ss %eax,%xmm1
		{"f2 48 0f 2a c8", "dbl rax=8001fffe12345678", "x1=c00921fb54442d18c3dfff80007b72ea mxcsr=1fa0"}, // cvtsi2sd %rax,%xmm1
	})
}

// TestSIMDException leaves destinations alone and records flags.
func TestSIMDException(t *testing.T) {
	runOps(t, []op{
		{"0f 5e ca", "sgl mxcsr=1d80", "mxcsr=1d84 #XM"},                      // divps by zero, ZM clear
		{"0f 5e ca", "sgl mxcsr=1d80 cr4=220", "mxcsr=1d84 #UD"},              // without OSXMMEXCPT
		{"f3 0f 58 ca", "sgl mxcsr=0", "x1=c0490fdb3f800000447a40003f400000"}, // exact: no exception
		{"f2 0f 5e ca", "dbl mxcsr=f80", "x1=c00921fb54442d183fe0000000000000"},
		{"66 0f 5e ca", "dbl x2=40080000000000004008000000000000 mxcsr=f80", "mxcsr=fa0 #XM"}, // divpd, PM clear
		{"f2 0f 2d c1", "dbl mxcsr=f80", "mxcsr=fa0 #XM"},                                     // cvtsd2si, PM clear
		{"66 0f 2f ca", "dbl x1=7ff8000000000000 mxcsr=1f00", "mxcsr=1f01 #XM"},               // comisd of a QNaN, IM clear
		{"66 0f 2e ca", "dbl x1=7ff8000000000000 mxcsr=1f00", "CF PF ZF"},                     // ucomisd does not mind
		{"0f ae 13", "rbx=20000 [20000]=00010000", "#GP(0)"},                                  // ldmxcsr of a reserved bit
		{"0f ae 13", "rbx=20000 [20000]=0000ffff", "mxcsr=ffff"},
		{"0f ae 1b", "rbx=20000", "[20000]=00001f80"}, // stmxcsr
	})
}
