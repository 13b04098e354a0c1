package lockstep

import (
	"slices"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Returns is a case in which an IRET by a good frame becomes hot, and in some laps
// meets something else: spoiler n.
func Returns(seed uint64, n int) *Case {
	g := &gen{rng: newRNG(seed, uint64(n)|2<<32), base: x86.NoReg, start: codeAt + pageBytes - 0x80, world: long}
	g.counter = g.among(x86.R9, x86.R10, x86.R14, x86.RDX)
	k := g.counter
	g.rex(0x48|k>>3<<2|k>>3, 0x8d, 0x40|k&7<<3|k&7, 1) // LEA k, [k+1]
	g.ringZero()
	g.returnWith(choose(g.rng, 0, 3, 3), spoilers[n])
	for range 3 {
		g.settle()
		g.tell()
	}
	g.flush()
	if g.one(2) { // so far that the reference comes to a stop without another return
		g.b(0xb9, 70, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc) // MOV ECX, 70; DEC ECX; JNZ
	}
	g.b(0xe9)
	g.d(g.start - g.here() - 4)
	c := g.finish(-1)
	c.steps = 20000
	c.tick[1], c.tick[2] = 400+g.Uint64N(400), choose[uint64](g.rng, 0, 100) // seldom, or nothing is hot
	c.state.MXCSR = 0x1f80
	c.state.CR4 &^= cpu.CR4TSD
	return c
}

// tell adds to RBX what a return may change, or looks at rights.
func (g *gen) tell() {
	switch g.IntN(5) {
	case 0:
		g.b(0x9c, 0x58) // PUSHF; POP RAX
	case 1:
		g.touch()
		return
	case 2:
		g.b(0x0f, 0x31) // RDTSC
	default:
		g.b(0x8c, 0xc0|byte(g.IntN(6))<<3) // MOV EAX, segment register
	}
	g.b(0x48, 0x01, 0xc3) // ADD RBX, RAX
}

// iret returns to one of the next items, in either ring. In legacy mode NT, which
// programs set, would end the case.
func (g *gen) iret() {
	if g.world == legacy {
		g.flags()
		return
	}
	if g.one(2) {
		g.ringZero()
	}
	g.returnWith(choose(g.rng, 0, 3), spoilers[g.IntN(len(spoilers))])
}

// ringZero goes there, by INT 30h, and to a good stack.
func (g *gen) ringZero() {
	g.b(0x8c, 0xc8, 0xa8, 3, 0x74, 2, 0xcd, 0x30) // MOV EAX, CS; TEST AL, 3; JZ
	g.load(x86.RSP, stackAt+0x400+8*g.Uint64N(0x340), true)
}

// returnWith is IRET to a ring by a good frame, which is spoilt in some laps.
func (g *gen) returnWith(ring int, s spoiler) {
	code, data := selectors(g.world, ring)
	if ring == 0 && g.one(3) {
		data = 0
	}
	if s.before != nil {
		g.seldom(func() { s.before(g, code, data) })
	}
	if !g.narrow() || ring == 3 { // in 32-bit code the same ring's frame has no stack
		g.b(0x68) // PUSH n
		g.d(data)
		g.b(0x54)                                     // PUSH RSP
		g.rex(0x48, 0x83, 0x04, 0x24, byte(g.word())) // ADD [RSP], n
	}
	flags := cpu.FlagIF | 2 | g.Uint64()&(cpu.FlagsArith|cpu.FlagRF)
	for _, v := range [...]uint64{flags, code} {
		g.b(0x68)
		g.d(v)
	}
	r, h := g.reg(), hole{after: g.IntN(3)}
	if g.one(4) {
		h.bias = g.bias()
	}
	g.absolute(r, h)
	g.rex(0x40|r>>3, 0x50|r&7) // PUSH r
	if s.after != nil {
		g.seldom(func() { s.after(g, code, data) })
	}
	g.rex(0x48, 0xcf)
}

// seldom makes something that is skipped in most laps.
func (g *gen) seldom(do func()) {
	g.rex(0x40|g.counter>>3, 0xf7, 0xc0|g.counter&7) // TEST counter, n; JNZ
	g.d(choose[uint64](g.rng, 3, 7, 15))
	g.b(0x75, 0)
	at := len(g.buf)
	do()
	g.buf[at-1] = byte(len(g.buf) - at)
}

// A spoiler changes what a return looks at, before its frame is pushed or after
// that; code and data are the selectors in it.
type spoiler struct {
	name          string
	before, after func(g *gen, code, data uint64)
}

var spoilers = slices.Concat(otherSpoilers, flagSpoilers(), selectorSpoilers())

var otherSpoilers = []spoiler{
	{name: "nothing"},
	{name: "a frame in two pages that are not neighbours", before: func(g *gen, _, _ uint64) {
		g.load(x86.RSP, mappedAt+pageBytes+8*(1+g.Uint64N(4)), true)
	}},
	{name: "a frame anywhere", after: func(g *gen, _, _ uint64) { g.load(x86.RSP, g.place(40, 8), true) }},
	{name: "a frame elsewhere", after: func(g *gen, _, _ uint64) {
		g.rex(0x48, 0x83, 0xc4, choose[byte](g.rng, 0xf0, 0xf8, 8, 16)) // ADD RSP, n
	}},
	{name: "an address that is not canonical", after: func(g *gen, _, _ uint64) { g.xorFrame(4, choose[uint64](g.rng, 0x8000, 1<<31)) }},
	{name: "a segment that ring 3 may not have", before: func(g *gen, _, _ uint64) {
		g.loadSegment(choose(g.rng, x86.DS, x86.ES, x86.FS, x86.GS), data0)
	}},
	{name: "CR4.TSD", before: func(g *gen, _, _ uint64) { g.timeStamps() }},
	{name: "NT", after: func(g *gen, _, _ uint64) { g.withFlags(0x34, cpu.FlagNT) }},
	{name: "AC", after: func(g *gen, _, _ uint64) { g.withFlags(0x34, cpu.FlagAC) }},
	{name: "another descriptor", before: func(g *gen, code, data uint64) {
		bit := choose(g.rng, [2]uint64{6, 0x10}, [2]uint64{5, 1}) // AVL, accessed
		g.b(0x80, 0x34, 0x25)                                     // XOR byte [at], n
		g.d(gdt + choose(g.rng, code, data)&^3 + bit[0])
		g.b(byte(bit[1]))
	}},
	{name: "a null CS", after: func(g *gen, code, _ uint64) { g.xorFrame(g.word(), code) }},
	{name: "a null SS", after: func(g *gen, _, data uint64) { g.xorFrame(4*g.word(), data) }},
	{name: "an SS, if it was null", after: func(g *gen, _, _ uint64) { g.xorFrame(4*g.word(), data0) }},
}

// flagSpoilers change a flag in the frame.
func flagSpoilers() (list []spoiler) {
	for _, f := range []struct {
		name string
		bit  uint64
	}{{"TF", cpu.FlagTF}, {"IF", cpu.FlagIF}, {"DF", cpu.FlagDF}, {"IOPL", cpu.FlagIOPL}, {"NT", cpu.FlagNT}, {"RF", cpu.FlagRF},
		{"AC", cpu.FlagAC}, {"VIP", cpu.FlagVIP}, {"ID", cpu.FlagID}, {"bit 1", 2}, {"bit 30", 1 << 30}} {
		list = append(list, spoiler{name: "another " + f.name, after: func(g *gen, _, _ uint64) { g.xorFrame(2*g.word(), f.bit) }})
	}
	return list
}

// selectorSpoilers change a selector in the frame.
func selectorSpoilers() (list []spoiler) {
	same := func(n uint64) func(_, _ uint64) uint64 { return func(_, _ uint64) uint64 { return n } }
	for _, x := range []struct {
		name string
		bits func(code, data uint64) uint64
	}{
		{"RPL 1", same(1)},
		{"RPL 2", same(2)},
		{"RPL 3", same(3)},
		{"LDT", same(4)},
		{"bits above", same(0x7fff0000)},
		{"beyond the table", same(beyond)},
		{"code for data", func(code, data uint64) uint64 { return code ^ data }},
		{"32-bit code", func(code, _ uint64) uint64 { return code ^ code3Narrow }},
	} {
		list = append(list,
			spoiler{name: "CS: " + x.name, after: func(g *gen, code, data uint64) { g.xorFrame(g.word(), x.bits(code, data)) }},
			spoiler{name: "SS: " + x.name, after: func(g *gen, code, data uint64) { g.xorFrame(4*g.word(), x.bits(code, data)) }})
	}
	return list
}

func (g *gen) xorFrame(at int, n uint64) {
	g.b(0x81, 0x74, 0x24, byte(at)) // XOR [RSP+at], n
	g.d(n)
}

// withFlags sets flags by OR, 0Ch, or changes them by XOR, 34h.
func (g *gen) withFlags(op byte, f uint64) {
	g.b(0x9c, 0x81, op, 0x24) // PUSHF; OR [RSP], n; POPF
	g.d(f)
	g.b(0x9d)
}

// timeStamps allows RDTSC in ring 3, or forbids it.
func (g *gen) timeStamps() {
	g.b(0x0f, 0x20, 0xe0, 0x35) // MOV RAX, CR4; XOR EAX, n
	g.d(cpu.CR4TSD)
	g.b(0x0f, 0x22, 0xe0) // MOV CR4, RAX
}
