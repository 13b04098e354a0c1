// Package silicon compares an engine with the computer's own processor, one
// instruction at a time: random instructions made from the instruction table,
// in user mode, on Linux and amd64. It is host code; nothing inside the machine
// may import it. Command difftest, above it, runs it for hours; the tests of the
// package run it for less than a minute.
//
// # The host's side
//
// The child is a program of a few hundred bytes, assembled from
// driver_linux_amd64.s and wrapped into an ELF file by childProgram. It maps
// the shared memory that it inherits as file 3, installs one handler for
// SIGILL, SIGTRAP, SIGBUS, SIGFPE and SIGSEGV, and traps into it. From then on
// all happens in the handler: it writes down the registers, the vector, the
// error code, CR2 and the FXSAVE image that the kernel left in the signal's
// context, and the data windows; it puts the next case's state into the context
// and returns from the signal, into the instruction. The INT3 behind it, TF, or
// its own exception comes back to the handler. After the last record it writes
// a byte to file 1 and waits for one on file 0. Neither ptrace nor a compiler is
// needed, and a case costs one signal.
//
// Shared memory, and where the child has it: code at 0x10000000 (8 pages,
// readable and executable), data at 0x10010000 (2 pages, readable and
// writable), constants at 0x10013000 (1 page, readable), 24 pages of code without
// neighbours, from 0x10020000 on (the edges), control and records at
// 0x200000100000. The control page is five words: the current record, the end,
// scratch, what the calls of modify_ldt returned, ORed, and 1 if the kernel
// allows RDFSBASE and its like. A record is 4096 bytes:
//
//	   0  R8-R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS
//	 144  CS and, in the last two bytes, SS
//	 152  flags for POPF before the return: NT and ID, which a return ignores
//	 160  416 bytes of FXSAVE image
//	 576  1280 bytes of data: 0x10010e00-0x100111ff, 0x10011f00-0x10011fff
//	1856  DS, ES, FS, GS
//	1864  bases of FS and GS
//	2048  after: as at 0, then CS to SS, error code, vector, mask, CR2
//	2232  DS, ES, FS, GS
//	2240  416 bytes of FXSAVE image
//	2656  1280 bytes of data
//	3936  bases of FS and GS
//
// # 32-bit and 16-bit code
//
// The return from the signal loads CS and SS from the context, and the handler
// loads the other segment registers before it: so the next instruction can be
// one of compatibility mode, in Linux's 32-bit code segment 0x23 or in a segment
// of the child's LDT, which modify_ldt made: segments.go lists them, flat ones,
// ones in which 16-bit offsets reach the data, with limits, expanding down, of
// 16 bits, read-only, executable only and absent. The handler itself is 64-bit
// code, since it was installed by 64-bit code. Where the kernel has no
// modify_ldt, only 64-bit code is run, and the report says so.
//
// Linux's return uses IRET, which clears null selectors' RPL, and after which
// the upper half of RSP is undefined if the stack has 16 bits: neither counts.
//
// # Exceptions
//
// Wanted lists, for each unit, the exceptions that its form can raise in a
// program: #UD for LOCK; #GP for more than 15 bytes; #PF, and in 32-bit code
// #GP, for code that cannot be fetched, these three counted apart from those of
// operands; those of its accesses to memory, and of its own. One case in six
// aims at one of them: an address beyond what is mapped, allowed, canonical or
// within the segment, a misaligned one with AC, LOCK, prefixes beyond 15 bytes,
// selectors of absent segments, unmasked exceptions. One in 25 stands at an
// edge, where the code or its segment ends, and mostly cannot be fetched in
// full. The others are random. An exception counts as met if on the host it is
// the instruction's own, not that of the one behind it. A row that a mode does
// not have is run there too, for its #UD.
//
// Not wanted, since a program cannot raise them, or the manuals leave them open:
//
//	#NM      Linux never lets CR0.TS or CR0.EM be set for a program
//	#TS, #DF need a TSS or an IDT of one's own
//	#DB      of debug registers; single-step ends one case in eight
//	#NP      for the stack: an absent one is #SS (SDM vol. 3A, 6.15)
//	#XM      of CVTSI2SD from 32 bits, which is exact
//	#UD      of LOCK where the row is legal with it and has memory operands only;
//	         of LOCK MOV CR0, which AMD processors take for MOV CR8
//	#PF, #GP by fetch, or for the length, of undefined opcodes: how many of their
//	         bytes are fetched, or count, is not said
//	#PF      with the bits of the supervisor and of reserved bits
//
// configs/bare/corpus has cases of the first four and of the last.
//
// # Our side
//
// A machine with a megabyte of RAM, the same pages at the same linear addresses,
// and an IDT whose handlers halt; the frame on the handler's stack tells how the
// case ended.
//
// # What is compared
//
// General and segment registers, the bases of FS and GS, RIP, RFLAGS with RF,
// the x87 and SSE state, the windows, vector, error code and CR2; by batches,
// that no other data changed. FOP, FIP and FDP count only while an x87 exception
// is pending, since AMD processors save them only then. Flags and results that
// the manuals leave undefined are compared on processors that our choices follow
// (Reference); undefined.go lists the choices. On others the flags are left out.
//
// Of these, only a part can be compared:
//
//	RDRAND, RDSEED           the flags and the widths, not the number
//	RDTSC, RDTSCP, RDPID     the upper halves, not time and processor's number
//	CPUID                    the upper halves; what it tells is package cpu's to test
//	XGETBV                   components that we have
//	SGDT, SIDT, SLDT, STR, SMSW  legality; Linux answers with numbers of its own
//	                         in place of UMIP's #GP, for which the corpus has cases
//	SYSCALL                  in 64-bit code, with numbers that no call has: RAX,
//	                         RCX, R11, RFLAGS as SYSRET leaves them
//	SYSENTER                 #UD on AMD processors; not run on others
//	RDPMC                    #GP; not the backdoor's counters
//
// Not run at all: what only this processor or its hypervisor has, listed in
// known.go with the reason (VEX, EVEX, SVME, SSE4A's opcodes, VMCALL, keys: a
// test sees that they are #UD on our side); SYSCALL in 32-bit code, where Linux
// takes arguments from the stack; and what a program does not reach: rings 0 to
// 2, paging, debug registers, MSRs, interrupts, NMI. For these there are
// configs/bare/corpus and the tests of packages cpu and interp.
//
// known.go also lists which differences have an explanation: with the manual's
// section, and counted.
package silicon
