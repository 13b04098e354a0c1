// Package trace writes down what a guest did in a window of its recording:
// instructions, calls of functions, system calls, interrupts, ports, switches
// from task to task. Nothing of what is replayed changes. A window's trace is the
// same bytes each time, on every engine, however long it is: what is known of the
// guest is read from its memory at the window's beginning and at the events
// themselves.
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
// A basic block is entered with an instruction that does not follow the one before
// it, or follows one that may jump.
//
// Memory that an instruction uses is looked at before and after it; what devices
// have there is not shown, since reading would change them.
//
// Threads are found by reading the kernel's current task (package guestos), and
// symbols are the kernel's and its modules', as they are loaded when the window
// begins, or when the kernel is first found in it. An address of a program is
// named by who has its symbols (Options.Names), else by the file mapped there, with
// the offset in the file.
//
// Tasks are switched where the kernel stores which one is the current one, and
// woken where its functions to wake one are entered; that of a task which is
// ready already is not written.
//
// System calls are those of SYSCALL in 64-bit programs: from the instruction at
// LSTAR to the SYSRET or IRET that goes back to the thread's program. A call
// is written when it ends, as strace writes it, with the instant of its entry;
// where another thread's line comes before, in two lines, "<unfinished ...>" and
// "resumed", each with its own instant. Calls that were entered before the
// window are not written. A path in memory that is not paged in at the entry is
// written as its address.
//
// # Side by side
//
// What stands in a line of an instruction or a block is known from the guest's
// state at it and the instruction before. So a window is cut into legs, of which
// several machines write one each (timeline.Relay), and the texts are put together
// in their order: the same bytes on any number of machines. What programs have
// mapped is read anew in every leg. A leg's machine runs on to the instruction behind
// its end and writes that one too, the next leg leaves it out: whether it goes on
// a REP or begins a block, and what the last one left in registers, only the
// former knows.
//
// # Formats
//
// Text: columns divided by spaces: instant, thread (name/number, "-" if nobody
// knows), address in 16 hex digits, symbol+offset ("-" if there is none; of a
// module or program with its name behind it, in brackets), and
// what happened; with Options.Regs "  ; " and what registers the instruction
// left changed; with Options.Mem "  @ " and of each place in memory
// [address]=before, and ->after if that is something else. System calls and tasks
// have no address and no symbol. A task's line comes when it is left, and says to
// whom, in which state (a letter as ps has it), and after how many instants.
//
// NDJSON: an object a line: "at" (instant), "kind" (insn, block, call, ret,
// syscall, irq, io, sched), "comm", "pid", "tid" if a thread is known; "addr",
// "where", "text", "regs" and "mem"; of system calls "name", "args", and once ended
// "result" and "end". A task that is left has where it came as "at", and "end".
//
// Perfetto: JSON of the Trace Event Format, which ui.perfetto.dev and
// chrome://tracing open: instructions, blocks, system calls and the time that a task
// runs as complete events (X), the last on the task's track and on that of the
// processor (4194304, no process's number), calls and returns as B and E,
// interrupts, ports and wakeups as instants (i), names of processes and threads
// as metadata (M). Times are microseconds of guest time since instant 0; args.at is
// the instant.
//
// # Left out
//
// Accesses to devices in memory; system calls by INT 80h and SYSENTER; arguments
// of calls that Linux passes in structures, which are written as addresses.
package trace
