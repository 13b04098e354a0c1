package silicon

import (
	"encoding/binary"

	"vmrecord/vmm/x86"
)

// The XSAVE family runs with the components that both sides have, x87 and SSE:
// no case chooses any other of a host's XCR0, nor has it in a header.
const (
	xsaveBytes  = 576
	xsaveHeader = 512
	hostXCR0    = 0xfffc
)

// xsaves are the instructions of the family that have an area.
var xsaves = []x86.Sem{x86.SemXsave, x86.SemXsaveopt, x86.SemXsavec, x86.SemXrstor}

// xsaveArea makes an area for XRSTOR: mostly one that can be loaded, with each
// component there or in its initial state.
func (p *plan) xsaveArea() []byte {
	q := *p
	q.x87()
	q.c.put32(fxMXCSR, uint32(p.IntN(0x10000)))
	if p.one(16) {
		q.c.put32(fxMXCSR, uint32(p.Uint64())&^mxcsrMM)
	}
	b := make([]byte, xsaveBytes)
	copy(b, q.c.FX[:])
	bv, comp := p.Uint64N(4), choose(p.rng, 0, 0, 1<<63|3, 1<<63|p.Uint64N(4))
	switch {
	case p.one(16):
		bv |= choose(p.rng, 1<<63, p.Uint64()&^hostXCR0)
	case p.one(16):
		comp ^= choose(p.rng, 1, 2, 1<<62, p.Uint64()&^hostXCR0)
	case p.one(16):
		b[528+p.IntN(48)] = 1 << p.IntN(8)
	}
	binary.LittleEndian.PutUint64(b[xsaveHeader:], bv)
	binary.LittleEndian.PutUint64(b[xsaveHeader+8:], comp)
	return b
}

// components chooses what the family saves or loads, and now and then leaves
// XMM registers and MXCSR in their initial state. ECX is XGETBV's register.
func (p *plan) components() {
	c := &p.c
	c.R[x86.RAX] = choose(p.rng, 3, 3, p.Uint64()&^hostXCR0)
	c.R[x86.RDX] = p.Uint64()
	if p.in.Sem == x86.SemXgetbv {
		c.R[x86.RCX] = choose(p.rng, 0, 1, 1, p.Uint64()<<32|1, p.Uint64())
	}
	if p.one(4) {
		clear(c.FX[fxXMM:])
	}
	if p.one(4) {
		c.put32(fxMXCSR, 0x1f80)
	}
}

// zeroXMM tells whether the XMM registers are in their initial state.
func (s *State) zeroXMM() bool {
	for _, b := range s.FX[fxXMM:] {
		if b != 0 {
			return false
		}
	}
	return true
}
