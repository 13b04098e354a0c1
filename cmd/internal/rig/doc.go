// Package rig is what our commands for trying things out have in common: it builds the
// programs that a user has from this checkout, and what a guest finds when it begins,
// has Debian's kernels at hand, and runs and measures programs: processor seconds,
// resident memory, bytes on disk, and what the engine did. It is host code.
package rig
