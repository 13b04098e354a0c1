package vmm

import "slices"

// A Claim is a range of ports, physical addresses or MSRs that a device answers.
type Claim struct {
	Slot string
	Base uint64
	Size uint64
	Open bool // false: the window is closed now
	Port bool
}

// Windows lists the ports and addresses that devices answer, in claim order.
func (b *Board) Windows() (c []Claim) {
	for i, w := range b.wins {
		m := b.w.Maps[i]
		c = append(c, Claim{w.name, m.Base, w.n, m.Open, w.port})
	}
	return c
}

// MSRs lists the model-specific registers that devices answer.
func (b *Board) MSRs() (c []Claim) {
	for _, m := range b.msrs {
		c = append(c, Claim{Base: uint64(m.base), Size: uint64(m.n), Open: true})
	}
	return c
}

// Outlets names every outlet in claim order.
func (b *Board) Outlets() []string { return slices.Clone(b.outs) }
