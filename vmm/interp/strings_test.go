package interp

import "testing"

func TestStrings(t *testing.T) {
	runOps(t, []op{
		{"a4", "rsi=20000 rdi=20008 [20000]=55", "si=1 di=9 [20008]=55"},                                 // movsb
		{"66 a5", "rsi=20000 rdi=20008 [20000]=5566 DF", "esi=1fffe di=6 [20008]=5566 DF"},               // movsw
		{"a5", "rsi=20000 rdi=20008 [20000]=11223344", "si=4 di=c [20008]=11223344"},                     // movsd
		{"48 a5", "rsi=20000 rdi=20008 [20000]=1122334455667788", "si=8 di=10 [20008]=1122334455667788"}, // movsq
		{"67 a4", "rsi=ffffffff00020000 rdi=ffffffff00020008 [20000]=55", "esi=20001 edi=20009 [20008]=55"},
		{"aa", "rdi=20000 al=99", "di=1 [20000]=99"},                                                                                      // stosb
		{"ab", "rdi=20010 eax=12345678 DF", "di=c [20010]=12345678 DF"},                                                                   // stosd
		{"48 ab", "rdi=20010 rax=1", "di=18 [20010]=01"},                                                                                  // stosq
		{"ac", "rsi=20000 [20000]=88", "ax=88 si=1"},                                                                                      // lodsb
		{"66 ad", "rsi=20000 [20000]=8899 DF", "ax=8899 esi=1fffe DF"},                                                                    // lodsw
		{"ad", "rsi=20000 rax=1111111122222222 [20000]=88990011", "eax=88990011 si=4"},                                                    // lodsd
		{"48 ad", "rsi=20000 [20000]=8899001122334455", "rax=8899001122334455 si=8"},                                                      // lodsq
		{"a6", "rsi=20000 rdi=20008 [20000]=01 [20008]=02", "si=1 di=9 CF PF AF SF"},                                                      // cmpsb
		{"a7", "rsi=20000 rdi=20008 [20000]=80000000 [20008]=00000001 DF", "esi=1fffc di=4 PF AF DF OF"},                                  // cmpsd
		{"ae", "rdi=20000 al=5 [20000]=05", "di=1 PF ZF"},                                                                                 // scasb
		{"48 af", "rdi=20000 rax=0 [20000]=0000000000000001 DF", "edi=1fff8 CF PF AF SF DF"},                                              // scasq
		{"f3 a4", "rsi=20000 rdi=20010 rcx=0 CF", "CF"},                                                                                   // rep movsb
		{"f3 a4", "rsi=20000 rdi=20010 rcx=3 [20000]=00332211 steps=3", "ecx=0 si=3 di=13 [20010]=332211 over=2"},                         // rep movsb
		{"f3 a5", "rsi=20008 rdi=20018 rcx=2 [20004]=1122334455667788 DF steps=2", "ecx=0 si=0 di=10 [20014]=1122334455667788 DF over=1"}, // rep movsd
		{"f3 a4", "rsi=20000 rdi=20001 rcx=8 [20000]=77 steps=8", "ecx=0 si=8 di=9 [20001]=7777777777777777 over=7"},                      // rep movsb
		{"f3 48 a5", "rsi=20000 rdi=20008 rcx=5 [20000]=0102030405060708 steps=5", "ecx=0 si=28 di=30 [20008]=01020304050607080102030405060708 [20018]=01020304050607080102030405060708 [20028]=0102030405060708 over=4"}, // rep movsq
		{"66 f3 a5", "rsi=20002 rdi=20000 rcx=8 [20002]=1122334455667788 [2000a]=99aabbccddeeff00 steps=8", "ecx=0 si=12 di=10 [20000]=99aabbccddeeff001122334455667788 over=7"},                                          // rep movsw
		{"67 f3 a4", "rsi=20000 rdi=20010 rcx=500000000 [20000]=11", ""},
		{"67 f3 a4", "rsi=100020000 rdi=100020010 rcx=500000002 [20000]=2211 steps=2", "ecx=0 esi=20002 edi=20012 [20010]=2211 over=1"},
		{"f3 aa", "rdi=20001 rcx=7 al=ee steps=7", "ecx=0 di=8 [20001]=eeeeeeeeeeeeee over=6"},                                                                                                                       // rep stosb
		{"66 f3 ab", "rdi=20001 rcx=5 ax=1234 steps=5", "ecx=0 di=b [20001]=12341234123412341234 over=4"},                                                                                                            // rep stosw
		{"f3 ab", "rdi=20000 rcx=6 eax=89abcdef steps=6", "ecx=0 di=18 [20000]=89abcdef89abcdef89abcdef89abcdef [20010]=89abcdef89abcdef over=5"},                                                                    // rep stosd
		{"f3 48 ab", "rdi=20000 rcx=6 rax=123456789abcdef steps=6", "ecx=0 di=30 [20000]=0123456789abcdef0123456789abcdef [20010]=0123456789abcdef0123456789abcdef [20020]=0123456789abcdef0123456789abcdef over=5"}, // rep stosq
		{"f3 aa", "rdi=20007 rcx=3 al=ee DF steps=3", "ecx=0 di=4 [20005]=eeeeee DF over=2"},                                                                                                                         // rep stosb
		{"66 f3 ad", "rsi=20000 rcx=3 [20000]=333322221111 steps=3", "ax=3333 ecx=0 si=6 over=2"},                                                                                                                    // rep lodsw
		{"f3 a6", "rsi=20000 rdi=20010 rcx=5 [20000]=01020304 [20010]=01ff0304 steps=3", "ecx=2 si=3 di=13 CF PF AF over=2"},                                                                                         // repe cmpsb
		{"f2 a6", "rsi=20000 rdi=20010 rcx=5 [20000]=01020304 [20010]=01ff04ff steps=4", "ecx=1 si=4 di=14 PF ZF over=3"},                                                                                            // repne cmpsb
		{"f3 a6", "rsi=20000 rdi=20010 rcx=3 steps=3", "ecx=0 si=3 di=13 PF ZF over=2"},                                                                                                                              // repe cmpsb
		{"f2 ae", "rdi=20000 rcx=10 al=0 [20000]=112233 steps=4", "ecx=c di=4 PF ZF over=3"},                                                                                                                         // repne scasb
		{"f3 af", "rdi=20000 rcx=2 eax=7 [20000]=0000000700000007 steps=2", "ecx=0 di=8 PF ZF over=1"},                                                                                                               // repe scasd
		{"f2 ae", "rdi=20000 rcx=0 al=0 ZF", "ZF"},                                                                                                                                                                   // repne scasb
		{"f3 a5", "m32 esi=20000 edi=20010 ecx=4 [20000]=00112233445566778899aabbccddeeff steps=4", "ecx=0 esi=20010 edi=20020 [20010]=112233445566778899aabbccddeeff over=3"},                                       // rep movsd
		// Cut short: the instruction is run again from where it was left.
		{"f3 a4", "rsi=20000 rdi=20010 rcx=5 [20000]=0000332211 steps=3", "[20010]=332211 esi=20003 edi=20013 ecx=2 ip=10000 over=3 RF"},
		{"f3 ab", "rdi=20000 rcx=100 eax=1 steps=9", "[20000]=0000000100000001000000010000000100000001000000010000000100000001 [20020]=00000001 edi=20024 ecx=f7 ip=10000 over=9 RF"},
		{"f3 a6", "rsi=20000 rdi=20010 rcx=8 steps=2", "esi=20002 edi=20012 ecx=6 ip=10000 over=2 PF ZF RF"},
		// Finished early: the steps left go to what follows.
		{"f3 a4", "rsi=20000 rdi=20010 rcx=2 [20000]=2211 steps=5", "[20010]=2211 esi=20002 edi=20012 ecx=0 ip=10005 over=1"},
		// Across pages, the second of which is absent or read-only.
		{"f3 a4", "rsi=3fffd rdi=20000 rcx=9 [3fffd]=332211 steps=4", "[20000]=332211 esi=40000 edi=20003 ecx=6 ip=10000 over=3 #PF(0)"},
		{"f3 a4", "rsi=20000 rdi=3fffa rcx=9 [20000]=0000665544332211 steps=9", "[3fffa]=665544332211 esi=20006 edi=40000 ecx=3 ip=10000 over=6 #PF(2)"},
		{"f3 48 ab", "rdi=42008 rcx=9 rax=77 DF steps=9", "[42008]=0000000000000077 [42000]=0000000000000077 edi=41ff8 ecx=7 ip=10000 over=2 #PF(3) DF"},
		{"f3 ae", "rdi=3fffe rcx=9 al=0 steps=9", "edi=40000 ecx=7 ip=10000 over=2 #PF(0) PF ZF"},
		{"f3 a5", "rsi=20000 rdi=20ff6 rcx=4 [20000]=0000000400000003 [20008]=0000000200000001 steps=4", "[20ff6]=0000000400000003 [20ffe]=0000000200000001 esi=20010 edi=21006 ecx=0 over=3"},
		{"65 a4", "rsi=20000 rdi=20008 [20000]=55", "[20008]=55 esi=20001 edi=20009"},          // movsb from gs:
		{"64 a4", "fsbase=1 rsi=20000 rdi=20008 [20001]=55", "[20008]=55 esi=20001 edi=20009"}, // movsb from fs:
		{"f3 a4", "m16 si=8000 di=9000 cx=3 [8000]=332211 steps=3", "[9000]=332211 si=8003 di=9003 cx=0 over=2"},
		{"f3 aa", "m16 di=fff8 cx=10 al=1 steps=16", "[fff8]=0101010101010101 [0]=0101010101010101 di=8 cx=0 over=f"},
		{"f3 ab", "m16 di=ffff cx=1", "#GP"},
		{"f3 a4", "m32 ecx=0", "ip=10002"},
	})
}
