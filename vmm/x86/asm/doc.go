// Package asm is a small assembler for the guests that tests run. It imports nothing
// of ours, so that it can find fault with all of it: above all it knows nothing of
// the instruction table beside it. It knows the instructions those guests use; what
// one of them needs besides, it brings itself.
//
// # The language
//
//	label: mnemonic operand, operand ; comment
//	NAME = expression
//
// An operand is a register, an expression, or byte|word|dword|qword [base +
// index*scale + expression], the size where no register tells it. Memory without
// registers is relative to RIP; gs: before the bracket is the override. An
// expression adds and subtracts numbers, 'c', names, and products of numbers.
//
// Directives: db, dw, dd, dq (db takes "text" too), align n, page n (up to offset
// n in a page), space n, phase n (labels go on from n, while bytes do not), dephase,
// bits n (32: memory without registers is absolute; instructions are those that
// 32-bit code encodes alike).
package asm
