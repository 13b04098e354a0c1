package portlab

import "syscall"

func ip(p *syscall.PtraceRegs) uintptr { return uintptr(uint32(p.Eip)) }

func get(p *syscall.PtraceRegs) Regs {
	return Regs{uint32(p.Eax), uint32(p.Ebx), uint32(p.Ecx), uint32(p.Edx), uint32(p.Esi), uint32(p.Edi)}
}

// set leaves the call's answer behind its instruction.
func set(p *syscall.PtraceRegs, r Regs) {
	p.Eax, p.Ebx, p.Ecx = int32(r.AX), int32(r.BX), int32(r.CX)
	p.Edx, p.Esi, p.Edi = int32(r.DX), int32(r.SI), int32(r.DI)
	p.Eip++
}
