package devtest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"vmrecord/vmm"
)

// step does one random thing and says what came of it.
func (r *Rig) step(seed uint64, steps []Step) string {
	rng := rand.New(rand.NewPCG(seed, 2))
	what := r.some(rng, steps)
	kind, code := r.Stopped()
	return fmt.Sprintf("%s; now %d, stop %d %d, NMI %v, TPR %d", what, r.Now(), kind, code, r.TakeNMI(), r.TPR())
}

func (r *Rig) some(rng *rand.Rand, steps []Step) string {
	if len(steps) > 0 && rng.IntN(2) == 0 {
		return steps[rng.IntN(len(steps))](rng, r)
	}
	switch k := rng.IntN(16); {
	case k < 2:
		to := r.Now() + vmm.Instant(rng.Uint64N(1<<rng.IntN(35)))
		r.pass(to)
		return "time"
	case k < 4:
		return r.someWire(rng)
	case k == 4:
		return r.someInput(rng)
	case k == 5:
		return r.someMSR(rng)
	case k == 6 && rng.IntN(4) == 0:
		r.SetTPR(uint8(rng.IntN(16)))
		return "TPR"
	}
	return r.someAccess(rng)
}

// someAccess reads or writes a window, now and then across its ends.
func (r *Rig) someAccess(rng *rand.Rand) string {
	w := r.Windows()
	if len(w) == 0 {
		return "no window"
	}
	var c vmm.Claim
	for ok := false; !ok; ok = strings.HasPrefix(c.Slot, "dev") {
		c = w[rng.IntN(len(w))]
	}
	size := 1 << rng.IntN(4)
	at := c.Base + rng.Uint64N(c.Size)
	if rng.IntN(8) == 0 {
		at = c.Base + c.Size - 1 - uint64(rng.IntN(8)) + uint64(rng.IntN(8))
	} else if rng.IntN(2) == 0 {
		at &^= uint64(size - 1)
	}
	if c.Port {
		size = min(size, 4)
		at &= 0xffff
	}
	v := Value(rng)
	switch {
	case rng.IntN(2) == 0 && c.Port:
		r.PortOut(uint16(at), size, v)
	case c.Port:
		return fmt.Sprintf("in %#x/%d = %#x", at, size, r.PortIn(uint16(at), size))
	case rng.IntN(2) == 0:
		r.MemOut(at, size, v)
	default:
		return fmt.Sprintf("read %#x/%d = %#x", at, size, r.MemIn(at, size))
	}
	return fmt.Sprintf("write %#x/%d %#x", at, size, v)
}

// Value is a number as software writes them: small, a bit or two, all ones, or anything.
func Value(rng *rand.Rand) uint64 {
	switch rng.IntN(5) {
	case 0:
		return rng.Uint64N(16)
	case 1:
		return 1<<rng.IntN(32) | 1<<rng.IntN(8)
	case 2:
		return ^uint64(0) >> rng.IntN(64)
	case 3:
		return rng.Uint64N(256)
	}
	return rng.Uint64()
}

func (r *Rig) someWire(rng *rand.Rand) string {
	i := rng.IntN(pins)
	switch rng.IntN(4) {
	default:
		r.pins[i].Set(rng.IntN(2) == 0)
		return fmt.Sprintf("pin %d", i)
	case 2:
		i %= 8
		if !r.out[i] {
			r.reqs[i].Set(rng.IntN(2) == 0)
			return fmt.Sprintf("request %d", i)
		}
	case 3:
		return r.Ack(i % 8)
	}
	return "nothing"
}

// Pin drives the wire on the device's input pin i.
func (r *Rig) Pin(i int, level bool) { r.pins[i].Set(level) }

// Ack takes the request on wire i, if the device raises it, and says the vector.
func (r *Rig) Ack(i int) string {
	if !r.out[i] || !r.acks[i].Level() {
		return "nothing"
	}
	return fmt.Sprintf("acknowledge %d = %#x", i, r.acks[i].Ack())
}

func (r *Rig) someInput(rng *rand.Rand) string {
	var in []string
	for _, n := range r.Inlets() {
		if strings.HasPrefix(n, "dev/") {
			in = append(in, n)
		}
	}
	if len(in) == 0 {
		return "no inlet"
	}
	p := make([]byte, rng.IntN(20))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	n := in[rng.IntN(len(in))]
	r.input(n, p)
	return fmt.Sprintf("input %s %x", n, p)
}

func (r *Rig) someMSR(rng *rand.Rand) string {
	m := r.MSRs()
	if len(m) == 0 {
		return "no MSR"
	}
	c := m[rng.IntN(len(m))]
	n := uint32(c.Base + rng.Uint64N(c.Size))
	if rng.IntN(2) == 0 {
		v, ok, _ := r.RDMSR(n)
		return fmt.Sprintf("rdmsr %#x = %#x %v", n, v, ok)
	}
	v := Value(rng)
	ok, _ := r.WRMSR(n, v)
	return fmt.Sprintf("wrmsr %#x %#x %v", n, v, ok)
}
