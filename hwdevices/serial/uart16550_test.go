package serial

import (
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// fifo uses the receive FIFO as a driver does, with DLAB off, and lets
// characters time out.
func fifo(rng *rand.Rand, b *devtest.Rig) string {
	p := devtest.Port(0)
	b.PortOut(p+regLCR, 1, 3)
	if rng.IntN(8) == 0 {
		b.PortOut(p+regMCR, 1, mcrLoop)
		b.PortOut(p+regLCR, 1, 3|lcrBreak)
		return ""
	}
	b.PortOut(p+regMCR, 1, mcrOUT2)
	b.PortOut(p+regIER, 1, rng.Uint64N(16))
	if rng.IntN(4) == 0 {
		b.PortOut(p+regIIR, 1, fcrEnable|rng.Uint64N(4)<<6)
	}
	b.Deliver(vmm.Input{Inlet: "dev/rx", Data: make([]byte, rng.IntN(4))})
	if rng.IntN(2) == 0 {
		b.Advance(b.Now() + 1_000_000)
	}
	return string([]byte{byte(b.PortIn(p+regIIR, 1)), byte(b.PortIn(p+regLSR, 1))})
}

func TestUART16550(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(UART16550) }, fifo)
}

func TestBehaviour(t *testing.T) {
	for name, script := range map[string]string{
		"reset state, data sheet table I": `
			in 0.1 0
			in 0.2 1
			in 0.3 0
			in 0.4 0
			in 0.5 60
			in 0.6 b0
			in 0.7 0`,
		"divisor latch": `
			out 0.3 83
			out 0.0 34
			out 0.1 12
			in 0.0 34
			in 0.1 12
			out 0.3 3
			in 0.1 0
			got tx`,
		"transmit interrupt": `
			out 0.4 8
			out 0.1 2           # enabling it while empty requests
			line 0 1
			in 0.2 2            # reading it withdraws
			line 0 0
			in 0.2 1
			out 0.0 41
			got tx 41
			in 0.5 60           # empty at once, interrupt later
			line 0 0
			time 10us
			line 0 1
			out 0.0 42          # writing withdraws too
			line 0 0
			time 10us
			in 0.2 2
			out 0.1 0
			out 0.1 2           # enabled again: requested again
			in 0.2 2`,
		"OUT2 gates the line": `
			out 0.1 2
			line 0 0
			out 0.4 8
			line 0 1
			out 0.4 18          # not in loopback
			line 0 0`,
		"receiver without FIFO": `
			out 0.4 8
			out 0.1 5
			put rx
			got space 01
			put rx 41
			got space 00
			line 0 1
			in 0.2 4
			put rx 42           # overwrites
			in 0.2 6
			in 0.5 63
			in 0.5 61
			in 0.2 4
			in 0.0 42
			got space 00 01
			line 0 0
			in 0.0 0`,
		"FIFO, trigger, timeout": `
			out 0.3 83
			out 0.0 1           # 115200 bit/s: 4 characters are 347.2 us
			out 0.3 3
			out 0.4 8
			out 0.1 1
			out 0.2 81          # 8 bytes
			got space 10
			in 0.2 c1
			put rx 1 2 3
			got space 0d
			in 0.2 c1
			in 0.5 61
			time 340us
			line 0 0
			time 8us
			line 0 1
			in 0.2 cc
			in 0.0 1            # a read ends it and starts it anew
			in 0.2 c1
			time 348us
			in 0.2 cc
			put rx 4 5 6 7 8 9
			in 0.2 c4
			in 0.0 2
			in 0.2 c1
			out 0.2 83          # clear
			in 0.5 60
			in 0.2 c1
			time 1s
			line 0 0`,
		"FIFO overrun keeps the old": `
			out 0.2 1
			out 0.1 4
			put rx 0 1 2 3 4 5 6 7 8 9 a b c d e f 10
			in 0.2 c6
			in 0.5 63
			in 0.5 61
			in 0.0 0
			in 0.0 1`,
		"loopback": `
			out 0.4 1f
			in 0.6 f0
			out 0.4 10
			in 0.6 f            # all fell: trailing edge of RI too
			in 0.6 0
			out 0.4 1a
			in 0.6 99           # OUT2 is DCD, RTS is CTS
			out 0.0 5a
			got tx
			in 0.5 61
			in 0.0 5a
			put rx 77           # the line is cut off
			in 0.5 60
			out 0.3 40          # break
			in 0.5 71
			in 0.0 0`,
		"modem status interrupt": `
			out 0.1 8
			in 0.2 1
			out 0.4 10          # loopback drops CTS, DSR and DCD
			in 0.2 0
			in 0.6 b
			in 0.2 1`,
		"scratch and reserved bits": `
			out 0.7 a5
			in 0.7 a5
			out 0.1 ff
			in 0.1 f
			out 0.4 ff
			in 0.4 1f
			out 0.2 ce          # without the enable nothing is taken
			in 0.2 2`,
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(UART16550), script) })
	}
}
