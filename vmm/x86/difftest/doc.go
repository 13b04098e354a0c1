// Package difftest compares an engine with the computer's own processor, one
// instruction at a time: random instructions made from the instruction table,
// in 64-bit user mode, on Linux and amd64. It is host code; nothing inside the
// machine may import it.
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
// writable), constants at 0x10013000 (1 page, readable), control and records at
// 0x200000100000. The control page is three words: the current record, the end,
// and scratch. A record is 4096 bytes:
//
//	   0  R8-R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS
//	 144  flags for POPF before the return: NT and ID, which a return ignores
//	 160  416 bytes of FXSAVE image
//	 576  1280 bytes of data: 0x10010e00-0x100111ff, 0x10011f00-0x10011fff
//	2048  after: as at 0, then selectors, error code, vector, mask, CR2
//	2240  416 bytes of FXSAVE image
//	2656  1280 bytes of data
//
// # Our side
//
// A machine with a megabyte of RAM, the same pages at the same linear addresses,
// and an IDT whose handlers halt; the frame on the handler's stack tells how the
// case ended.
//
// # What is compared
//
// General registers, RIP, RFLAGS with RF, the x87 and SSE state, the windows,
// vector, error code and CR2; by batches, that no other data changed. FOP, FIP
// and FDP count only while an x87 exception is pending, since AMD processors
// save them only then. The flags that the table calls undefined are compared
// on processors that our choices follow, and left out on others.
//
// known.go lists which rows are not run, and what may differ.
package difftest
