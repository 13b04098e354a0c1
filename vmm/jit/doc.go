// Package jit translates hot 64-bit and 32-bit guest code to code of an amd64
// host. It is an accelerator beside the reference engine, which it never
// imports: they meet in cpu.Translator. Whatever has no translation, and every
// access that finds none in the caches below, the reference carries out, in the
// middle of a block if need be; so the translator has no second definition of
// anything that is rare. It changes speed and nothing else.
//
// # Registers
//
// Guest RAX to R12 and XMM0 to XMM15 are in the host registers of the same
// name, guest RSP in R15; guest R13 to R15 stay in memory. R13 and R14 are
// scratch. RSP points into the arena, all that emitted code reaches by itself:
// it uses no stack. XMM registers and MXCSR are loaded by the first block that
// needs them and stored by the exit.
//
// # Instructions
//
// Most are emitted again (again.go): the same opcode, with the registers above
// and, for memory, the operand R13+R14 that access.go made of its address. SSE
// is as exact as the architecture makes it: the same operations in the same
// order under the guest's MXCSR. Code runs translated only while MXCSR masks
// all exceptions.
//
// # 32-bit code
//
// It is translated while CS, DS, ES and SS are flat, as every kernel has them;
// the reference looks after that. Sums of 32 bits have zeros above them in the
// host's registers, so that an address, a stack pointer and a RIP cost nothing to
// cut off. Accesses by FS and GS are compared with the segment's limit; one that
// may not be read or written has a limit below 0. Opcodes that 64-bit code lacks
// are respelled (respell.go). 16-bit addresses, operands of 16 bits on the stack
// and 16-bit code are left to the reference.
//
// # Memory
//
// A bank, one for each set of rights, holds minus each page's address and where
// the page is in the host. The sum of that tag and the address is the offset in
// the page if it is the right one, so that one compare covers the page, its
// rights and the end of it. Pages with code, paging entries in use, or not
// stored to in this epoch have no tag for writing. Code looks at 1024 near
// entries, direct-mapped by page number; behind them a shared piece of code
// looks at 8192 far ones; then the reference walks, and the access is tried
// again. Accesses at RSP and those of PUSH, POP, CALL and RET try one more
// entry first: that of the page last written to in this way.
//
// Stores to pages with code or paging entries are not looked at by line here:
// they leave, to the reference. Counted, those that hit a clean line of such a
// page are 3 % of all exits in a boot, 0.4 % of fork and exec, and 10 % where
// pages are touched for the first time or code is patched in place: 1 to 2 % of
// the time at most, for a test in every slow store. Nor has each access a page
// of its own, but for those of loops below: in a boot and a float workload near
// entries miss 138 times in a million instructions, and far ones 60.
//
// There are banks for each of the address spaces whose translations the
// reference keeps. A CR3 switch chooses among them; the word Bank in the arena
// is all that code knows of it.
//
// # Loops
//
// A block that ends with a jump to itself, and would put flags aside or look
// whether XMM registers are loaded each time it begins, has a second body for
// all times but the first (loop.go). There the flags are those that its own end
// made, mostly with a recipe. In a user's loop each of the first four operands
// that go on by small steps, or stand still, has an extent besides: the page that
// it was in last. That is five instructions before the access, none of which
// waits for another's load, where the near entry takes nine in a chain. Extents
// for every operand were tried: one that changes its page often, by an index or
// since two arrays go by one register, fills its extent each time, and packed SSE
// over two arrays had a fifth of its speed. They are empty after each exit.
//
// # Flags
//
// The guest's arithmetic flags live in the host's. What the emitted code adds
// overwrites them, so before it does they are put aside: nowhere if a recipe
// can make them again from registers that still hold the operands, else by
// LAHF and SETO. So at each place where a block can leave they are exact, and
// stored only on the way out. Each block has two entries, for flags in the
// host's register and in memory. What the manual leaves undefined is what the
// reference chose, on processors that were compared with it (features.go);
// elsewhere such instructions are translated where their flags are dead, since
// the block writes all of them before it can leave, and left to the reference
// where they are not. AF after AND, OR, XOR and TEST every processor clears.
// No instruction is emitted where its result is undefined.
//
// Under poison (Options) no host is trusted, and emitted code changes flags at
// random after each such instruction, and wherever the guest's are dead or put
// aside. What looks at them all the same comes out wrong, on any host.
//
// # Steps
//
// A block takes its steps off the budget once, at the first place where flags
// are free anyway, and leaves there if it is spent. The budget ends two blocks
// before the deadline; the rest is the reference's. So translated code never
// meets a deadline, an interrupt or a stop.
//
// # Jumps
//
// Within a page blocks are chained by patched jumps: while a block runs its
// page is where it was. Into another page a key must say that the page is
// where it was when the jump was patched: linear and physical page number in
// one word, kept by page for each space. Indirect jumps go by a table of
// addresses, one for all spaces, whose entries name that key. An instruction
// that lies in two pages is a block of its own, which comes out before it if
// the key of the second page is another one. Dropped code has
// its two entries overwritten by jumps that come out, or lead to what replaced
// it.
//
// # Rings
//
// SYSCALL and SYSRET to 64-bit code change rings in place (rings.go): flags,
// bank and keys. CS and SS, which depend on the last change alone, are put into
// State by the exit. A disabled SYSCALL, CR4.TSD (RDTSC has another meaning in
// ring 3), AC kept by SYSCALL, and in R11 all but the arithmetic flags and IF,
// are the reference's business.
//
// So does IRETQ in ring 0 (iret.go), from a frame within a page to 64-bit code of
// ring 0 or 3 that the table of jumps knows, by accessed flat descriptors of the
// GDT. All is looked at before anything changes; what is not as usual - an NMI's
// handler, a waiting interrupt, NT or AC before, TF, DF, AC or IOPL after, a data
// segment to be nulled - begins anew in the reference. RF, which every fault
// pushes, holds for the one step that surely follows here; while stops are set that
// may take that step back, which those of execution never do, such a return is the
// reference's too. In a boot that touches new pages 275 000 of 276 000 are done here
// (before: none).
//
// # What the host must have
//
// Linux on amd64 with LAHF in 64-bit mode, and executable memory: mapped twice,
// to write and to run (execmem.go). Without it New says why, and the reference
// engine does everything. Groups of instructions that the processor has not, or
// that Options take away, are left to the reference.
package jit
