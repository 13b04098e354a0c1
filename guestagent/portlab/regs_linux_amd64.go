package portlab

import "syscall"

func ip(p *syscall.PtraceRegs) uintptr { return uintptr(p.Rip) }

func get(p *syscall.PtraceRegs) Regs {
	return Regs{uint32(p.Rax), uint32(p.Rbx), uint32(p.Rcx), uint32(p.Rdx), uint32(p.Rsi), uint32(p.Rdi)}
}

// set leaves the call's answer behind its instruction.
func set(p *syscall.PtraceRegs, r Regs) {
	p.Rax, p.Rbx, p.Rcx = uint64(r.AX), uint64(r.BX), uint64(r.CX)
	p.Rdx, p.Rsi, p.Rdi = uint64(r.DX), uint64(r.SI), uint64(r.DI)
	p.Rip++
}
