package interp

import "testing"

func TestShift(t *testing.T) {
	runOps(t, []op{
		{"d0 e0", "al=c0", "ax=80 CF AF SF"},                                // shl al, 1
		{"c1 e0 1f", "eax=3", "eax=80000000 CF PF AF SF"},                   // shl eax, 31
		{"c1 e0 20", "eax=3 CF AF OF", "CF AF OF"},                          // shl eax, 32
		{"48 c1 e0 3f", "rax=3", "rax=8000000000000000 CF PF AF SF"},        // shl rax, 63
		{"48 d3 e0", "rax=1 cl=40 CF", "CF"},                                // shl rax, cl
		{"d2 e0", "al=ff cl=8", "ax=0 CF PF AF ZF OF"},                      // shl al, cl
		{"d2 e0", "al=ff cl=9", "ax=0 PF AF ZF"},                            // shl al, cl
		{"66 c1 23 04", "rbx=20000 [20000]=1800", "[20001]=80 CF PF AF SF"}, // shl word ptr [rbx], 4
		{"d0 f0", "al=81", "ax=2 CF AF OF"},
		{"d0 e8", "al=81", "ax=40 CF AF OF"},                                               // shr al, 1
		{"c1 e8 1f", "eax=80000000", "eax=1 AF"},                                           // shr eax, 31
		{"66 d3 e8", "ax=8000 cl=10", "ax=0 CF PF AF ZF"},                                  // shr ax, cl
		{"66 d3 e8", "ax=8000 cl=11", "ax=0 PF AF ZF"},                                     // shr ax, cl
		{"48 d1 e8", "rax=8000000000000001", "rax=4000000000000000 CF PF AF OF"},           // shr rax, 1
		{"d0 f8", "al=81 OF", "ax=c0 CF PF AF SF"},                                         // sar al, 1
		{"c0 f8 1f", "al=80", "ax=ff CF PF AF SF"},                                         // sar al, 31
		{"66 d3 f8", "ax=7fff cl=f", "ax=0 CF PF AF ZF"},                                   // sar ax, cl
		{"48 c1 f8 3f", "rax=8000000000000000", "rax=ffffffffffffffff PF AF SF"},           // sar rax, 63
		{"d0 c0", "al=80 ZF SF PF", "ax=1 CF PF ZF SF OF"},                                 // rol al, 1
		{"c0 c0 08", "al=81 ZF", "CF ZF"},                                                  // rol al, 8
		{"66 c1 c0 11", "ax=8001", "ax=3 CF OF"},                                           // rol ax, 17
		{"d3 c0", "eax=12345678 cl=4", "eax=23456781 CF OF"},                               // rol eax, cl
		{"d3 c0", "eax=12345678 cl=20 CF OF", "CF OF"},                                     // rol eax, cl
		{"d0 c8", "al=1", "ax=80 CF OF"},                                                   // ror al, 1
		{"c1 c8 08", "eax=12345678", "eax=78123456 OF"},                                    // ror eax, 8
		{"48 c1 c8 3c", "rax=1", "eax=10"},                                                 // ror rax, 60
		{"66 c1 0b 10", "rbx=20000 [20000]=8001", "CF OF"},                                 // ror word ptr [rbx], 16
		{"d0 d0", "al=80", "ax=0 CF OF"},                                                   // rcl al, 1
		{"c0 d0 09", "al=55 CF", "CF OF"},                                                  // rcl al, 9
		{"c0 d0 0a", "al=55 CF", "ax=ab OF"},                                               // rcl al, 10
		{"66 c1 d0 11", "ax=1234", ""},                                                     // rcl ax, 17
		{"d3 d0", "eax=80000001 cl=2 CF", "eax=7"},                                         // rcl eax, cl
		{"48 d1 d0", "rax=8000000000000000 CF", "eax=1 CF OF"},                             // rcl rax, 1
		{"d0 d8", "al=1", "ax=0 CF"},                                                       // rcr al, 1
		{"c0 d8 09", "al=55 CF", "CF OF"},                                                  // rcr al, 9
		{"66 d3 d8", "ax=1234 cl=12 CF", "ax=891a OF"},                                     // rcr ax, cl
		{"d1 d8", "eax=2 CF", "eax=80000001 OF"},                                           // rcr eax, 1
		{"48 c1 d8 3f", "rax=1 CF", "eax=6"},                                               // rcr rax, 63
		{"0f a4 c8 04", "eax=12345678 ecx=9abcdef0", "eax=23456789 CF AF OF"},              // shld eax, ecx, 4
		{"66 0f a4 c8 10", "ax=1235 cx=abcd", "ax=abcd CF AF SF OF"},                       // shld ax, cx, 16
		{"66 0f a4 c8 11", "ax=1235 cx=abcd", "ax=579b AF"},                                // shld ax, cx, 17
		{"48 0f a5 c8", "rax=1 rcx=8000000000000008", "eax=180 AF"},                        // shld rax, rcx, cl
		{"0f a4 c8 20", "eax=5 ZF", "ZF"},                                                  // shld eax, ecx, 32
		{"0f ac c8 04", "eax=12345678 ecx=9abcdef0", "eax=1234567 CF AF"},                  // shrd eax, ecx, 4
		{"66 0f ac c8 12", "ax=1235 cx=abcd", "ax=6af3 PF AF OF"},                          // shrd ax, cx, 18
		{"0f ac 03 1f", "rbx=20000 eax=1 [20000]=40000000", "[20000]=02 [20003]=00 CF AF"}, // shrd dword ptr [rbx], eax, 31
		{"48 0f ac c8 3f", "rax=4000000000000000 rcx=1", "eax=2 CF AF"},                    // shrd rax, rcx, 63
	})
}
