// Package program reads what a compiler wrote down of a program: an ELF file's
// symbols, and where there is DWARF, lines, global variables, and functions'
// parameters with their types. The file is the engineer's; what is formatted with it
// is the guest's word, and bounded.
//
// # Which file
//
// A process's mapping is of the file with the build id that stands in the notes of
// the mapped file's first page; where either has none, or the page is not in memory,
// of the one with its name, without ".debug". How far it is from where it was linked
// to be, its program headers and the place of its beginning tell.
//
// # Names
//
// Symbols are those of the symbol table, or of a stripped file the dynamic ones and
// Go's own table of functions (.gopclntab); of C++ and Rust as in the source, without
// parameters. One without a size goes up to the next. A function is found by that
// name, or by the linker's.
//
// A place is told as function and line; of functions that were compiled into others,
// the innermost in the package of the outermost, so that an atomic store is told
// where it stands in the program. A variable is NAME, and parts of it
// NAME.FIELD[INDEX], through pointers and Go's slices.
//
// # Where arguments are
//
// At a function's first instruction and at its return instructions, arguments and
// results are where the calling convention puts them, so that only types are read
// of DWARF, not its lists of locations:
//
//   - Go's ABIInternal (go.dev/s/abi-internal): values are taken apart into
//     words, which go one by one into RAX RBX RCX RDI RSI R8 R9 R10 R11, floating
//     point into XMM0 to XMM14, a whole value or nothing of it; what does not fit,
//     and arrays of more than one element, lie on the stack in order, above the
//     return address, results behind arguments. DWARF lists both in their order.
//   - C's (System V ABI, AMD64 supplement, 3.2.3): words in RDI RSI RDX RCX R8
//     R9, floating point in XMM0 to XMM7, structures of up to 16 bytes without
//     floating point in one or two of the former, larger ones and what does not fit
//     on the stack. Results are in RAX, RDX, XMM0.
//
// # Left out
//
// Arguments elsewhere in a function, and local variables; functions that were
// compiled into their callers; variants that a C compiler made with other
// parameters (NAME.constprop.0 and the like), whose arguments are not named;
// in C, structures with floating point, and what follows them.
package program
