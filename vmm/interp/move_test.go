package interp

import "testing"

func TestMove(t *testing.T) {
	runOps(t, []op{
		{"89 c8", "ecx=5 CF ZF", "eax=5 CF ZF"},                                               // mov eax, ecx
		{"88 e8", "ecx=1234", "ax=12"},                                                        // mov al, ch
		{"b4 77", "eax=1122", "eax=7722"},                                                     // mov ah, 0x77
		{"40 88 f5", "rbp=0 rsi=1234", "ebp=34"},                                              // mov bpl, sil
		{"66 89 c8", "rax=1111111111111111 cx=2222", "ax=2222"},                               // mov ax, cx
		{"48 c7 c0 ff ff ff ff", "", "rax=ffffffffffffffff"},                                  // mov rax, -1
		{"b8 78 56 34 12", "", "eax=12345678"},                                                // mov eax, 0x12345678
		{"48 b8 f0 de bc 9a 78 56 34 12", "", "rax=123456789abcdef0"},                         // movabs rax, 0x123456789abcdef0
		{"48 c7 03 fe ff ff ff", "rbx=20000", "[20000]=fffffffffffffffe"},                     // mov qword ptr [rbx], -2
		{"66 c7 44 4b 02 34 12", "rbx=20000 rcx=5", "[2000c]=1234"},                           // mov word ptr [rbx+rcx*2+2], 0x1234
		{"8b 43 fc", "rbx=20004 [20000]=deadbeef", "eax=deadbeef"},                            // mov eax, dword ptr [rbx-4]
		{"a0 05 00 02 00 00 00 00 00", "[20005]=42", "ax=42"},                                 // movabs al, byte ptr [0x20005]
		{"48 a3 08 00 02 00 00 00 00 00", "rax=1122334455667788", "[20008]=1122334455667788"}, // movabs qword ptr [0x20008], rax
		{"8b 05 00 00 00 00", "", "eax=90909090"},                                             // mov eax, dword ptr [rip+0]
		{"67 89 03", "rbx=ffffffff00020000 eax=7", "[20000]=07"},                              // mov dword ptr [ebx], eax
		{"0f c3 03", "rbx=20000 eax=99", "[20000]=99"},                                        // movnti dword ptr [rbx], eax
		{"8b 03", "rbx=40ffe", "#PF(0)"},                                                      // mov eax, dword ptr [rbx]
		{"89 03", "rbx=40fff", "#PF(2)"},                                                      // mov dword ptr [rbx], eax
		{"89 03", "rbx=41008", "#PF(3)"},                                                      // mov dword ptr [rbx], eax
		{"8b 03", "rbx=800000000000", "#GP(0)"},                                               // mov eax, dword ptr [rbx]
		{"8b 45 00", "rbp=800000000000", "#SS(0)"},                                            // mov eax, dword ptr [rbp]
		{"0f b6 03", "rbx=20000 [20000]=ff", "eax=ff"},                                        // movzx eax, byte ptr [rbx]
		{"66 0f b6 c1", "cl=80", "ax=80"},                                                     // movzx ax, cl
		{"48 0f b7 c1", "cx=8000", "eax=8000"},                                                // movzx rax, cx
		{"0f b6 c5", "ecx=8100", "eax=81"},                                                    // movzx eax, ch
		{"0f be c1", "cl=80", "eax=ffffff80"},                                                 // movsx eax, cl
		{"66 0f be c5", "ecx=7f00", "ax=7f"},                                                  // movsx ax, ch
		{"48 0f bf 03", "rbx=20000 [20000]=8000", "rax=ffffffffffff8000"},                     // movsx rax, word ptr [rbx]
		{"48 63 c1", "ecx=80000000", "rax=ffffffff80000000"},                                  // movsxd rax, ecx
		{"48 63 c1", "ecx=7fffffff", "eax=7fffffff"},
		{"63 c1", "rcx=ffffffff80000000", "eax=80000000"},
		{"8d 44 cb ff", "rbx=ffffffff rcx=1", "eax=6"},    // lea eax, [rbx+rcx*8-1]
		{"48 8d 05 10 00 00 00", "rax=0", "eax=10017"},    // lea rax, [rip+0x10]
		{"66 8d 03", "rbx=12345", "ax=2345"},              // lea ax, [rbx]
		{"67 48 8d 04 0b", "rbx=ffffffff rcx=2", "eax=1"}, // lea rax, [ebx+ecx]
		{"8d c0", "", "#UD"},
		{"91", "eax=1 ecx=2", "eax=2 ecx=1"},                                                  // xchg eax, ecx
		{"86 e0", "eax=1234", "eax=3412"},                                                     // xchg al, ah
		{"66 87 03", "rbx=20000 ax=5 [20000]=0006", "ax=6 [20000]=05"},                        // xchg word ptr [rbx], ax
		{"49 90", "rax=1 r8=2", "eax=2 r8d=1"},                                                // xchg rax, r8
		{"0f c1 c8", "eax=ffffffff ecx=1", "eax=0 ecx=ffffffff CF PF AF ZF"},                  // xadd eax, ecx
		{"0f c0 c0", "al=81", "ax=2 CF OF"},                                                   // xadd al, al
		{"0f c1 0b", "rbx=20000 ecx=7 [20000]=00000001", "ecx=1 [20000]=08"},                  // xadd dword ptr [rbx], ecx
		{"0f b1 d1", "eax=5 ecx=5 edx=9", "ecx=9 PF ZF"},                                      // cmpxchg ecx, edx
		{"0f b1 d1", "eax=5 rcx=600000006 edx=9", "eax=6 CF PF AF SF"},                        // cmpxchg ecx, edx
		{"0f b0 13", "rbx=20000 al=ff dl=1 [20000]=fe", "ax=fe"},                              // cmpxchg byte ptr [rbx], dl
		{"48 0f b1 13", "rbx=20000 rax=1 rdx=2 [20000]=0000000000000001", "[20000]=02 PF ZF"}, // cmpxchg qword ptr [rbx], rdx
		{"0f b1 13", "rbx=41000", "#PF(3)"},                                                   // cmpxchg dword ptr [rbx], edx
		{"0f c7 0e", "rsi=20000 edx=1 eax=2 rcx=900000003 rbx=800000004 [20000]=0000000100000002 CF SF", "[20000]=04 [20004]=03 CF ZF SF"}, // cmpxchg8b qword ptr [rsi]
		{"0f c7 0e", "rsi=20001 rdx=1 rax=2 [20001]=0000000500000006 ZF OF", "eax=6 edx=5 OF"},                                             // cmpxchg8b qword ptr [rsi]
		{"48 0f c7 0e", "rsi=20010 rdx=1 rax=2 rcx=3 rbx=4 [20010]=00000000000000010000000000000002 CF", "[20010]=04 [20018]=03 CF ZF"},    // cmpxchg16b xmmword ptr [rsi]
		{"48 0f c7 0e", "rsi=20010 rdx=1 rax=2 [20010]=00000000000000090000000000000008 ZF", "eax=8 edx=9"},                                // cmpxchg16b xmmword ptr [rsi]
		{"48 0f c7 0e", "rsi=20008", "#GP(0)"},                    // cmpxchg16b xmmword ptr [rsi]
		{"0f c8", "eax=12345678", "eax=78563412"},                 // bswap eax
		{"49 0f c9", "r9=123456789abcdef", "r9=efcdab8967452301"}, // bswap r9
		{"66 0f c8", "eax=12345678", "ax=0"},
		{"0f 38 f0 03", "rbx=20000 [20000]=12345678", "eax=78563412"},                   // movbe eax, dword ptr [rbx]
		{"66 0f 38 f1 03", "rbx=20000 ax=1234", "[20000]=3412"},                         // movbe word ptr [rbx], ax
		{"48 0f 38 f1 03", "rbx=20000 rax=123456789abcdef", "[20000]=efcdab8967452301"}, // movbe qword ptr [rbx], rax
		{"0f 44 c1", "ecx=5 ZF", "eax=5 ZF"},                                            // cmove eax, ecx
		{"0f 44 c1", "rax=700000007 ecx=5", "eax=7"},                                    // cmove eax, ecx
		{"48 0f 4c c1", "rcx=5 SF", "eax=5 SF"},                                         // cmovl rax, rcx
		{"48 0f 4f 03", "rbx=40000 ZF", "#PF(0)"},                                       // cmovg rax, qword ptr [rbx]
		{"0f 92 c0", "CF", "ax=1 CF"},                                                   // setb al
		{"0f 96 03", "rbx=20000 ZF", "[20000]=01 ZF"},                                   // setbe byte ptr [rbx]
		{"0f 9a c0", "al=ff", "ax=0"},                                                   // setp al
		{"0f 9d c5", "ecx=0 SF OF", "ecx=100 SF OF"},                                    // setge ch
		{"0f 9e c5", "ecx=0", ""},                                                       // setle ch
		{"d7", "rbx=20000 al=5 [20005]=66", "ax=66"},                                    // xlatb
		{"d7", "rbx=1fffe al=2 [20000]=42", "ax=42"},
		{"66 98", "ax=80", "ax=ff80"},                             // cbw
		{"98", "ax=8000", "eax=ffff8000"},                         // cwde
		{"48 98", "eax=7fffffff", ""},                             // cdqe
		{"48 98", "eax=80000000", "rax=ffffffff80000000"},         // cdqe
		{"66 99", "ax=8000", "dx=ffff"},                           // cwd
		{"99", "eax=7fffffff edx=5", "edx=0"},                     // cdq
		{"48 99", "rax=8000000000000000", "rdx=ffffffffffffffff"}, // cqo
		{"9f", "CF AF SF", "ax=9300 CF AF SF"},                    // lahf
		{"9f", "ZF PF OF", "ax=4600 PF ZF OF"},                    // lahf
		{"9e", "ah=ff OF", "CF PF AF ZF SF OF"},                   // sahf
		{"9e", "ah=0 CF PF AF ZF SF OF", "OF"},                    // sahf
		{"f8", "CF OF ZF", "ZF OF"},                               // clc
		{"f9", "OF AF", "CF AF OF"},                               // stc
		{"f5", "OF", "CF OF"},                                     // cmc
		{"f5", "CF", ""},                                          // cmc
		{"fc", "DF CF", "CF"},                                     // cld
		{"fd", "", "DF"},                                          // std
		{"d6", "m32 CF", "eax=ff CF"},
		{"d6", "m32 eax=12345678", "eax=12345600"},
		{"90", "", ""},                // nop
		{"f3 90", "", ""},             // pause
		{"f3 0f 1e fa", "", ""},       // endbr64
		{"0f ae e8", "", ""},          // lfence
		{"0f ae f0", "", ""},          // mfence
		{"0f ae f8", "", ""},          // sfence
		{"0f 18 0b", "rbx=40000", ""}, // prefetcht0 byte ptr [rbx]
		{"0f 1f 03", "rbx=40000", ""},
		{"0f ae 3b", "rbx=20000", ""},           // clflush byte ptr [rbx]
		{"0f ae 3b", "rbx=40000", "#PF(0)"},     // clflush byte ptr [rbx]
		{"f3 0f c7 f8", "", "eax=0"},            // rdpid rax
		{"0f c7 f0", "SF OF AF", "eax=2d00 CF"}, // rdrand eax: the first number of the seed 1, 2, 3, 4
		{"66 0f c7 f8", "", "ax=2d00 CF"},       // rdseed ax
		{"48 0f c7 f1", "ZF", "rcx=2d00 CF"},    // rdrand rcx
		{"64 8b 03", "fsbase=20000 rbx=8 [20008]=11223344", "eax=11223344"}, // mov eax, fs:[rbx]
		{"65 88 03", "rbx=20001 al=7", "[20001]=07"},                        // mov gs:[rbx], al
		{"8b 00", "m16 bx=8000 si=10 [8010]=1234", "ax=1234"},               // mov ax, [bx+si]
		{"67 8b 43 fe", "m16 ebx=8002 [8000]=1234", "ax=1234"},              // mov ax, [ebx-2]
		{"8b 07", "m16 bx=ffff", "#GP"},
		{"67 8b 03", "m16 ebx=10000", "#GP"},
		{"8b 46 00", "m16 bp=ffff", "#SS"}, // mov ax, [bp]
	})
}
