// Package lockstep runs programs made at random on the reference engine and on
// the translating engine, and compares what comes of them. It is host code;
// nothing inside the machine may import it. Command locktest, above it, runs it
// for hours; its tests, and those of package jit, for seconds.
//
// # A case
//
// A case is a program made from the instruction table, in ring 0 or 3, with
// everything around it (layout.go): page tables, descriptors, a timer that
// interrupts at odd instants, a window of device registers, and handlers
// (handlers.asm) which write down each exception with its frame and step over
// the instruction. Its code is of 64 bits, or of 32 in compatibility mode or in
// legacy mode with PAE paging (world.go; handlers32.asm). Loops run fifty times and more, so that what they hold is
// translated. Each case is about one form in one operand size, which comes up
// often in it; the other instructions are random. What random instructions would
// seldom amount to is made on purpose (special.go):
//
//   - jumps, calls and returns within pages and between them, by registers, by
//     memory, and to the same code at other linear addresses;
//   - stores to code: the program's own, by whatever address; by a bus master;
//   - stores to paging entries, on a page that holds code and data too, for data
//     and for code that runs; another CR3, with and without PCID; INVLPG;
//   - in 32-bit code, loads of FS and GS with bases and limits of all sorts, and
//     of DS and ES that are not flat, or null;
//   - POPF with TF, AC, DF, NT; STAC and CLAC; a change of rings, also by SYSCALL
//     and SYSRET with all kinds of masks, selectors, targets and flags, or none;
//   - IRET to either ring by good frames and, now and then, by others (returns.go);
//   - flags that are made, left alone while their operands change and memory is
//     accessed, and looked at;
//   - the stack at the edge of what is mapped, strings with a count, MXCSR in all
//     its modes, also with exceptions unmasked.
//
// Memory operands lie in one page or two, which may be to read only, absent,
// the supervisor's or a user's, hold code, or be a device; now and then they are
// not canonical.
//
// Faults makes another kind of case: one instruction in a loop, to which good
// addresses are given until it is hot, and then all the others. So does Returns,
// of an IRET and its frame.
//
// # How it is run
//
// Both machines run up to the same random instants; there all of the processor's
// state, all RAM, the device and the board's time must be equal. The translating
// engine's way there is cut into slices, and a shaker between the engine and its
// translator makes it forget at random: single translations of addresses, all of
// them, jumps between blocks, blocks, all code; and cuts its budget. Translations
// are as long as a block, or as short as one instruction.
//
// A seed and a number make the same case everywhere. Bisect shortens its program
// to what the failure takes, finds the first instant that shows it, and the one
// block whose translation is enough.
//
// # What is left out
//
// Code of 16 bits, which is not translated; 32-bit code without paging, or with
// 32-bit paging; code and stack segments that are not flat; far transfers
// but IRET; loads of descriptor tables and control registers, but CR3 and CR4.TSD;
// debug registers. The x87 and MMX units come up seldom: they are not translated
// either.
package lockstep
