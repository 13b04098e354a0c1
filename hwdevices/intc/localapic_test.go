package intc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

const base = 0xfee00000

// operate uses the registers as an operating system does, in either mode.
func operate(rng *rand.Rand, b *devtest.Rig) string {
	bv, _, _ := b.RDMSR(msrBase)
	put := func(r uint32, v uint64) {
		if bv&baseEXTD != 0 {
			b.WRMSR(msrX2APIC+r, v)
			return
		}
		b.MemOut(base+uint64(r)<<4, 4, v)
	}
	get := func(r uint32) uint64 {
		if bv&baseEXTD != 0 {
			v, _, _ := b.RDMSR(msrX2APIC + r)
			return v
		}
		return b.MemIn(base+uint64(r)<<4, 4)
	}
	vector := 0x20 + rng.Uint64N(0xe0)
	switch rng.IntN(16) {
	case 0: // change mode, most often back to xAPIC at its place
		v := uint64(base | baseBSP | baseEN)
		if k := rng.IntN(12); k == 0 {
			v |= baseEXTD
		} else if k == 1 || bv&baseEXTD != 0 {
			v = base | baseBSP
		}
		b.WRMSR(msrBase, v)
	case 1:
		put(regSVR, 0x100|vector)
	case 2, 3:
		put(regLVT+rng.Uint32N(lvtCount), vector|rng.Uint64N(8)<<8|rng.Uint64N(2)<<15)
	case 4:
		put(regLVT, vector|rng.Uint64N(3)<<17)
	case 5:
		put(regInit, rng.Uint64N(1<<rng.IntN(20)))
	case 6:
		put(regDivide, rng.Uint64N(16))
	case 7:
		put(regSelfIPI, vector)
		put(regICR, vector|1<<18)
	case 8:
		b.WRMSR(msrDeadline, uint64(b.Now())+rng.Uint64N(1<<20))
	case 9:
		put([]uint32{regLDR, regDFR, regID, regICRHigh}[rng.IntN(4)], rng.Uint64()&0xffffffff)
	case 10:
		put(regICR, vector|rng.Uint64N(2)<<11|rng.Uint64N(256)<<56)
	case 11:
		put(regESR, 0)
	case 12:
		put(regEOI, 0)
	case 13:
		put(regTPR, rng.Uint64N(256))
	case 14:
		b.Advance(b.Now() + vmm.Instant(rng.Uint64N(1<<16)))
	default:
		r := rng.Uint32N(0x40)
		return fmt.Sprintf("%#x = %#x", r, get(r))
	}
	return ""
}

func TestLocalAPIC(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(LocalAPIC) }, operate)
}

func TestLocalAPICBehaviour(t *testing.T) {
	for name, script := range map[string]string{
		"power-up, SDM 3A 11.4.7.1": `
			rdmsr 1b fee00900
			in 0.20/4 0
			in 0.30/4 50014
			in 0.80/4 0
			in 0.e0/4 ffffffff
			in 0.f0/4 ff
			in 0.320/4 10000
			in 0.350/4 10000
			in 0.370/4 10000
			in 0.380/4 0
			in 0.390/4 0`,
		"software disabled, entries stay masked": `
			out 0.350/4 700
			in 0.350/4 10700
			out 0.f0/4 1ff
			out 0.350/4 700
			in 0.350/4 700
			out 0.f0/4 ff
			in 0.350/4 10700`,
		"virtual wire": `
			req 1 1
			int 0 0
			out 0.f0/4 10f
			out 0.350/4 700
			int 0 1
			ack 0 41            # the vector of the 8259s
			req 1 0
			int 0 0`,
		"disabled, LINT0 is INTR and LINT1 is NMI": `
			wrmsr 1b fee00100
			req 1 1
			int 0 1
			ack 0 41
			pin 0 1
			nmi 1`,
		"LINT1 NMI": `
			out 0.f0/4 10f
			pin 0 1
			nmi 0
			pin 0 0
			out 0.360/4 400
			pin 0 1
			nmi 1`,
		"self IPI, priority, end": `
			out 0.f0/4 1ff
			out 0.300/4 40035   # self, vector 35h
			int 0 1
			in 0.210/4 200000   # IRR bit 35h
			out 0.300/4 80041   # all including self
			ack 0 41
			in 0.120/4 2        # ISR bit 41h
			in 0.a0/4 40
			int 0 0             # 35h is lower
			out 0.b0/4 0
			int 0 1
			ack 0 35
			out 0.300/4 c0050   # all but self: nobody
			int 0 0
			out 0.b0/4 0
			eoi`,
		"task priority": `
			out 0.f0/4 1ff
			tpr 4
			in 0.80/4 40
			out 0.300/4 4004f
			int 0 0
			out 0.80/4 3f
			int 0 1
			out 0.80/4 40
			int 0 0
			ack 0 ff            # withdrawn: spurious, nothing in service
			in 0.120/4 0`,
		"destinations": `
			out 0.f0/4 1ff
			out 0.310/4 1000000 # physical, APIC 1
			out 0.300/4 31
			in 0.210/4 0
			out 0.310/4 ff000000
			out 0.300/4 32
			in 0.210/4 40000
			out 0.d0/4 4000000  # logical, flat
			out 0.310/4 2000000
			out 0.300/4 833
			in 0.210/4 40000
			out 0.310/4 6000000
			out 0.300/4 834
			in 0.210/4 140000
			out 0.e0/4 fffffff  # clusters: cluster 1, member 1
			out 0.d0/4 11000000
			out 0.310/4 21000000
			out 0.300/4 835
			in 0.210/4 140000
			out 0.310/4 13000000
			out 0.300/4 836
			in 0.210/4 540000`,
		"errors": `
			out 0.f0/4 1ff
			out 0.370/4 fe
			out 0.300/4 40005   # illegal vector
			in 0.280/4 0
			out 0.280/4 0
			in 0.280/4 20
			ack 0 fe
			out 0.280/4 0
			in 0.280/4 0
			in 0.3f0/4 0        # no register
			out 0.280/4 0
			in 0.280/4 80`,
		"NMI and INIT": `
			out 0.f0/4 1ff
			out 0.300/4 80400   # all including self, NMI
			nmi 1
			out 0.300/4 c4500
			stop 0 0`,
		"one-shot": `
			out 0.f0/4 1ff
			out 0.320/4 ec
			out 0.3e0/4 b       # by 1
			out 0.380/4 3e8     # 1000 ns
			time 400ns
			in 0.390/4 258
			int 0 0
			time 600ns
			in 0.390/4 0
			ack 0 ec
			time 2us
			int 0 0`,
		"periodic, divided by 16": `
			out 0.f0/4 1ff
			out 0.320/4 200ec
			out 0.3e0/4 3
			out 0.380/4 a       # 160 ns
			time 160ns
			ack 0 ec
			out 0.b0/4 0
			time 80ns
			in 0.390/4 5
			int 0 0
			time 80ns
			ack 0 ec
			out 0.380/4 0       # stopped
			out 0.b0/4 0
			time 1ms
			int 0 0`,
		"divider changed under way": `
			out 0.3e0/4 b
			out 0.380/4 64
			time 20ns
			out 0.3e0/4 0       # by 2
			in 0.390/4 50
			time 20ns
			in 0.390/4 46`,
		"deadline, in instants": `
			out 0.f0/4 1ff
			wrmsr 6e0 fa0       # ignored in another mode
			rdmsr 6e0 0
			out 0.320/4 400ec
			wrmsr 6e0 fa0       # 4000 instants: 1 us
			rdmsr 6e0 fa0
			out 0.380/4 5       # ignored
			in 0.390/4 0
			time 999ns
			int 0 0
			time 1ns
			rdmsr 6e0 0
			ack 0 ec
			out 0.b0/4 0
			wrmsr 6e0 1         # past: at once
			time 1ns
			ack 0 ec
			out 0.b0/4 0
			wrmsr 6e0 fffffffffff00000 # before the first instant: at once
			time 1ns
			int 0 1
			wrmsr 6e0 ffffffff
			wrmsr 6e0 0
			rdmsr 6e0 0`,
		"x2APIC": `
			rdmsr! 802
			wrmsr! 808 0
			out 0.20/4 5000000
			wrmsr 1b fee00d00
			in 0.20/4 ffffffff  # no page any more
			rdmsr 802 0
			rdmsr 80d 1
			rdmsr! 80e
			rdmsr! 831
			wrmsr! 802 0
			wrmsr! 80b 1
			wrmsr! 808 100
			wrmsr 80f 1ff
			wrmsr 83f 31
			ack 0 31
			wrmsr 80b 0
			wrmsr 830 ffffffff00000032
			ack 0 32
			rdmsr 830 ffffffff00000032
			wrmsr! 83f 131
			wrmsr! 1b fee00900  # back to xAPIC: only through disabled
			wrmsr 1b fee00100
			wrmsr! 1b fee00d00
			wrmsr 1b fee00900
			in 0.f0/4 ff        # disabling has reset it`,
		"illegal base": `
			wrmsr! 1b fee00901
			wrmsr! 1b fee00500
			wrmsr! 1b 1000fee00900
			wrmsr 1b fed00900
			in 0.30/4 50014`,
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(LocalAPIC), script) })
	}
}

func TestMessages(t *testing.T) {
	a := new(LocalAPIC)
	b := vmm.NewBoard(nil, vmm.Config{})
	var s *vmm.Slot
	b.Plug(vmm.Place{Name: "lapic", Mem: []uint64{base}, Pins: []uint16{0}, Reqs: []uint8{0, 1}}, a)
	b.Plug(vmm.Place{Name: "dev"}, sender{&s})
	b.MemOut(base+0xf0, 4, 0x1ff)
	for _, c := range []struct {
		addr, data uint64
		want       int
	}{
		{0xfee00000, 0x31, 0x31},
		{0xfee01000, 0x32, -1},   // APIC 1
		{0xfeeff00c, 0x33, 0x33}, // broadcast
		{0xfee00000, 0x05, -1},   // illegal vector
		{0xfed00000, 0x34, -1},   // no such address
		{0xfee00000, 0x135, 0x35},
	} {
		s.MSI(c.addr, c.data)
		if got := highest(&a.state.IRR); got != c.want {
			t.Errorf("%#x %#x: vector %#x, want %#x", c.addr, c.data, got, c.want)
		}
		if c.want >= 0 {
			b.Acknowledge()
			b.MemOut(base+0xb0, 4, 0)
		}
	}
}

// sender gives its slot to a test.
type sender struct{ s **vmm.Slot }

func (d sender) Attach(s *vmm.Slot) { *d.s = s }
func (d sender) Reset()             {}
func (d sender) State() any         { return new(struct{}) }
