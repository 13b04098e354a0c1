package intc

import (
	"math/bits"

	"vmrecord/vmm"
)

// BusHz is the clock of the local APIC's timer before its divider.
const BusHz = 1_000_000_000

// A LocalAPIC is the processor's local APIC, ID 0 at power-on. Place: memory
// base 0 is its registers; pin 0 is LINT1; request wire 0 is the processor's
// INTR, request wire 1 is LINT0, with the acknowledge that ExtINT needs.
//
// IA32_TSC_DEADLINE (MSR 0x6E0) is kept in instants. The engine subtracts the
// TSC offset from a value that is written, at least 1 if the value was not 0,
// and adds it to a value that is read, if that is not 0; when software moves
// the TSC, the engine writes the deadline again.
//
// When interrupts from the APIC itself and from ExtINT are pending together,
// the APIC's are taken first (the manual leaves the order open). There is no
// thermal sensor and no performance counter: their entries of the local vector
// table hold what is written. INIT, SIPI and SMI messages go nowhere.
type LocalAPIC struct {
	state lapicState
	clock vmm.Clock
	timer vmm.Timer
	win   vmm.Window
	intr  vmm.Req
	lint0 vmm.ReqIn
	cpu   *vmm.Slot // NMI and EOI
}

type lapicState struct {
	Base          uint64 // IA32_APIC_BASE
	ID, LDR, DFR  uint32
	TPR           uint8
	SVR           uint32
	IRR, ISR, TMR [8]uint32
	ESR, Errors   uint32 // as read; since the last write
	ICR           uint64
	LVT           [lvtCount]uint32
	Init, Divide  uint32
	Started       uint64 // the timer's tick at which it began to count Count down
	Count         uint32 // 0: stopped
	LINT1         bool   // its level
}

// The local vector table in the order of its registers from 0x320 (SDM 3A, 11.5.1).
const (
	lvtTimer = iota
	lvtThermal
	lvtPerf
	lvtLINT0
	lvtLINT1
	lvtError
	lvtCount
)

// Register numbers: the offset in the page / 16, and the MSR - 0x800.
const (
	regID, regVersion, regTPR, regAPR, regPPR, regEOI = 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b
	regLDR, regDFR, regSVR, regISR, regTMR, regIRR    = 0x0d, 0x0e, 0x0f, 0x10, 0x18, 0x20
	regESR, regICR, regICRHigh, regLVT, regSelfIPI    = 0x28, 0x30, 0x31, 0x32, 0x3f
	regInit, regCount, regDivide                      = 0x38, 0x39, 0x3e
)

const (
	msrBase, msrDeadline, msrX2APIC = 0x1b, 0x6e0, 0x800

	baseBSP, baseEXTD, baseEN = 1 << 8, 1 << 10, 1 << 11

	version  = (lvtCount-1)<<16 | 0x14
	svrOn    = 1 << 8
	lvtMask  = 1 << 16
	lvtLevel = 1 << 15
	lvtIRR   = 1 << 14

	timerOneShot, timerPeriodic, timerDeadline = 0, 1, 2

	modeFixed, modeLowest, modeSMI, modeNMI, modeINIT, modeSIPI, modeExtINT = 0, 1, 2, 4, 5, 6, 7

	errSendVector, errRecvVector, errRegister = 1 << 5, 1 << 6, 1 << 7
)

// State returns the registers.
func (a *LocalAPIC) State() any { return &a.state }

// Reset is power-up (SDM 3A, 11.4.7.1).
func (a *LocalAPIC) Reset() {
	a.state = lapicState{Base: 0xfee00000 | baseBSP | baseEN, LINT1: a.state.LINT1}
	a.timer.Stop()
	a.init()
	a.moved()
	a.update()
}

// init is the part of the state that disabling the APIC resets too.
func (a *LocalAPIC) init() {
	base, pin := a.state.Base, a.state.LINT1
	a.state = lapicState{Base: base, LINT1: pin, DFR: 0xffffffff, SVR: 0xff}
	for i := range a.state.LVT {
		a.state.LVT[i] = lvtMask
	}
}

// Attach connects the APIC.
func (a *LocalAPIC) Attach(s *vmm.Slot) {
	a.cpu, a.clock, a.timer = s, s.Clock(), s.Timer(a.expired)
	a.win = s.Memory(0, 0x1000, a)
	a.intr = s.Req(0, a.ack)
	a.lint0 = s.ReqIn(1, a.lint0Changed)
	s.Pin(0, a.lint1Changed)
	s.OnMSI(a.message)
	s.TPR(func() uint8 { return a.state.TPR >> 4 }, func(v uint8) { a.state.TPR = v << 4; a.update() })
	s.MSRs(msrBase, 1, a)
	s.MSRs(msrDeadline, 1, a)
	s.MSRs(msrX2APIC, 0x100, a)
}

func (a *LocalAPIC) on() bool      { return a.state.Base&baseEN != 0 && a.state.SVR&svrOn != 0 }
func (a *LocalAPIC) x2() bool      { return a.state.Base&(baseEN|baseEXTD) == baseEN|baseEXTD }
func (a *LocalAPIC) timerOf() uint { return uint(a.state.LVT[lvtTimer] >> 17 & 3) }

// highest is the greatest vector set, or -1.
func highest(set *[8]uint32) int {
	for i := 7; i >= 0; i-- {
		if set[i] != 0 {
			return i<<5 + 31 - bits.LeadingZeros32(set[i])
		}
	}
	return -1
}

// ppr is the processor priority (SDM 3A, 11.8.3.1).
func (a *LocalAPIC) ppr() uint8 {
	tpr, isr := a.state.TPR, uint8(max(0, highest(&a.state.ISR)))
	if tpr>>4 >= isr>>4 {
		return tpr
	}
	return isr & 0xf0
}

// pending is the vector that the APIC itself would have the processor take, or -1.
func (a *LocalAPIC) pending() int {
	if v := highest(&a.state.IRR); a.on() && v>>4 > int(a.ppr()>>4) {
		return v
	}
	return -1
}

// extINT tells whether the 8259s' request passes: through LINT0 as ExtINT, or
// with the APIC disabled, when LINT0 is the INTR pin.
func (a *LocalAPIC) extINT() bool {
	if a.state.Base&baseEN == 0 {
		return a.lint0.Level()
	}
	l := a.state.LVT[lvtLINT0]
	return a.lint0.Level() && l&lvtMask == 0 && l>>8&7 == modeExtINT
}

func (a *LocalAPIC) update() { a.intr.Set(a.pending() >= 0 || a.extINT()) }

// ack gives the processor its vector; the spurious one if the reason is gone.
func (a *LocalAPIC) ack() uint8 {
	v := a.pending()
	switch {
	case v >= 0:
		a.state.IRR[v>>5] &^= 1 << (v & 31)
		a.state.ISR[v>>5] |= 1 << (v & 31)
		a.update()
		return uint8(v)
	case a.extINT():
		v := a.lint0.Ack()
		a.update()
		return v
	}
	return uint8(a.state.SVR)
}

// accept takes an interrupt message.
func (a *LocalAPIC) accept(mode uint32, vector uint8, level bool) {
	switch mode {
	case modeNMI:
		a.cpu.NMI()
		return
	case modeFixed, modeLowest:
	default:
		return
	}
	if vector < 16 {
		a.fail(errRecvVector)
		return
	}
	if !a.on() {
		return
	}
	i, b := vector>>5, uint32(1)<<(vector&31)
	a.state.IRR[i] |= b
	a.state.TMR[i] &^= b
	if level {
		a.state.TMR[i] |= b
	}
	a.update()
}

// fail notes an error and raises the error interrupt for the first of its kind.
func (a *LocalAPIC) fail(e uint32) {
	was := a.state.Errors
	a.state.Errors |= e
	if l := a.state.LVT[lvtError]; was&e == 0 && l&lvtMask == 0 && uint8(l) >= 16 {
		a.accept(modeFixed, uint8(l), false)
	}
}

// eoi ends the service of highest priority.
func (a *LocalAPIC) eoi() {
	v := highest(&a.state.ISR)
	if v < 0 {
		return
	}
	i, b := v>>5, uint32(1)<<(v&31)
	a.state.ISR[i] &^= b
	if a.state.TMR[i]&b != 0 {
		for _, n := range []int{lvtLINT0, lvtLINT1} {
			if l := &a.state.LVT[n]; *l&lvtIRR != 0 && uint8(*l) == uint8(v) {
				*l &^= lvtIRR
			}
		}
		a.cpu.EOI(uint8(v))
		a.level(lvtLINT0, a.lint0.Level())
		a.level(lvtLINT1, a.state.LINT1)
	}
	a.update()
}

func (a *LocalAPIC) lint0Changed(level bool) {
	a.pin(lvtLINT0, level)
	a.update()
}

func (a *LocalAPIC) lint1Changed(level bool) {
	a.state.LINT1 = level
	if a.state.Base&baseEN == 0 {
		if level {
			a.cpu.NMI()
		}
		return
	}
	a.pin(lvtLINT1, level)
}

// pin handles an edge of a local interrupt pin.
func (a *LocalAPIC) pin(n int, level bool) {
	l := a.state.LVT[n]
	if a.state.Base&baseEN == 0 || l&lvtMask != 0 || !level {
		return
	}
	switch mode := l >> 8 & 7; {
	case mode == modeNMI:
		a.cpu.NMI()
	case mode == modeFixed && l&lvtLevel == 0:
		a.accept(modeFixed, uint8(l), false)
	}
	a.level(n, level)
}

// level requests a level-triggered fixed interrupt unless one is in service.
func (a *LocalAPIC) level(n int, level bool) {
	l := &a.state.LVT[n]
	if level && *l&(lvtMask|lvtLevel|lvtIRR|0x700) == lvtLevel && a.on() {
		*l |= lvtIRR
		a.accept(modeFixed, uint8(*l), true)
	}
}

// message takes an interrupt message from a device or an I/O APIC: the
// addresses and data of SDM 3A, 11.11.
func (a *LocalAPIC) message(addr, data uint64) {
	if addr>>20 != 0xfee || a.state.Base&baseEN == 0 || !a.isFor(uint32(addr>>12&0xff), addr&4 != 0, 0xff) {
		return
	}
	a.accept(uint32(data>>8&7), uint8(data), data&(1<<15) != 0)
}

// isFor tells whether a message for destination d is for this APIC.
func (a *LocalAPIC) isFor(d uint32, logical bool, broadcast uint32) bool {
	switch {
	case d == broadcast:
		return true
	case !logical:
		return d == a.id()
	case a.x2():
		return d>>16 == a.ldr()>>16 && d&a.ldr()&0xffff != 0
	case a.state.DFR>>28 == 0xf: // flat
		return d&(a.state.LDR>>24) != 0
	}
	l := a.state.LDR >> 24 // cluster
	return (d>>4 == 0xf || d>>4 == l>>4) && d&l&0xf != 0
}

// id is the APIC ID; entering x2APIC mode restores the one of power-on.
func (a *LocalAPIC) id() uint32 {
	if a.x2() {
		return 0
	}
	return a.state.ID >> 24
}

func (a *LocalAPIC) ldr() uint32 {
	if a.x2() {
		return a.id()>>4<<16 | 1<<(a.id()&15)
	}
	return a.state.LDR
}

// send carries out a write to ICR (SDM 3A, 11.6.1).
func (a *LocalAPIC) send() {
	cmd, broadcast := uint32(a.state.ICR), uint32(0xff)
	dest := uint32(a.state.ICR >> 56)
	if a.x2() {
		dest, broadcast = uint32(a.state.ICR>>32), 0xffffffff
	}
	mode := cmd >> 8 & 7
	if uint8(cmd) < 16 && (mode == modeFixed || mode == modeLowest) {
		a.fail(errSendVector)
		return
	}
	switch cmd >> 18 & 3 {
	case 0:
		if a.isFor(dest, cmd&(1<<11) != 0, broadcast) {
			a.accept(mode, uint8(cmd), false)
		}
	case 1, 2: // self, all including self: a fixed interrupt
		if mode == modeFixed || cmd>>18&3 == 2 {
			a.accept(mode, uint8(cmd), false)
		}
	}
}
