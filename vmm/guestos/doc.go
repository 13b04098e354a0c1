// Package guestos reads a Linux guest from its own memory: symbols, processes,
// where they stand in the kernel and in their programs, what files they have
// mapped. It needs no System.map and no configuration, and nothing in the guest.
// It reads x86-64 kernels from 6.1 on that have kallsyms with data
// (CONFIG_KALLSYMS_ALL) and BTF (CONFIG_DEBUG_INFO_BTF), as Debian's do, with
// KASLR or without, with four levels of paging or five.
//
// All that is read is the guest's word. A guest may lie, and at many instants it
// is in the middle of changing a list: every loop and length here is bounded, and
// errors come with what was read until then.
//
// # From registers to types
//
//  1. SYSCALL's entry (LSTAR), or an interrupt's (IDT), is in the kernel's image,
//     in the gigabyte at ffffffff80000000. What page tables map around it, without
//     a hole of 16 MiB, is the image. Page tables are walked here (SDM vol. 3A,
//     4.5), so that the processor's rights do not matter.
//  2. In the image is the table that scripts/kallsyms.c wrote: every symbol.
//  3. The symbols __start_BTF and __stop_BTF say where the types are.
//  4. Symbols and members of structures lead to everything else: init_task to the
//     ring of processes (task_struct.tasks) and of threads (signal.thread_head), GS
//     to the current task, mm_struct to page tables and mappings.
//
// Found twice are the release and the distance that KASLR moved the kernel, by
// symbols and in VMCOREINFO, which must agree.
//
// # The table of symbols
//
// Symbols stand in the order of their addresses. The parts of the table follow
// one another on multiples of eight bytes, in this order in Linux 6.1, with
// numbers little-endian:
//
//	offsets        4 bytes a symbol
//	relative_base  8 bytes: where offset 0 is
//	num_syms       4 bytes and padding
//	names          a symbol each: the number of tokens, in a byte, or in two
//	               with seven bits in the first, whose bit 7 is set; then a
//	               byte for each token
//	markers        4 bytes: where names 0, 256, 512 ... begin in names
//	token_table    256 texts, each ended by a zero byte: what tokens stand for
//	token_index    2 bytes a token: where its text is in token_table
//
// Since 6.4 offsets and relative_base come last. A table for lookup by name,
// which comes before token_table or at the end, is not needed. The first letter
// of a name is its type. An offset is added to relative_base; but in kernels up
// to 6.14, where per-cpu variables are counted from 0, those that are not
// negative are addresses themselves, and of the others it is -1 minus the
// offset that is added.
//
// Nothing points at the table. Digits stand for themselves in every kernel, so
// that tokens 48 to 57 are found by their text; the index says where the table
// begins; names are right if the markers agree to the last.
//
// # BTF
//
// The format is documented in Documentation/bpf/btf.rst. A header:
//
//	0   9f eb   magic
//	2   1       version
//	3   -       flags
//	4   4 bytes size of the header
//	8   4 bytes where types begin, from the header's end
//	12  4 bytes size of the types
//	16  4 bytes where strings begin, from the header's end
//	20  4 bytes size of the strings
//
// Types are numbered from 1 as they come; 0 is void. Each is a name (4 bytes: where
// in the strings), then bits 15:0 a count, 28:24 its kind, 31 a flag, then its
// size, or another type's number; and after these twelve bytes what its kind has
// besides. A structure has twelve bytes a member: name, type, and where it is,
// in bits; if the structure's flag is set, in bits 23:0, and bits 31:24 are the
// size of a bit-field. An array has its element's type, its index's, and the
// count. A function has the number of its prototype, which has the type that is
// returned, and eight bytes a parameter: name and type. An enumeration has eight bytes
// a constant, in its other kind twelve, which are passed over.
//
// # Modules
//
// A module's struct module says where its code is (core_layout; since 6.4
// mem[0]), where the symbols of its ELF file are (kallsyms) and its tables for
// unwinding (arch.orc_unwind_ip, arch.orc_unwind). What /sys/module/NAME/sections
// shows is sect_attrs: each section's name and address, among them the note with
// the build id. Linux 6.14 changed that: of its modules no section is known.
//
// # Left out
//
// 32-bit kernels; processors but the one whose registers are given; namespaces of
// processes (PID is the kernel's own number); swapped pages, and pages of files
// that are not in memory. Layouts split by module (BTF of modules) are not read.
package guestos
