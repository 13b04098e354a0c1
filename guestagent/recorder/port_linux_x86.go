//go:build linux && (386 || amd64)

package recorder

// Assembly, because Go has no way to say CPUID or IN. The twin in port_other.go
// stands for every system that cannot be an appliance's guest.

// cpuid executes CPUID for leaf, sub-leaf 0.
func cpuid(leaf uint32) (a, b, c, d uint32)

// in loads the registers, executes IN EAX,DX and stores them. Where the port is
// not for programs it faults.
//
//go:noescape
func in(r *regs)
