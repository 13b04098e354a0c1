package interp

import "testing"

func TestArith(t *testing.T) {
	runOps(t, []op{
		{"83 c0 ff", "eax=1", "eax=0 CF PF AF ZF"},                                                 // add eax, -1
		{"04 01", "al=ff", "ax=0 CF PF AF ZF"},                                                     // add al, 1
		{"80 c4 01", "ah=7f", "ax=8000 AF SF OF"},                                                  // add ah, 1
		{"66 83 c0 ff", "ax=8000", "ax=7fff CF PF OF"},                                             // add ax, -1
		{"83 c0 01", "eax=7fffffff", "eax=80000000 PF AF SF OF"},                                   // add eax, 1
		{"48 01 c8", "rax=ffffffffffffffff rcx=1", "eax=0 CF PF AF ZF"},                            // add rax, rcx
		{"83 03 01", "rbx=20000 [20000]=0000000f CF", "[20000]=10 AF"},                             // add dword ptr [rbx], 1
		{"66 45 01 d1", "r9=fff8 r10=8", "r9d=0 CF PF AF ZF"},                                      // add r9w, r10w
		{"14 00", "al=ff CF", "ax=0 CF PF AF ZF"},                                                  // adc al, 0
		{"83 d0 ff", "eax=0 CF", "CF PF AF ZF"},                                                    // adc eax, -1
		{"48 11 c8", "rax=7fffffffffffffff rcx=0 CF", "rax=8000000000000000 PF AF SF OF"},          // adc rax, rcx
		{"48 11 c8", "rax=7fffffffffffffff rcx=0", "PF"},                                           // adc rax, rcx
		{"83 e8 01", "eax=0", "eax=ffffffff CF PF AF SF"},                                          // sub eax, 1
		{"28 e0", "eax=8001 AF", "eax=8081 CF PF SF OF"},                                           // sub al, ah
		{"48 29 c8", "rax=8000000000000000 rcx=1", "rax=7fffffffffffffff PF AF OF"},                // sub rax, rcx
		{"66 29 43 02", "rbx=20000 ax=1 [20002]=1000", "[20002]=0fff PF AF"},                       // sub word ptr [rbx+2], ax
		{"19 c0", "eax=5 CF", "eax=ffffffff CF PF AF SF"},                                          // sbb eax, eax
		{"19 c0", "eax=5", "eax=0 PF ZF"},                                                          // sbb eax, eax
		{"1c ff", "al=ff CF", "CF PF AF SF"},                                                       // sbb al, -1
		{"48 19 c8", "rax=8000000000000000 rcx=0 CF", "rax=7fffffffffffffff PF AF OF"},             // sbb rax, rcx
		{"3c 80", "al=7f", "CF PF SF OF"},                                                          // cmp al, 0x80
		{"48 83 f8 ff", "rax=ffffffffffffffff", "PF ZF"},                                           // cmp rax, -1
		{"66 83 3b 02", "rbx=20000 [20000]=0001", "CF PF AF SF"},                                   // cmp word ptr [rbx], 2
		{"25 f0 00 00 00", "eax=ff CF OF AF", "eax=f0 PF"},                                         // and eax, 0xf0
		{"48 83 e0 80", "rax=ff", "eax=80"},                                                        // and rax, -0x80
		{"0c 80", "al=1 CF", "ax=81 PF SF"},                                                        // or al, 0x80
		{"83 0b ff", "rbx=20000", "[20000]=ffffffff PF SF"},                                        // or dword ptr [rbx], -1
		{"31 c0", "CF OF SF AF", "eax=0 PF ZF"},                                                    // xor eax, eax
		{"48 31 c8", "rax=5 rcx=8000000000000004", "rax=8000000000000001 SF"},                      // xor rax, rcx
		{"a8 81", "al=80 CF AF", "SF"},                                                             // test al, 0x81
		{"f7 03 00 00 00 80", "rbx=20000 [20000]=80000001", "PF SF"},                               // test dword ptr [rbx], 0x80000000
		{"ff c0", "eax=ffffffff CF", "eax=0 CF PF AF ZF"},                                          // inc eax
		{"fe 03", "rbx=20000 [20000]=7f", "[20000]=80 AF SF OF"},                                   // inc byte ptr [rbx]
		{"48 ff c0", "rax=f", "eax=10 AF"},                                                         // inc rax
		{"ff c8", "eax=0 CF", "eax=ffffffff CF PF AF SF"},                                          // dec eax
		{"fe c8", "al=80", "ax=7f AF OF"},                                                          // dec al
		{"49 ff c8", "r8=10 CF OF", "r8d=f CF PF AF"},                                              // dec r8
		{"f7 d8", "eax=0 CF", "PF ZF"},                                                             // neg eax
		{"f6 d8", "al=80", "CF SF OF"},                                                             // neg al
		{"48 f7 1b", "rbx=20000 [20000]=0000000000000001", "[20000]=ffffffffffffffff CF PF AF SF"}, // neg qword ptr [rbx]
		{"f6 d0", "al=f CF OF ZF", "ax=f0 CF ZF OF"},                                               // not al
		{"f7 d0", "eax=0", "eax=ffffffff"},                                                         // not eax
		{"66 0f 38 f6 c1", "eax=ffffffff ecx=0 CF OF ZF", "eax=0 CF ZF OF"},                        // adcx eax, ecx
		{"66 48 0f 38 f6 c1", "rax=5 rcx=6 OF", "eax=b OF"},                                        // adcx rax, rcx
		{"f3 0f 38 f6 c1", "eax=ffffffff ecx=1", "eax=0 OF"},                                       // adox eax, ecx
		{"f3 48 0f 38 f6 c1", "rax=5 rcx=6 CF OF SF", "eax=c CF SF"},                               // adox rax, rcx
		{"f0 83 03 01", "rbx=20000 [20000]=ffffffff", "[20000]=00000000 CF PF AF ZF"},              // lock add dword ptr [rbx], 1
		{"f0 01 c0", "eax=1", "#UD"},
		{"80 03 01", "rbx=41000", "#PF(3)"},                    // add byte ptr [rbx], 1
		{"03 03", "rbx=40000", "#PF(0)"},                       // add eax, dword ptr [rbx]
		{"40", "m32 eax=7fffffff", "eax=80000000 PF AF SF OF"}, // inc eax
		{"40", "m32 eax=f", "eax=10 AF"},
		{"82 c0 01", "m32 al=ff", "eax=0 CF PF AF ZF"},
	})
}
