package interp

import "testing"

func TestMuldiv(t *testing.T) {
	runOps(t, []op{
		{"f6 e1", "al=10 cl=10", "ax=100 CF OF"},                                                                        // mul cl
		{"f6 e1", "al=f cl=11 CF OF SF ZF AF PF", "ax=ff PF AF ZF SF"},                                                  // mul cl
		{"66 f7 e1", "ax=8000 cx=2 dx=5555", "ax=0 dx=1 CF OF"},                                                         // mul cx
		{"f7 e1", "eax=ffffffff ecx=ffffffff", "eax=1 edx=fffffffe CF OF"},                                              // mul ecx
		{"48 f7 e1", "rax=8000000000000000 rcx=2", "eax=0 edx=1 CF OF"},                                                 // mul rcx
		{"48 f7 23", "rax=3 rbx=20000 [20000]=0000000000000007 CF", "eax=15 edx=0"},                                     // mul qword ptr [rbx]
		{"f6 e9", "al=80 cl=ff", "CF OF"},                                                                               // imul cl
		{"f6 e9", "al=ff cl=ff CF", "ax=1"},                                                                             // imul cl
		{"66 f7 e9", "ax=ffff cx=7fff", "ax=8001 dx=ffff"},                                                              // imul cx
		{"f7 e9", "eax=80000000 ecx=ffffffff", "edx=0 CF OF"},                                                           // imul ecx
		{"48 f7 e9", "rax=ffffffffffffffff rcx=8000000000000000", "rax=8000000000000000 edx=0 CF OF"},                   // imul rcx
		{"0f af c1", "eax=10000 ecx=8000", "eax=80000000 CF OF"},                                                        // imul eax, ecx
		{"0f af c1", "eax=10000 ecx=7fff", "eax=7fff0000"},                                                              // imul eax, ecx
		{"66 0f af c1", "ax=ffff cx=ffff CF OF", "ax=1"},                                                                // imul ax, cx
		{"48 0f af c1", "rax=100000000 rcx=80000000", "rax=8000000000000000 CF OF"},                                     // imul rax, rcx
		{"6b c1 fd", "ecx=55555555", "eax=1 CF OF"},                                                                     // imul eax, ecx, -3
		{"48 69 c1 ff ff ff 7f", "rcx=100000002", "rax=7ffffffffffffffe"},                                               // imul rax, rcx, 0x7fffffff
		{"66 6b 03 02", "rbx=20000 [20000]=4000", "ax=8000 CF OF"},                                                      // imul ax, word ptr [rbx], 2
		{"f6 f1", "ax=102 cl=2 CF OF SF ZF PF", "ax=81 CF AF OF"},                                                       // div cl
		{"f6 f1", "ax=200 cl=2", "#DE"},                                                                                 // div cl
		{"f6 f1", "ax=1 cl=0", "#DE"},                                                                                   // div cl
		{"66 f7 f1", "dx=1 ax=0 cx=3", "ax=5555 AF"},                                                                    // div cx
		{"66 f7 f1", "dx=3 ax=0 cx=3", "#DE"},                                                                           // div cx
		{"f7 f1", "edx=1 eax=1 ecx=2", "eax=80000000 AF"},                                                               // div ecx
		{"f7 f1", "edx=2 eax=1 ecx=2", "#DE"},                                                                           // div ecx
		{"48 f7 f1", "rdx=1 rax=0 rcx=ffffffffffffffff", "eax=1 AF"},                                                    // div rcx
		{"48 f7 f1", "rdx=5 rax=0 rcx=5", "#DE"},                                                                        // div rcx
		{"48 f7 f1", "rdx=0 rax=0 rcx=0", "#DE"},                                                                        // div rcx
		{"f6 f9", "ax=ff80 cl=1", "ax=80 AF"},                                                                           // idiv cl
		{"f6 f9", "ax=80 cl=1", "#DE"},                                                                                  // idiv cl
		{"f6 f9", "ax=ff7f cl=1", "#DE"},                                                                                // idiv cl
		{"f6 f9", "ax=80 cl=ff", "AF"},                                                                                  // idiv cl
		{"f6 f9", "ax=fff9 cl=2", "ax=fffd AF"},                                                                         // idiv cl
		{"66 f7 f9", "dx=ffff ax=8000 cx=ffff", "#DE"},                                                                  // idiv cx
		{"66 f7 f9", "dx=ffff ax=8001 cx=ffff", "ax=7fff dx=0 AF"},                                                      // idiv cx
		{"f7 f9", "edx=ffffffff eax=80000000 ecx=ffffffff", "#DE"},                                                      // idiv ecx
		{"f7 f9", "edx=ffffffff eax=fffffff9 ecx=fffffffe CF OF", "eax=3 CF AF OF"},                                     // idiv ecx
		{"48 f7 f9", "rdx=ffffffffffffffff rax=8000000000000000 rcx=ffffffffffffffff", "#DE"},                           // idiv rcx
		{"48 f7 f9", "rdx=ffffffffffffffff rax=8000000000000000 rcx=1", "edx=0 AF"},                                     // idiv rcx
		{"48 f7 f9", "rdx=0 rax=8000000000000000 rcx=1", "#DE"},                                                         // idiv rcx
		{"48 f7 f9", "rdx=0 rax=8000000000000000 rcx=ffffffffffffffff", "AF"},                                           // idiv rcx
		{"48 f7 f9", "rdx=c000000000000000 rax=0 rcx=8000000000000000", "#DE"},                                          // idiv rcx
		{"48 f7 f9", "rdx=c000000000000000 rax=1 rcx=8000000000000000", "rax=7fffffffffffffff rdx=8000000000000001 AF"}, // idiv rcx
		{"48 f7 f9", "rdx=1 rax=1 rcx=0", "#DE"},                                                                        // idiv rcx
	})
}
