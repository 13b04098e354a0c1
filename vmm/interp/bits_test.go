package interp

import "testing"

func TestBits(t *testing.T) {
	runOps(t, []op{
		{"0f ba e0 00", "eax=1 ZF OF AF", "CF AF ZF OF"},                                 // bt eax, 0
		{"0f ba e0 21", "eax=2", "CF"},                                                   // bt eax, 33
		{"48 0f a3 c8", "rax=8000000000000000 rcx=ffffffffffffffff", "CF"},               // bt rax, rcx
		{"0f a3 03", "rbx=20010 eax=25 [20014]=00000020", "CF"},                          // bt dword ptr [rbx], eax
		{"0f a3 03", "rbx=20010 eax=ffffffff [2000c]=80000000", "CF"},                    // bt dword ptr [rbx], eax
		{"48 0f a3 03", "rbx=20010 rax=ffffffffffffff81 [20000]=0000000000000002", "CF"}, // bt qword ptr [rbx], rax
		{"66 0f a3 03", "rbx=20010 ax=fff0 [2000e]=0001 SF", "CF SF"},                    // bt word ptr [rbx], ax
		{"0f ab c8", "eax=0 ecx=25 CF", "eax=20"},                                        // bts eax, ecx
		{"0f ba 2b 23", "rbx=20000", "[20000]=08"},                                       // bts dword ptr [rbx], 35
		{"0f ab 03", "rbx=20000 eax=3f", "[20007]=80"},                                   // bts dword ptr [rbx], eax
		{"0f ba f0 00", "eax=ff ZF", "eax=fe CF ZF"},                                     // btr eax, 0
		{"66 0f b3 03", "rbx=20008 ax=ffef [20004]=8000", "[20005]=00 CF"},               // btr word ptr [rbx], ax
		{"48 0f bb c8", "rax=0 rcx=3f", "rax=8000000000000000"},                          // btc rax, rcx
		{"0f ba 3b 1f", "rbx=20000 [20000]=80000000", "[20003]=00 CF"},                   // btc dword ptr [rbx], 31
		{"0f bc c1", "ecx=0 CF OF SF AF", "PF ZF"},                                       // bsf eax, ecx
		{"0f bc c1", "ecx=8000 ZF CF", "eax=f PF"},                                       // bsf eax, ecx
		{"48 0f bc c1", "rcx=8000000000000000", "eax=3f PF"},                             // bsf rax, rcx
		{"66 0f bd c1", "cx=0", "PF ZF"},                                                 // bsr ax, cx
		{"0f bd c1", "ecx=8001", "eax=f PF"},                                             // bsr eax, ecx
		{"48 0f bd 03", "rbx=20000 [20000]=0000000100000000", "eax=20"},                  // bsr rax, qword ptr [rbx]
		{"f3 0f bc c1", "ecx=10 ZF", "eax=4"},
		{"f3 0f b8 c1", "ecx=0 CF SF OF AF PF", "eax=0 ZF"},                               // popcnt eax, ecx
		{"f3 48 0f b8 c1", "rcx=ffffffffffffffff", "eax=40"},                              // popcnt rax, rcx
		{"66 f3 0f b8 c1", "cx=f0f CF", "ax=8"},                                           // popcnt ax, cx
		{"f2 0f 38 f0 c1", "eax=ffffffff cl=31", "eax=6f0a661c"},                          // crc32 eax, cl
		{"66 f2 0f 38 f1 c1", "eax=0 cx=1234", "eax=ffa1c4c7"},                            // crc32 eax, cx
		{"f2 0f 38 f1 c1", "eax=1 ecx=89abcdef CF ZF", "eax=84519e92 CF ZF"},              // crc32 eax, ecx
		{"f2 48 0f 38 f1 c1", "rax=ffffffff12345678 rcx=123456789abcdef", "eax=a3d207be"}, // crc32 rax, rcx
		{"f2 48 0f 38 f0 c1", "rax=ffffffff12345678 cl=0", "eax=fb533894"},                // crc32 rax, cl

		// bt qword ptr [rbx], rax: its index is more than an int holds on a 32-bit host.
		{"48 0f a3 03", "rbx=8000020010 rax=fffffc0000000000 [20010]=0000000000000001", "CF"},
	})
}
