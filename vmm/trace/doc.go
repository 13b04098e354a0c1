// Package trace writes down what a guest did in a window of its recording:
// instructions, calls of functions, system calls, interrupts, ports. Nothing of
// what is replayed changes. A window's trace is the same bytes each time, on
// every engine, however long it is: what is known of the guest is read from its
// memory at the window's beginning and at the events themselves.
//
// # Events
//
// Instructions, calls and returns are told by the reference engine
// (interp.CPU.Before), which runs the window; everything else is met by stops
// (vmm.Stop), with translation going on. A line of an instruction is kept under
// its address and address space, and made again where other code is met there.
// A REP instruction is one line, as long as no interrupt comes between its iterations;
// one that faults and is tried anew is a line each time.
//
// Threads are found by reading the kernel's current task (package guestos), and
// symbols are the kernel's and its modules', as they are loaded when the window
// begins, or when the kernel is first found in it. An address of a program is
// named by the file mapped there, with the offset in the file.
//
// System calls are those of SYSCALL in 64-bit programs: from the instruction at
// LSTAR to the SYSRET or IRET that goes back to the thread's program. A call
// is written when it ends, as strace writes it, with the instant of its entry;
// where another thread's line comes before, in two lines, "<unfinished ...>" and
// "resumed", each with its own instant. Calls that were entered before the
// window are not written. A path in memory that is not paged in at the entry is
// written as its address.
//
// # Formats
//
// Text: columns divided by spaces: instant, thread (name/number, "-" if nobody
// knows), address in 16 hex digits, symbol+offset ("-" if there is none), and
// what happened; with Options.Regs "  ; " and what registers the instruction
// left changed. System calls have no address and no symbol.
//
// NDJSON: an object a line: "at" (instant), "kind" (insn, call, ret, syscall,
// irq, io), "comm", "pid", "tid" if a thread is known; "addr", "where", "text"
// and "regs"; of system calls "name", "args", and once ended "result" and "end".
//
// Perfetto: JSON of the Trace Event Format, which ui.perfetto.dev and
// chrome://tracing open: instructions and system calls as complete events (X),
// calls and returns as B and E, interrupts and ports as instants (i), names of
// processes and threads as metadata (M). Times are microseconds of guest time
// since instant 0; args.at is the instant.
//
// # Left out
//
// Accesses to devices in memory; system calls by INT 80h and SYSENTER; symbols
// of programs; arguments of calls that Linux passes in structures, which are
// written as addresses.
package trace
