// Package corpus holds small bare-metal cases of system behaviour: page faults
// and their codes, descriptors, gates, stack switches, double faults, IRET,
// privilege, shadows, debugging, switches of mode, NMI, control and
// model-specific registers. Each cites the section that it tests, and says what
// the manual wants. They run on any PC that prints to COM1; cmd/internal/corpus
// runs them on this project's engine, on QEMU's TCG and on Bochs. It imports
// nothing that it tests.
//
// # The program
//
// Build puts cases and a runtime (runtime.asm, legacy.asm) into one program,
// loaded at 0x100000. It is entered at its first byte in 32-bit protected mode
// and switches to 64-bit mode. Vehicles: Multiboot, a 32-bit ELF file, for boot
// loaders and for QEMU's -kernel; ROM, which takes the place of a BIOS.
//
// Before each case the runtime makes everything anew: GDT, IDT, TSS, LDT, page
// tables, control, debug and model-specific registers, the 8259s, the 8254, and
// 16 pages for the case's use; general registers are 0 but RSP. Cases begin in
// one of six modes and end with INT F0h, or with the first exception that
// they do not come back from.
//
// # Its surroundings
//
//	PAGES   0x200000    16 pages, zero: the supervisor's view, entries at PT0
//	UPAGES  0x40200000  the same for ring 3, entries at PT1
//	USER    0x40000000  ring 3 sees the first 2 MiB here
//	GDT     08 code, 10 data, 18 32-bit code; 20, 28, 30 the same for ring 3;
//	        38 TSS, 48 LDT; 58 and further: descriptors with faults of their
//	        own, which runtime.asm lists
//	IDT     a stub for each vector; E0h to EFh: gates with faults of their own
//	TSS     RSP0, IST1 for double faults, IST2 for F0h, IST3 not canonical, IST4
//	        not aligned, IST5 for the case; of all ports 80h is allowed
//
// CALL ring3 goes on behind the call in ring 3, with the flags of R11. CALL
// pending lets the 8254 ask for an interrupt, at vector 20h. CALL gate makes RAX
// the handler of vector ECX, type and IST in EDX.
//
// Outside long mode, with 2-level paging and all pages for ring 3, these are
// others, and the rest is the same:
//
//	LPD, LPT    page directory and table of the first 4 MiB; the next are a
//	            large page. LPDPT: what PAE paging begins with, once CALL lpae
//	            turned it on: long mode's PD0 and PD1
//	LGDT        the same selectors up to 50, then others with faults of their own
//	LIDT, LTSS  8-byte gates, a 32-bit TSS with stacks of rings 0 and 1
//
// There CALL lring3 is ring3 with the flags of EBP; CALL lgate makes EAX the
// handler of vector ECX, type in EDX; CALL to leads call gate ECX to EAX; CALL
// outer has exceptions with an error code handled in ring 3, where the case ends
// with one more event.
//
// # What it prints
//
// One line a case: its name, a colon; for each event 13 words in hexadecimal,
// each after a space, and a semicolon. The words: vector, error code or 0, RIP,
// CS, RFLAGS, RSP, SS as pushed; RAX, RBX, CR2; where RIP was pushed; RFLAGS in
// the handler; DR6 if the vector is 1. After the last case comes END, and then
// a write to port F4h, and "Shutdown" to port 8900h.
//
// Decode tells of events in words: "#PF(7) ip+18 cs=33 cr2=40202004" is a page
// fault with code 7 at the case's byte 18h, in ring 3. What is as the case's
// mode set it is left out, and so are RAX and RBX where they are 0. "sp-8" is 8
// bytes below the begin of the case's stack, "rsp0-28" of the stack of ring 0.
// A machine that ends in a case is told as "shutdown" or "hangs".
//
// # Results
//
// testdata has what each machine said, two lines a case: the name; a tab and
// the result; QEMU is 7.2 and Bochs 2.7, Debian 12's,
// as EPYC-Rome and Ryzen; a case's Bochs names another processor. Where one differs
// from the manual, the case's Differ says so.
//
// Left out: real mode, virtual-8086 mode, task switches.
package corpus
