// Package program reads what a compiler wrote down of a program: an ELF file's
// symbols, and where there is DWARF, lines, and functions' parameters with their
// types. The file is the engineer's; what is formatted with it is the guest's
// word, and bounded.
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
