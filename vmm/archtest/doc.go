// Package archtest holds the rules of the building, as tests: which room may
// import which, and what may not be written inside the machine, where everything
// that happens must follow from the snapshot and the tape alone. rules.go says
// them as tables; testdata/bad.go breaks each once. There is no comment that
// excuses a line.
//
// Code inside the machine does not
//
//   - import from the standard library but what the table names;
//   - start goroutines, use channels, range over maps, print, or have init
//     functions;
//   - change package variables, or take their address, slice them, or hand on
//     slices, maps and pointers that they hold, through which somebody else
//     could: they are tables to be read by index, range and comparison;
//   - compute with floating-point types, but in one file, and there each
//     operation's result is converted explicitly at once (the language lets
//     compilers fuse operations otherwise, even across statements), and none is
//     converted to an integer (out of range, hosts differ).
//
// That state holds no int, uint, pointer, map or float is package snap's rule,
// which package devtest applies to every device.
package archtest
