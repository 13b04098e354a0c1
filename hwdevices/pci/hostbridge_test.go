package pci

import (
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// register goes for one of the bridge's own registers.
func register(rng *rand.Rand, b *devtest.Rig) string {
	p := devtest.Port(0)
	b.PortOut(p, 4, 1<<31|rng.Uint64N(4)*4)
	if rng.IntN(2) == 0 {
		b.PortOut(p+4, 4, devtest.Value(rng)<<8)
	}
	return string(rune(b.PortIn(p+4, 4)))
}

func TestI440FX(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(I440FX) }, register)
}

func TestMechanism1(t *testing.T) {
	devtest.Play(t, new(I440FX), `
		in 0.0/4 0
		in 0.4/4 ffffffff       # not enabled
		out 0.0/4 80000000
		in 0.0/4 80000000
		in 0.0/2 ffff           # CONFADD has 32 bits or is not there
		in 0.4/4 12378086
		in 0.6/2 1237
		in 0.5/1 80
		out 0.0/4 80000008
		in 0.4/4 6000002
		out 0.0/4 ffffffff      # reserved bits
		in 0.0/4 80fffffc
		in 0.4/4 ffffffff       # an absent function
		out 0.0/4 80000800      # device 1
		in 0.4/2 ffff
		out 0.0/4 80010000      # bus 1
		in 0.4/4 ffffffff
		out 0.0/4 8000000c      # latency timer
		out 0.5 ff
		in 0.5 f8
	`)
}
