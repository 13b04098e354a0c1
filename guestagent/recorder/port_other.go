//go:build !(linux && (386 || amd64))

package recorder

// No CPUID, no signature: the package does nothing here.
func cpuid(uint32) (a, b, c, d uint32) { return 0, 0, 0, 0 }

// in answers as a bus with nobody on it.
func in(r *regs) { r.ax = 1<<32 - 1 }
