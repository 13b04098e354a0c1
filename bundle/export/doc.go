// Package export writes a recording, or an instant of it, in forms that tools
// which people have open. Each is made by replaying, so that what is compared
// with the recording is compared here too; what is written is the same bytes
// each time. Nothing here opens files.
//
// A window is from a position to another; what happens at the first, behind the
// inputs that it counts, is part of it. Seconds are guest time, to a microsecond.
//
// # asciicast
//
// Version 2 of asciinema's format: lines of JSON. First an object: version (2),
// width and height of the terminal in characters, timestamp (the machine's clock
// at the window's start, in Unix seconds, by the epoch it was switched on with),
// duration (seconds), title (the bundle's id, and what the recording is of).
// Then an array for each event: seconds since the window's start, "o" or "i",
// text. "o" is what the guest wrote to its console: bytes that follow within a
// millisecond of the first are one event. "i", on wish, is what was typed,
// at its delivery to the guest. A character of UTF-8 is in one event; bytes that
// are not UTF-8 are U+FFFD, since JSON has no other way. No recording knows how
// large the user's terminal was, and what was on the screen before the window is
// not written.
//
// # ndjson
//
// An object a line, in the order of what happens. The first is of the recording:
//
//	kind     "recording"
//	schema   "vmbundle.events/1"
//	id       the bundle's
//	hz       instants in a guest second
//	epoch    what the machine's clock showed at instant 0, in Unix seconds
//	console  the console's outlet
//	from, to the window's first position, and the recording's last, as they are
//	         written on the command line: instant+inputs
//
// Every other one is an event:
//
//	kind     "input"    something from outside: keys, requests, leaps of time
//	         "console"  a line that the guest wrote to its console, when it ends
//	         "output"   what another outlet carried: backdoor/control (the guest's
//	                    packets: start, attr, mark, fail, stop, as package backdoor
//	                    has them), backdoor/log, com1/space (room for keys)
//	         "mark", "fail", "attr"  what the tape was marked with
//	         "end"      the recording's end, and why
//	at       the instant, of inputs right before their delivery
//	inputs   how many were delivered by then: at+inputs is a position
//	seconds  since the recording's start
//	inlet, outlet  where it went in or came out
//	size     how many bytes it had, a line's end among them
//	text     the bytes, if they are UTF-8, or else
//	hex      the bytes, two digits each; of both the first 4096
//
// Lines of the console have no "\r" and no "\n" at their end, are cut behind 64 KiB,
// and always are text: what is not UTF-8 is U+FFFD. A member that would be empty
// is left out, but for text. Readers ignore members and kinds that they do not
// know; a change that they would notice has another schema. Heartbeats, which
// only compare, are not written.
//
// # png
//
// The console's screen at an instant: a terminal of VT100's kind
// (github.com/hinshun/vt10x), of characters of 8 by 16 pixels in Go Mono with
// xterm's colours, the cursor reversed. It shows what was written since the
// recording's start, since what was there before is in no recording. As a film
// strip it is that screen at the window's start and each so many instants after,
// in rows from the left, each with its seconds since the recording's start and
// its position below. Bold, underline and blink are not drawn, and what Go Mono
// has no glyph for is a box.
//
// # vmcore
//
// An ELF64 core file (System V ABI) of x86-64, as kdump leaves it in /proc/vmcore
// (Documentation/admin-guide/kdump), of an instant:
//
//	note CORE, type 1 (NT_PRSTATUS)  struct elf_prstatus: the processor's general
//	                                 registers and the running task's PID; orig_rax
//	                                 is -1, pr_fpvalid 1, everything else 0
//	note CORE, type 2 (NT_FPREGSET)  x87 and SSE, as FXSAVE stores them
//	note VMCOREINFO, type 0          the kernel's vmcoreinfo_data, as it is in memory
//	PT_LOAD                          the kernel's image
//	PT_LOAD, each                    a range of RAM as the guest was told (e820),
//	                                 where the kernel's direct map has it
//	PT_LOAD, each                    what else the page tables in use map: modules,
//	                                 vmalloc and stacks, then the running program
//
// p_paddr and p_vaddr are where a segment is, and p_filesz is p_memsz. Each byte
// of RAM is in the file once; segments of the same memory share it. Pages of
// zeros are holes where the file can have them. The notes come from package
// guestos and from the processor, the direct map from page_offset_base. Where no
// Linux is to be seen there is no VMCOREINFO, and p_vaddr of RAM is its p_paddr.
//
// crash and drgn translate by themselves, with VMCOREINFO (for KASLR) and the
// debug information of the very kernel; gdb, which knows nothing of page tables,
// by p_vaddr. Left out: control registers; mappings behind the first 16384;
// programs that do not run. To tools a 32-bit guest's code is 64-bit.
//
// # pprof
//
// A profile as pprof reads it (profile.proto of github.com/google/pprof): a sample
// each so many instructions, which have been retired, with the values samples and
// instructions, and the labels process (its name) and pid. Sleep costs nothing.
// The stack is what the kernel's own tables (ORC) say of the kernel, and frame
// pointers of programs, which Go's have; at most 128 deep, and as far as it goes.
// Functions are the kernel's symbols, and on wish those of programs' files; other
// addresses of programs are left to pprof, which looks for their files
// (PPROF_BINARY_PATH). Modules that are loaded within the window have names, and no
// callers. The console is not compared with the recording here.
//
// # symbols
//
// The ELF file that bundle/debug makes of the kernel's own list of symbols, and of
// how to unwind: gdb kernel.elf vmcore.
package export
