// Package debug lets an engineer look into a recording: a gdb.Target over a
// timeline, the guest's tasks as threads, its kernel's symbols, and the commands
// that gdb passes on ("monitor"). Live is the same for a machine that runs.
//
// # Threads
//
// With a Linux in the guest, threads are its tasks as package guestos finds them,
// the one that runs first. Their numbers are PIDs; the idle task, whose PID is 0,
// is 4194304, which no PID reaches. Of a task that does not run the registers are
// those with which it goes on in the kernel. Without a Linux, and where none of
// its tasks is known to run, there is the thread "cpu", 4194305. Each thread's
// memory is that of its own address space.
//
// # Steps and points
//
// A step is an instruction, with the deliveries of interrupts before it. Where a
// thread's step ends in another thread, it goes on until that one runs again.
//
// Points are the timeline's stops, so that nothing is written into the guest. They
// count in every address space, or in those of one program (Session.Only): page
// tables of processes of its name, or of the one of its number, from where one was
// seen on. Under page table isolation those are the kernel's tables of a process,
// and breakpoints in the program itself are not met; the processor that is modelled
// needs none.
//
// A watchpoint is met by linear address: the same memory under another address, and
// what devices store, are not. Forward, the instruction where the session stands
// is part of the way: a step, and a search back to where it began, find what it
// accesses.
//
// # Symbols
//
// The kernel's come from its own list (kallsyms), as an ELF file without contents:
// a section for each run of symbols of one sort, code (t, T, w, W) or data, of type
// SHT_NOBITS, and a symbol table, all at the addresses where KASLR put them. gdb
// reads code from the guest. Where the package with the debug information of the
// very same kernel is installed, which the build id tells, gdb gets that.
//
// With them goes how to unwind, made of the kernel's own tables (ORC,
// Documentation/arch/x86/orc-unwinder.rst), as .debug_frame: a kernel without frame
// pointers has no other. The frame of an interrupt or system call is shown as
// "<signal handler called>", behind it the program's. Tables of Linux 6.3 are not
// read.
//
// Modules have the same two of their own, in the same file; or, from a folder of the
// engineer's, the file that was loaded (.ko), with the addresses at which the kernel
// put its sections. They are the modules of where gdb starts.
//
// A program's come from a folder of the engineer's, as package program has them.
// Where its files are is read from processes' mappings. A program's code is told by
// its bytes, so that another program at the same address is not taken for it; gdb
// itself knows one program at a time, and takes another's threads for that one's. Its
// source is where a folder of the engineer's has all of the files that DWARF names
// in one folder: that leads from a path of the computer where they were built, or
// from a module's path (go build -trimpath), to the engineer's.
//
// Where users name what is in memory, names of the program's count too, and parts of
// its global variables. Local variables are gdb's to find.
//
// # Who and why
//
// "why" is the last write before here, "who" the last reads and writes, both by
// linear address. One instruction's accesses in one call, one after another, are
// told once. Go's checks for nil pointers read a byte and use nothing of it; they
// are left out.
//
// "trace" is package trace's text of a window, of which the first 10 000 lines are
// shown; the session stays where it is.
//
// # At a failure
//
// A program tells the recorder of its failure by a port access deep within the SDK.
// OwnFrame has gdb select the frame that called the SDK, and behind a panic the one
// that did: by the names of functions, so that without the program's symbols gdb
// stays where it is. It needs a gdb with Python, as distributions build it; another
// one complains and goes on.
//
// # Probes
//
// A probe is a stop that does not stop: Session.Probe passes over the recording
// once and takes a picture at each place that is met. Arguments of the kernel's
// functions come from its own types (BTF), those of programs from DWARF (package
// program); both where a function begins, and results at its RET instructions. A
// function that is left by a jump to another does not return there, and a Go
// function whose stack has to grow begins again.
//
// Where a file can be loaded anywhere, its places are read from all tasks' mappings
// where the probe begins, and from the current task's whenever the kernel has mapped
// code (perf_event_mmap). Modules are looked for where the probe begins, and then
// where it ends; the types of their functions are in their files.
//
// Callers are found in the kernel by its unwind tables, through interrupts and
// system calls into the program, and there by frame pointers.
//
// # A live machine
//
// A Live goes forward only, and nothing is written into it: a debugger's write is
// no input, and what is recorded meanwhile would not replay. While it stands guest
// time stands, and no input comes in. A step is a stop at any address, so that a
// sleeping processor's step ends where it wakes; an interrupt's delivery is a step of
// its own. A thread's step is whichever task's. Points are met as in a recording,
// but in every address space.
package debug
