package intc

import "vmrecord/vmm"

// In reads a register in xAPIC mode. Registers are 32 bits wide at multiples
// of 16; the manual leaves other accesses undefined: here bytes between
// registers read as zero and smaller accesses see their part.
func (a *LocalAPIC) In(off uint64, size int) uint64 {
	if off&15+uint64(size) > 4 {
		return 0
	}
	v, ok := a.get(uint32(off >> 4))
	if !ok {
		a.fail(errRegister)
		return 0
	}
	return v & 0xffffffff >> (8 * (off & 3))
}

// Out writes a register in xAPIC mode; accesses that are not aligned and of 32 bits are lost.
func (a *LocalAPIC) Out(off uint64, size int, v uint64) {
	if off&15 != 0 || size != 4 {
		return
	}
	r := uint32(off >> 4)
	if _, known := a.get(r); !a.set(r, v) && !known {
		a.fail(errRegister)
	}
}

// RDMSR reads IA32_APIC_BASE, IA32_TSC_DEADLINE or a register in x2APIC mode.
func (a *LocalAPIC) RDMSR(msr uint32) (uint64, bool) {
	switch msr {
	case msrBase:
		return a.state.Base, true
	case msrDeadline:
		if d := a.timer.Due(); a.timerOf() == timerDeadline && d != vmm.Never {
			return uint64(d), true
		}
		return 0, true
	}
	r := msr - msrX2APIC
	switch r {
	case regEOI, regSelfIPI, regICRHigh, regDFR, regAPR:
		return 0, false
	}
	if !a.x2() {
		return 0, false
	}
	return a.get(r)
}

// WRMSR writes the same registers.
func (a *LocalAPIC) WRMSR(msr uint32, v uint64) bool {
	switch msr {
	case msrBase:
		return a.setBase(v)
	case msrDeadline:
		a.setDeadline(v)
		return true
	}
	if !a.x2() {
		return false
	}
	switch r := msr - msrX2APIC; {
	case r == regICR:
		a.state.ICR = v & 0xffffffff_000ccfff
		a.send()
		return true
	case v>>32 != 0, r == regICRHigh, r == regDFR, r == regLDR, r == regID:
		return false
	case r == regSelfIPI:
		if v>>8 != 0 {
			return false
		}
		if v < 16 {
			a.fail(errSendVector)
			return true
		}
		a.accept(modeFixed, uint8(v), false)
		return true
	case (r == regEOI || r == regESR) && v != 0:
		return false // #GP (SDM 3A, table 11-6)
	case r == regTPR && v>>8 != 0, r == regSVR && v>>10 != 0:
		return false
	default:
		return a.set(r, v)
	}
}

// setBase moves, enables and disables the APIC. The legal changes of mode are
// those of SDM 3A, figure 11-27; others are #GP.
func (a *LocalAPIC) setBase(v uint64) bool {
	const addr = 0xf_ffff_f000 // 36 bits
	if v&^(addr|baseBSP|baseEXTD|baseEN) != 0 {
		return false
	}
	was, now := a.state.Base&(baseEN|baseEXTD), v&(baseEN|baseEXTD)
	switch {
	case now == baseEXTD, was == 0 && now == baseEN|baseEXTD, was == baseEN|baseEXTD && now == baseEN:
		return false
	case now == 0 && was != 0:
		a.init()
		a.timer.Stop()
	case now&baseEXTD != 0 && was&baseEXTD == 0:
		a.state.ID, a.state.ICR = 0, a.state.ICR&0xffffffff
	}
	a.state.Base = v
	a.moved()
	a.update()
	return true
}

// moved puts the register page where IA32_APIC_BASE says; x2APIC mode has none.
func (a *LocalAPIC) moved() {
	if a.state.Base&(baseEN|baseEXTD) != baseEN {
		a.win.Unmap()
		return
	}
	a.win.Map(a.state.Base &^ 0xfff)
}

// get reads register r; false where there is none.
func (a *LocalAPIC) get(r uint32) (uint64, bool) {
	s := &a.state
	switch {
	case r >= regISR && r < regISR+8:
		return uint64(s.ISR[r-regISR]), true
	case r >= regTMR && r < regTMR+8:
		return uint64(s.TMR[r-regTMR]), true
	case r >= regIRR && r < regIRR+8:
		return uint64(s.IRR[r-regIRR]), true
	case r >= regLVT && r < regLVT+lvtCount:
		return uint64(s.LVT[r-regLVT]), true
	}
	switch r {
	case regID:
		if a.x2() {
			return 0, true
		}
		return uint64(s.ID), true
	case regVersion:
		return version, true
	case regTPR:
		return uint64(s.TPR), true
	case regAPR: // lowest-priority arbitration among one
		return uint64(a.ppr()), true
	case regPPR:
		return uint64(a.ppr()), true
	case regEOI: // write-only
		return 0, true
	case regLDR:
		return uint64(a.ldr()), true
	case regDFR:
		return uint64(s.DFR), true
	case regSVR:
		return uint64(s.SVR), true
	case regESR:
		return uint64(s.ESR), true
	case regICR:
		if a.x2() {
			return s.ICR, true
		}
		return s.ICR & 0xffffffff, true
	case regICRHigh:
		return s.ICR >> 32, true
	case regInit:
		return uint64(s.Init), true
	case regCount:
		return uint64(a.count()), true
	case regDivide:
		return uint64(s.Divide), true
	}
	return 0, false
}

// set writes register r; false where there is none that can be written.
func (a *LocalAPIC) set(r uint32, v uint64) bool {
	s, w := &a.state, uint32(v)
	switch r {
	case regID:
		s.ID = w & 0xff000000
	case regTPR:
		s.TPR = uint8(v)
		a.update()
	case regEOI:
		a.eoi()
	case regLDR:
		s.LDR = w & 0xff000000
	case regDFR:
		s.DFR = w | 0x0fffffff
	case regSVR:
		a.setSVR(w)
	case regESR:
		s.ESR, s.Errors = s.Errors, 0
	case regICR:
		s.ICR = s.ICR&^0xffffffff | v&0xccfff
		a.send()
	case regICRHigh:
		s.ICR = s.ICR&0xffffffff | v&0xff000000<<32
	case regInit:
		a.setInit(w)
	case regDivide:
		a.setDivide(w)
	default:
		if r < regLVT || r >= regLVT+lvtCount {
			return false
		}
		a.setLVT(int(r-regLVT), w)
	}
	return true
}

// setSVR: while the APIC is disabled by software every LVT entry stays masked.
func (a *LocalAPIC) setSVR(v uint32) {
	a.state.SVR = v & 0x3ff
	if v&svrOn == 0 {
		for i := range a.state.LVT {
			a.state.LVT[i] |= lvtMask
		}
	}
	a.update()
}

// setLVT writes an entry: each has its own bits (SDM 3A, figure 11-8).
func (a *LocalAPIC) setLVT(n int, v uint32) {
	writable := [lvtCount]uint32{0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff}
	l, mode := &a.state.LVT[n], a.timerOf()
	*l = *l&lvtIRR | v&writable[n]
	if a.state.SVR&svrOn == 0 {
		*l |= lvtMask
	}
	switch n {
	case lvtTimer:
		if now := a.timerOf(); now != mode && (now == timerDeadline || mode == timerDeadline) {
			a.state.Count = 0
			a.timer.Stop()
		}
	case lvtLINT0:
		a.level(n, a.lint0.Level())
	case lvtLINT1:
		a.level(n, a.state.LINT1)
	}
	a.update()
}
