// Package bare holds a guest of our own: a bare-metal program for a PC, wrapped
// as a bzImage (Linux Documentation, arch/x86/boot.rst, protocol 2.15, 64-bit
// entry). It imports nothing of ours but the assembler (vmm/x86/asm), so that it
// can find fault with all of it. The same options give the same bytes.
//
// # The program
//
// The kernel (kernel.asm) takes over GDT, IDT, TSS and page tables, programs the
// 8259s, the 8254 at 1 kHz, COM1, and if asked the local APIC's timer, and starts
// a program in ring 3 (user.asm). That one works in rounds of about 100 000
// instructions: CRC, sieve, string instructions, recursion, multiplication and
// division, bit fiddling; if asked MMX, SSE and x87 arithmetic; faults of its own making;
// pages mapped on demand; accessed and dirty bits that are cleared without
// INVLPG; code that patches itself, lies across pages, and is mapped anew. Each
// round ends asleep, until the next interrupt. Each round's results go into one
// sum. A line tells of rounds 1, 2, 4, 8 and so on, and a last one of counters
// that only the whole run determines.
//
// # Keys
//
// What arrives on COM1 is echoed by the receiver's interrupt. With Options.Keys
// the program goes on after its rounds, and obeys
//
//	r  start a recording            k  stop it and keep it
//	d  stop it and drop it          f  report a failure, and stop
//	q  finish                       any other: work one round
//
// Recording is asked for at the backdoor port from ring 3; without a backdoor
// open to ring 3 there, 'r' ends in a panic, which is a line and exit code FFh.
//
// # Where things go
//
//	0x100000  the kernel and, at its next pages, the ring 3 program
//	0x180000  page tables, tables, stacks, rings
//	0x1a0000  64 pages for what is mapped on demand, 16 for the program's data
//	0x200000  the end: 2 MiB of memory are enough
//
// The heap's page table entries are at PageTable after the end as the last round
// left them: pages whose number 5 or 7 divides, and pages 32 and 33, are
// accessed; those that 7 divides, and 32 and 33, are dirty. At Results are five
// quadwords: what the code that patches itself computed, and in reverse order
// what the four runs of the instruction that lies in two pages loaded.
//
// The program in ring 3 sees its code at 0x40000000, data at 0x40040000, its
// stack below 0x40060000, and 64 pages on demand at 0x40100000.
package bare
