package serial

import "vmrecord/vmm"

// A UART16550 is one serial port. Place: one window of 8 ports, one line.
type UART16550 struct {
	state   uartState
	clock   vmm.Clock
	irq     vmm.Line
	tx      vmm.Outlet
	space   vmm.Outlet
	timeout vmm.Timer // four character times without a byte in or out
	emptied vmm.Timer // the transmitter's interrupt is due
}

type uartState struct {
	IER, FCR, LCR, MCR, SCR uint8
	DLL, DLM                uint8
	Delta                   uint8       // MSR bits 3:0
	Modem                   uint8       // MSR bits 7:4 as last seen
	RX                      [depth]byte // receive FIFO, oldest first
	N                       uint8       // bytes in it, at most depth
	Lost                    bool        // LSR.OE until read
	Break                   bool        // LSR.BI until read: a break sent in loopback
	THRE                    bool        // transmitter-empty interrupt pending
	Timeout                 bool        // character timeout pending
}

const (
	depth    = 16
	thrDelay = 10_000    // ns from a write to THR to its interrupt
	crystal  = 1_843_200 // Hz; the bit rate is this / 16 / divisor
)

// Registers, data sheet table II. DLAB swaps the first two.
const (
	regData, regIER, regIIR, regLCR = 0, 1, 2, 3
	regMCR, regLSR, regMSR, regSCR  = 4, 5, 6, 7
)

const (
	ierRX, ierTHR, ierLine, ierModem = 1, 2, 4, 8

	iirModem, iirNone, iirTHR, iirRX, iirLine, iirTimeout = 0x0, 0x1, 0x2, 0x4, 0x6, 0xc

	fcrEnable, fcrClearRX = 1, 2

	lcrStop, lcrParity, lcrBreak, lcrDLAB = 0x04, 0x08, 0x40, 0x80

	mcrDTR, mcrRTS, mcrOUT1, mcrOUT2, mcrLoop = 0x01, 0x02, 0x04, 0x08, 0x10

	lsrDR, lsrOE, lsrBI, lsrTHRE, lsrTEMT = 0x01, 0x02, 0x10, 0x20, 0x40

	msrCTS, msrDSR, msrRI, msrDCD = 0x10, 0x20, 0x40, 0x80
	msrTERI                       = 0x04 // set by RI's trailing edge only

	connected = msrCTS | msrDSR | msrDCD // what an attached terminal asserts
)

// State returns the registers and the FIFO.
func (u *UART16550) State() any { return &u.state }

// Reset is the master reset, data sheet table I.
func (u *UART16550) Reset() {
	u.state = uartState{Modem: connected}
	u.timeout.Stop()
	u.emptied.Stop()
	u.update()
}

// Restored bounds what indexes the FIFO.
func (u *UART16550) Restored() { u.state.N = min(u.state.N, depth) }

// Attach connects the port.
func (u *UART16550) Attach(s *vmm.Slot) {
	s.Ports(0, 8, u)
	u.clock, u.irq = s.Clock(), s.Line(0)
	u.tx, u.space = s.Outlet("tx"), s.Outlet("space")
	u.timeout, u.emptied = s.Timer(u.timedOut), s.Timer(u.becameEmpty)
	s.Inlet("rx", u.deliver)
}

// deliver takes what arrived on the line. In loopback the receiver is cut off it.
func (u *UART16550) deliver(p []byte) {
	for _, c := range p {
		if u.state.MCR&mcrLoop == 0 {
			u.receive(c)
		}
	}
	u.announce()
	u.update()
}

func (u *UART16550) room() uint8 {
	if u.state.FCR&fcrEnable != 0 {
		return depth - u.state.N
	}
	return 1 - min(1, u.state.N)
}

func (u *UART16550) announce() { u.space.Write([]byte{u.room()}) }

// receive puts a byte in the FIFO. Without FIFO an unread byte is overwritten,
// with FIFO the new one is lost (LSR bit 1).
func (u *UART16550) receive(c byte) {
	s := &u.state
	switch {
	case u.room() > 0:
		s.RX[s.N] = c
		s.N++
	case s.FCR&fcrEnable == 0:
		s.RX[0], s.Lost = c, true
	default:
		s.Lost = true
	}
	u.watch()
}

// watch restarts the character timeout, which runs while bytes wait in the FIFO.
func (u *UART16550) watch() {
	s := &u.state
	s.Timeout = false
	if s.N == 0 || s.FCR&fcrEnable == 0 {
		u.timeout.Stop()
		return
	}
	bits := 7 + uint64(s.LCR&3) // start, 5 to 8 data, stop
	if s.LCR&lcrStop != 0 {
		bits++
	}
	if s.LCR&lcrParity != 0 {
		bits++
	}
	div := uint64(s.DLM)<<8 | uint64(s.DLL)
	u.timeout.At(u.clock.After(vmm.MulDiv(4*bits*16*max(1, div), 1e9, crystal)))
}

func (u *UART16550) timedOut() {
	u.state.Timeout = true
	u.update()
}

func (u *UART16550) becameEmpty() {
	u.state.THRE = true
	u.update()
}

// In reads a register.
func (u *UART16550) In(off uint64, _ int) uint64 {
	s := &u.state
	switch off {
	case regData:
		if s.LCR&lcrDLAB != 0 {
			return uint64(s.DLL)
		}
		return uint64(u.read())
	case regIER:
		if s.LCR&lcrDLAB != 0 {
			return uint64(s.DLM)
		}
		return uint64(s.IER)
	case regIIR:
		v := u.pending()
		if v == iirTHR {
			s.THRE = false
			u.update()
		}
		if s.FCR&fcrEnable != 0 {
			v |= 0xc0
		}
		return uint64(v)
	case regLCR:
		return uint64(s.LCR)
	case regMCR:
		return uint64(s.MCR)
	case regLSR:
		v := u.lsr()
		s.Lost, s.Break = false, false
		u.update()
		return uint64(v)
	case regMSR:
		v := s.Modem | s.Delta
		s.Delta = 0
		u.update()
		return uint64(v)
	case regSCR:
		return uint64(s.SCR)
	}
	return 0xff
}

func (u *UART16550) read() (c byte) {
	s := &u.state
	if s.N == 0 {
		return 0
	}
	c = s.RX[0]
	copy(s.RX[:], s.RX[1:s.N])
	s.N--
	s.RX[s.N] = 0
	u.watch()
	u.announce()
	u.update()
	return c
}

func (u *UART16550) lsr() uint8 {
	v := uint8(lsrTHRE | lsrTEMT)
	if u.state.N > 0 {
		v |= lsrDR
	}
	if u.state.Lost {
		v |= lsrOE
	}
	if u.state.Break {
		v |= lsrBI
	}
	return v
}

// Out writes a register.
func (u *UART16550) Out(off uint64, _ int, v uint64) {
	s, b := &u.state, uint8(v)
	switch off {
	case regData:
		if s.LCR&lcrDLAB != 0 {
			s.DLL = b
			return
		}
		u.send(b)
	case regIER:
		if s.LCR&lcrDLAB != 0 {
			s.DLM = b
			return
		}
		// Enabling the transmitter's interrupt while it is empty requests one.
		if b&ierTHR != 0 && s.IER&ierTHR == 0 {
			s.THRE = true
		}
		s.IER = b & 0x0f
	case regIIR:
		u.setFCR(b)
	case regLCR:
		// A break sent in loopback comes back as a null byte with LSR.BI.
		if b&^s.LCR&lcrBreak != 0 && s.MCR&mcrLoop != 0 {
			u.receive(0)
			s.Break = true
			u.announce()
		}
		s.LCR = b
	case regMCR:
		s.MCR = b & 0x1f
		u.modem()
	case regSCR:
		s.SCR = b
	}
	u.update()
}

func (u *UART16550) send(c byte) {
	u.state.THRE = false
	u.emptied.At(u.clock.After(thrDelay))
	if u.state.MCR&mcrLoop != 0 {
		u.receive(c)
		u.announce()
		return
	}
	u.tx.Write([]byte{c})
}

// setFCR: bits but the enable are taken only with it, and changing it clears both FIFOs.
func (u *UART16550) setFCR(b uint8) {
	s := &u.state
	if b&fcrEnable == 0 {
		b = 0
	}
	if (b^s.FCR)&fcrEnable != 0 || b&fcrClearRX != 0 {
		s.RX, s.N = [depth]byte{}, 0
	}
	s.FCR = b & 0xc9
	u.watch()
	u.announce()
}

// modem follows the modem inputs: in loopback the four outputs are wired to them.
func (u *UART16550) modem() {
	s, now := &u.state, uint8(connected)
	if s.MCR&mcrLoop != 0 {
		now = s.MCR&mcrRTS<<3 | s.MCR&mcrDTR<<5 | s.MCR&mcrOUT1<<4 | s.MCR&mcrOUT2<<4
	}
	ch := s.Modem ^ now
	s.Delta |= ch >> 4 &^ msrTERI
	if ch&msrRI != 0 && now&msrRI == 0 {
		s.Delta |= msrTERI
	}
	s.Modem = now
}

// pending is the interrupt of highest priority, as IIR reports it.
func (u *UART16550) pending() uint8 {
	s := &u.state
	trigger := [4]uint8{1, 4, 8, 14}[s.FCR>>6]
	switch {
	case s.IER&ierLine != 0 && (s.Lost || s.Break):
		return iirLine
	case s.IER&ierRX != 0 && s.N >= trigger:
		return iirRX
	case s.IER&ierRX != 0 && s.Timeout:
		return iirTimeout
	case s.IER&ierTHR != 0 && s.THRE:
		return iirTHR
	case s.IER&ierModem != 0 && s.Delta != 0:
		return iirModem
	}
	return iirNone
}

// update drives the interrupt line, which OUT2 gates. In loopback the OUT2 pin
// is inactive, and with it the PC's interrupt.
func (u *UART16550) update() {
	gate := u.state.MCR&(mcrOUT2|mcrLoop) == mcrOUT2
	u.irq.Set(gate && u.pending() != iirNone)
}
