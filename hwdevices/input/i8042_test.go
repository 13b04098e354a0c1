package input

import (
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// command sends a command with perhaps an operand and reads what answers.
func command(rng *rand.Rand, b *devtest.Rig) string {
	cmds := []uint64{0x20, 0x25, 0x60, 0x65, 0xa7, 0xa8, 0xad, 0xae, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4}
	b.PortOut(devtest.Port(1), 1, cmds[rng.IntN(len(cmds))])
	if rng.IntN(2) == 0 {
		b.PortOut(devtest.Port(0), 1, devtest.Value(rng)|1) // bit 0: no reset
	}
	return ""
}

func TestI8042(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(I8042) }, command)
}

// Windows: 0 is port 60h, 1 is port 64h.
func TestController(t *testing.T) {
	devtest.Play(t, new(I8042), `
		in 1.0 10
		out 1.0 aa          # self test
		in 1.0 1d
		in 0.0 55
		in 1.0 1c
		out 1.0 60          # command byte: both interrupts
		out 0.0 47
		out 1.0 20
		line 0 1
		in 0.0 47
		line 0 0
		out 1.0 d3          # loop a byte to the auxiliary side
		out 0.0 5a
		line 1 1
		line 0 0
		in 1.0 35
		in 0.0 5a
		line 1 0
		out 1.0 d4          # nobody there: timeout
		out 0.0 f2
		in 1.0 75
		in 0.0 fe
		out 0.0 ed          # nor on the keyboard's side
		in 1.0 55
		in 0.0 fe
		out 1.0 a7          # auxiliary off and on again, in the command byte
		out 1.0 20
		in 0.0 67
		out 1.0 a8
		out 1.0 20
		in 0.0 47
		out 1.0 d0          # output port: A20, no reset
		in 0.0 3
		stop 0 0
		out 1.0 fe          # pulse reset
		stop 2 0
	`)
}
