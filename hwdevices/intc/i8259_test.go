package intc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// operate8259 uses one chip as software does: now and then it initialises it in
// some mode, else it raises a request, takes one, ends one or looks.
func operate8259(rng *rand.Rand, b *devtest.Rig) string {
	chip := rng.IntN(2)
	p := devtest.Port(chip)
	switch rng.IntN(12) {
	case 0:
		b.PortOut(p, 1, 0x11)
		if rng.IntN(4) == 0 {
			b.PortOut(p, 1, 0x10|rng.Uint64N(4)) // perhaps no ICW4, or no ICW3
		}
		b.PortOut(p+1, 1, rng.Uint64N(32)<<3)
		b.PortOut(p+1, 1, 4)
		b.PortOut(p+1, 1, 1|rng.Uint64N(2)<<1|rng.Uint64N(2)<<4)
		b.PortOut(p+1, 1, rng.Uint64N(2)*rng.Uint64N(256))
	case 1:
		b.PortOut(p+1, 1, devtest.Value(rng)&devtest.Value(rng)&^4)
	case 2, 3:
		b.PortOut(p, 1, rng.Uint64N(8)<<5|rng.Uint64N(8))
	case 4:
		b.PortOut(p, 1, 8|rng.Uint64N(4)<<5|rng.Uint64N(4))
	case 5, 6, 7, 8:
		i := rng.IntN(16)
		b.Pin(i, false)
		b.Pin(i, rng.IntN(8) != 0)
	case 9, 10:
		return b.Ack(0)
	}
	return fmt.Sprint(b.PortIn(p, 1))
}

func TestI8259(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(I8259) }, operate8259)
}

// Both chips up as on a PC: vectors 8 and 70h, nothing masked.
const picUp = `
	out 0.0 11
	out 0.1 8
	out 0.1 4
	out 0.1 1
	out 1.0 11
	out 1.1 70
	out 1.1 2
	out 1.1 1
`

func TestI8259Behaviour(t *testing.T) {
	for name, script := range map[string]string{
		"edge, acknowledge, end": `
			pin 1 1
			int 0 1
			in 0.0 2
			ack 0 9
			int 0 0
			in 0.0 0            # IRR
			out 0.0 b
			in 0.0 2            # ISR
			pin 1 0
			pin 1 1             # again, in service: waits
			int 0 0
			out 0.0 20
			int 0 1
			ack 0 9`,
		"an edge that goes away is spurious": `
			pin 3 1
			int 0 1
			pin 3 0
			int 0 0
			ack 0 f
			out 0.0 b
			in 0.0 0`,
		"an edge needs a new edge": `
			pin 3 1
			ack 0 b
			out 0.0 20
			int 0 0`,
		"level": `
			out 2.0 ff
			in 2.0 f8
			out 2.1 ff
			in 2.1 de
			pin 5 1
			ack 0 d
			int 0 0
			out 0.0 20
			int 0 1
			pin 5 0
			int 0 0`,
		"priorities nest": `
			pin 4 1
			ack 0 c
			pin 6 1
			int 0 0
			pin 3 1
			int 0 1
			ack 0 b
			out 0.0 20          # ends 3
			int 0 0
			out 0.0 20          # ends 4
			ack 0 e`,
		"slave": `
			pin 12 1
			int 0 1
			in 0.0 4
			ack 0 74
			pin 9 1             # higher, in the slave: blocked by IR2 at the master
			int 0 0
			out 1.0 20
			out 0.0 20
			ack 0 71`,
		"special fully nested": `
			out 0.0 11
			out 0.1 8
			out 0.1 4
			out 0.1 11
			pin 12 1
			ack 0 74
			pin 9 1
			ack 0 71
			pin 14 1
			int 0 0`,
		"mask": `
			out 0.1 2
			in 0.1 2
			pin 1 1
			int 0 0
			in 0.0 2
			out 0.1 0
			int 0 1`,
		"automatic end, rotating": `
			out 0.0 11
			out 0.1 8
			out 0.1 4
			out 0.1 3
			out 0.0 80
			pin 1 1
			pin 3 1
			ack 0 9
			out 0.0 b
			in 0.0 0
			pin 1 0
			pin 1 1             # now lowest
			ack 0 b`,
		"specific end and rotation": `
			pin 1 1
			ack 0 9
			out 0.0 e1          # end of 1, which becomes lowest: 2 is first
			pin 0 1
			pin 3 1
			ack 0 b
			out 0.0 63
			ack 0 8`,
		"set priority": `
			out 0.0 c4          # 4 lowest, 5 first
			pin 0 1
			pin 5 1
			ack 0 d
			int 0 0`,
		"special mask mode": `
			pin 3 1
			ack 0 b
			pin 6 1
			int 0 0
			out 0.1 8           # mask 3
			out 0.0 68
			int 0 1
			ack 0 e
			out 0.0 48          # off: 3 blocks again
			pin 7 1
			int 0 0`,
		"poll": `
			out 0.0 c
			in 0.0 0
			pin 6 1
			out 0.0 c
			in 0.0 86
			int 0 0
			out 0.0 b
			in 0.0 40`,
		"initialisation clears mask and edges": `
			out 0.1 ff
			pin 1 1
			out 0.0 11
			int 0 0
			out 0.1 20
			out 0.1 4
			out 0.1 1
			in 0.1 0
			int 0 0             # it must rise again
			pin 1 0
			pin 1 1
			ack 0 21`,
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(I8259), picUp+script) })
	}
}
