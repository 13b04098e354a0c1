// Package gdb lets a debugger look at a machine through gdb's remote serial
// protocol (gdb manual, appendix E), and go both ways in time. It speaks over
// an io.ReadWriter; who opens sockets, and what machine it is, a live one or
// a recording with its timeline, are the caller's. It is written to what gdb
// 13.1, Debian 12's, sends.
//
// Nothing here changes what it looks at. Breakpoints and watchpoints are a
// list that goes along with each Order and is never written into memory;
// memory is read without side effects; registers and memory are written only
// into a Writer, a live machine. In a replay a write is refused with words
// that name the way out, "monitor golive". gdb 13 shows these words for a
// register; for memory it has "Cannot access memory at address", whatever it
// is told.
//
// # Packets
//
// A packet is '$', the payload, '#' and two hexadecimal digits, the payload's
// bytes summed modulo 256. In the payload, '}' and a byte stand for that byte
// XOR 20h, of which '#', '$', '}' and '*' have need. Both sides acknowledge
// with '+' or ask again with '-', until QStartNoAckMode, which gdb sends as
// its third packet; after it a wrong checksum ends the session, since the
// line was said to be reliable. gdb sends no run lengths, nor does Serve. A
// payload has at most 16 KiB, of which gdb is told. A single byte 03h is ^C.
//
// What gdb 13 sends when it connects, in this order: qSupported,
// vMustReplyEmpty, QStartNoAckMode, Hg0, qXfer:features:read:target.xml,
// qTStatus, ?, qXfer:threads:read, qAttached, Hc-1, and m for code at RIP.
// Then
//
//	g p             registers; p those that g does not have, which are none
//	G P             to write one it sends P
//	m x             memory; x, answered in binary, since gdb 16
//	M X             X, after X with length 0, to which OK says that X is known
//	Z0 Z1 z0 z1     breakpoints: break, hbreak; the same here, but for the reply
//	Z2 Z3 Z4 z2 …   watch, rwatch, awatch, the whole range in one packet
//	vCont?          before the first step; it wants c, C, s and S, or uses none
//	vCont;c  ;s:1;c  ;rSTART,END:1;c    forward; r while RIP is in the range
//	bc bs           backward, with Hc before them; vCont knows no way back
//	qRcmd           monitor
//	qC qfThreadInfo qsThreadInfo T      threads, for clients without qXfer
//	qSymbol         once it has symbols; none is wanted
//	D k vKill       quit detaches, since qAttached says 1
//
// The rest of what gdb may send is answered with an empty packet, which means
// not supported: ! and vRun (nothing can be started anew; "monitor goto" goes
// to the beginning), qXfer:memory-map (all is RAM as far as a breakpoint
// goes), exec-file, auxv and vFile (a machine is no process), qOffsets,
// vStopped and non-stop mode, multiprocess, conditions of breakpoints,
// tracepoints, QPassSignals.
//
// # Running
//
// gdb waits for a stop reply as long as it takes, and for the answer to a
// monitor command too: nothing has to be sent to keep it waiting. All else
// must be answered within two seconds ("set remotetimeout"). It sends '-'
// after each two seconds of waiting for a command, even on a line without
// acknowledgements, where that means nothing and is ignored.
//
// While the machine runs, the line is read: ^C stops it, and so do the line's
// end and any packet, since only a client that waits no longer sends one.
// When the user interrupts a monitor command, gdb sends no ^C but gives up,
// after six seconds at most, and goes on with its next packet: that ends the
// command, which then has no answer, since it would be taken for that
// packet's.
//
// A stop reply is T, the signal (05 SIGTRAP, 02 SIGINT after ^C), then
//
//	swbreak:; hwbreak:;         RIP is the breakpoint's, gdb is not to subtract 1
//	watch:A; rwatch:A; awatch:A;    A is the watchpoint's address
//	replaylog:begin; replaylog:end; the history's ends: "No more reverse-execution history"
//	thread:N;                   which runs
//	6: 7: 10:                   RBP, RSP, RIP, to save a g
//
// gdb steps off a breakpoint by itself before it continues forward; backward
// it does not, and need not: what an Order starts at is not met. After a
// watchpoint forward, the machine stands behind the instruction; backward
// before it, so that the old value is back, as gdb expects, and the same
// write is met once in each direction. An Order's single steps carry points
// too: gdb watches while it steps.
//
// What a Stop has to say (Stop.Note) is printed before its reply, by an O
// packet. Errors are "E." and words where gdb 13 shows them, numbers
// elsewhere: E01 for a request that cannot be read, E0e for what is not
// there. The error of a monitor command is printed before an E01, at which
// gdb says "Protocol error with Rcmd" and a script ends. gdb believes that a
// monitor command leaves the machine where it is; the definitions in Commands
// have it look again after those that do not.
//
// # Registers
//
// registers.go lists them, and the target description is made from that list:
// org.gnu.gdb.i386.core, .sse and .segments (FS and GS base), and a feature
// of our own for control registers, EFER, descriptor tables and debug
// registers. gdb 13 lists the latter in "info registers": on an x86 it takes
// no notice of a description's groups. There is no CR8, whose bits are the
// local APIC's, and no orig_rax, which is a notion of Linux's: without it gdb
// only does not know signal frames.
//
// RIP is shown as a linear address, where CS has a base outside 64-bit mode:
// gdb compares it with breakpoints and disassembles there. cs_base says what
// to subtract. Other addresses are offsets; SS and DS bases matter to nobody
// who runs flat. Registers that are not known of a thread are <unavailable>.
//
// A description cannot change in a session. It is of an x86-64 when long mode
// is active as the client connects, and of an i386 when it is not, where gdb
// then decodes 32-bit code and sees the low halves; a client that goes from
// one to the other connects anew. 16-bit code is decoded after "set
// architecture i8086".
//
// # Threads
//
// A thread is what the Target says: the processor, or the guest's tasks, each
// with its own registers, as far as they were saved, and its own address
// space. The one that runs is the first, and the one that a stop is reported
// of.
//
// # LLDB
//
// LLDB speaks the same protocol and some words of its own (its docs,
// lldb-gdb-remote.txt). What Debian 12's, 14.0.6, needs is little: it takes the
// target description, in which it looks for rflags (altname), and Z, z, vCont, c,
// m, M, p. QThreadSuffixSupported is its second packet and tells it apart; from
// then on it names a thread behind p, P, g and G (";thread:2a;"), so that H, and
// with it the memory that m reads, stays with the thread that runs: to LLDB all
// threads have one memory. qThreadStopInfo is a stop reply for each thread, where
// "hexname:" has its name. All else that it asks for, jThreadsInfo, qHostInfo,
// qProcessInfo, qMemoryRegionInfo, it does without.
//
// LLDB 14 knows no way back. "monitor goto -1s", which LLDBCommands teach it, goes
// there; LLDB sees it after its next step, for which a thread that is not there is
// no error.
package gdb
