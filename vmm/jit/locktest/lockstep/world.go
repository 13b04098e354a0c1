package lockstep

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A world is the mode that a program runs in: 64-bit code; 32-bit code under
// long mode, whose exceptions go to 64-bit handlers; and 32-bit code in legacy
// protected mode with PAE paging.
type world uint8

// The worlds.
const (
	long world = iota
	compat
	legacy
)

// world is one in which a unit can be run.
func (u unit) world(r rng) world {
	if u.mode == x86.Mode64 {
		return long
	}
	return choose(r, compat, legacy)
}

func (g *gen) narrow() bool { return g.world != long }

func (g *gen) mode() x86.Mode {
	if g.narrow() {
		return x86.Mode32
	}
	return x86.Mode64
}

// word is the bytes of what PUSH pushes.
func (g *gen) word() int {
	if g.narrow() {
		return 4
	}
	return 8
}

func (g *gen) units() *stock { return &units()[g.mode()] }

// registers is the number of general registers.
func (g *gen) registers() int {
	if g.narrow() {
		return 8
	}
	return 16
}

// among is one of the registers that the world has.
func (g *gen) among(list ...uint8) uint8 {
	for {
		if r := list[g.IntN(len(list))]; int(r) < g.registers() {
			return r
		}
	}
}

// rex appends an instruction, with a REX prefix in 64-bit code.
func (g *gen) rex(rex byte, code ...byte) {
	if !g.narrow() {
		g.b(rex)
	}
	g.b(code...)
}

// high is where everything is once more.
func (g *gen) high() uint64 {
	if g.narrow() {
		return high32
	}
	return high
}

// roots are the two address spaces, for CR3.
func (g *gen) roots() (uint64, uint64) {
	if g.world == legacy {
		return pae, paeOther
	}
	return pml4, other
}

// segments loads a segment register: mostly FS and GS. Any exception makes DS
// and ES flat again.
func (g *gen) segments() {
	if !g.narrow() {
		g.flags()
		return
	}
	seg := choose(g.rng, x86.FS, x86.GS, x86.FS, x86.GS, x86.DS, x86.ES)
	g.loadSegment(seg, choose(g.rng, 0, odd+8*g.IntN(len(oddSegments())))|choose(g.rng, 0, 3))
	if seg >= x86.FS || g.one(4) {
		return
	}
	for n := g.IntN(3); n > 0; n-- {
		g.flags()
	}
	g.loadSegment(seg, data3)
}

func (g *gen) loadSegment(seg, selector int) {
	r := g.reg()
	g.load(r, uint64(selector), true)
	g.rex(0x40|r>>3, 0x8e, 0xc0|byte(seg)<<3|r&7) // MOV seg, r
}

// oddSegments are descriptors that programs may load. All but one are ring 3's.
func oddSegments() []uint64 {
	return []uint64{
		0,
		0x00cff3000010ffff, // base 10h
		0x80cff3000010ffff, // base 80000010h
		0xffcff3fff000ffff, // base FFFFF000h
		0x00c0f30000000120, // limit 120FFFh
		0x00c0f70000000120, // downward to 121000h
		0x00cff1000000ffff, // to read only
		0x00cffb000000ffff, // code
		0x00cf73000000ffff, // absent
		0x00cf93000000ffff, // ring 0's
		0x00cff3000000ffff, // flat
	}
}

// narrowed makes the state of 64-bit code that of 32-bit code, if need be.
func (g *gen) narrowed(s *cpu.State) {
	if !g.narrow() {
		return
	}
	for _, seg := range []int{x86.FS, x86.GS} {
		d := &s.Seg[seg]
		d.Limit = choose[uint32](g.rng, 0xffffffff, 0xffffffff, 0xffffffff, dataAt+pageBytes-1, 0)
		d.Attr = choose[uint16](g.rng, 0xc0f3, 0xc0f3, 0xc0f3, 0xc0f7, 0xc0f1)
	}
	if g.world == legacy {
		for i := range s.R {
			s.R[i] &= 0xffffffff
		}
		return
	}
	s.R[x86.RSP] |= choose(g.rng, 0, g.Uint64()<<32)
}
