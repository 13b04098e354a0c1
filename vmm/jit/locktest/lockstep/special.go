package lockstep

import (
	"slices"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// special appends what random instructions would not amount to.
func (g *gen) special() {
	n := g.IntN(49)
	for _, s := range [...]struct {
		weight int
		make   func()
	}{
		{4, g.jump},
		{2, g.call},
		{4, g.laps},
		{2, g.indirect},
		{1, g.memoryBranch},
		{8, g.flags},
		{2, g.patch},
		{3, g.remap},
		{1, g.flagsFromStack},
		{1, func() { g.b(0x0f, 0x01, choose[byte](g.rng, 0xca, 0xcb)) }}, // CLAC, STAC
		{2, g.interrupts},
		{2, g.addressSpace},
		{1, g.mxcsr},
		{2, g.rings},
		{1, g.timeStamps},
		{3, g.iret},
		{3, g.segments},
		{2, g.pushPop},
		{1, g.divide},
		{1, g.bitString},
		{1, func() { g.load(g.reg(), g.value(), false) }},
		{1, func() { g.b(0x9c, 0x58|g.reg()&3) }}, // PUSHF; POP
		{1, func() { // RDTSC; MOV r, EAX
			r := g.reg()
			g.b(0x0f, 0x31)
			g.rex(0x40|r>>3, 0x89, 0xc0|r&7)
		}},
	} {
		if n -= s.weight; n < 0 {
			s.make()
			return
		}
	}
}

// jump is a conditional or plain jump over a few items.
func (g *gen) jump() {
	cc := byte(g.IntN(16))
	h := hole{after: 1 + g.IntN(3), size: 4}
	switch g.IntN(8) {
	case 0, 1, 2:
		g.b(0x70 | cc)
		h.size = 1
	case 3:
		g.b(0xe9)
		h.bias = g.near()
	case 4:
		g.b(choose[byte](g.rng, 0xe3, 0xe1, 0xe0)) // JRCXZ, LOOPE, LOOPNE
		h.size = 1
	default:
		g.b(0x0f, 0x80|cc)
		h.bias = g.near()
	}
	g.open(h)
}

// open leaves room for what a hole will hold.
func (g *gen) open(h hole) {
	h.at = len(g.buf)
	g.b(make([]byte, h.size)...)
	g.holes = append(g.holes, h)
}

func (g *gen) call() {
	if g.one(3) {
		r := g.reg()
		g.calls = append(g.calls, g.pointTo(r, hole{}))
		g.rex(0x40|r>>3, 0xff, 0xd0|r&7)
		return
	}
	g.b(0xe8)
	g.calls = append(g.calls, hole{at: len(g.buf), size: 4})
	g.d(0)
}

// pointTo puts the address of what a hole is to hold into a register: LEA
// r, [RIP+n], or MOV r, n.
func (g *gen) pointTo(r uint8, h hole) hole {
	h.size = 4
	if h.fixed = g.narrow(); h.fixed {
		g.b(0xb8 | r)
	} else {
		g.b(0x48|r>>3<<2, 0x8d, r&7<<3|5)
	}
	h.at = len(g.buf)
	g.d(0)
	return h
}

// absolute puts an address into a register by MOV r, n.
func (g *gen) absolute(r uint8, h hole) {
	g.rex(0x48|r>>3, 0xb8|r&7)
	h.fixed, h.size = true, 8
	if g.narrow() {
		h.size = 4
	}
	g.open(h)
}

// biases lead to the same code at other addresses.
func (g *gen) bias() uint64 {
	high := g.high()
	return choose[uint64](g.rng, 0, 0, 0, aliasAt-codeAt, high, high+aliasAt-codeAt, windowAt-codeAt, high+windowAt-codeAt, windowAt-codeAt,
		choose[uint64](g.rng, 0, 1<<47))
}

// near is how far a relative jump leads past its target, to the same code at
// another address: 0 mostly.
func (g *gen) near() uint64 {
	if !g.one(6) {
		return 0
	}
	to := choose[uint64](g.rng, 0, aliasAt-codeAt, windowAt-codeAt)
	if g.one(2) {
		to = -to
	}
	if g.narrow() && g.one(2) {
		to += high32
	}
	return to
}

// indirect jumps by way of a register, to one of two places.
func (g *gen) indirect() {
	r, q := g.reg(), g.reg()
	g.absolute(r, hole{after: 1 + g.IntN(3), bias: g.bias()})
	if g.one(2) {
		g.holes = append(g.holes, g.pointTo(q, hole{after: 1 + g.IntN(3)}))
		g.rex(0x48|r>>3<<2|q>>3, 0x0f, 0x40|byte(g.IntN(16)), 0xc0|r&7<<3|q&7) // CMOVcc
	}
	g.rex(0x40|r>>3, 0xff, 0xe0|r&7)
}

// memoryBranch jumps or calls by way of memory.
func (g *gen) memoryBranch() {
	r := g.reg()
	at := dataAt + 8*uint64(g.IntN(0x3ff))
	g.absolute(r, hole{after: g.IntN(3), bias: g.bias()})
	g.rex(0x48|r>>3<<2, 0x89, 0x04|r&7<<3, 0x25) // MOV [at], r
	g.d(at)
	g.b(0xff, choose[byte](g.rng, 0x24, 0x24, 0x14), 0x25) // JMP, CALL
	g.d(at)
}

// patch makes an instruction that may be changed, or changes one.
func (g *gen) patch() {
	if len(g.slots) == 0 || g.one(2) {
		r := g.reg()
		if g.one(3) {
			g.slots = append(g.slots, g.here())
			g.b(0x90)
			return
		}
		g.rex(0x40|r>>3, 0xb8|r&7)
		g.slots = append(g.slots, g.here())
		g.d(g.Uint64())
		return
	}
	at := g.slots[g.IntN(len(g.slots))]
	op := at < g.here() && at >= g.start && g.buf[at-g.start] == 0x90
	at += choose[uint64](g.rng, 0, 0, aliasAt-codeAt, windowAt-codeAt)
	if op { // one-byte instructions
		g.b(0xc6, 0x04, 0x25)
		g.d(at)
		g.b(choose[byte](g.rng, 0x90, 0xf8, 0xf9, 0xf5, 0x98, 0x99, 0x9c, 0x58, 0x97))
		return
	}
	r := g.reg()
	g.rex(0x40|r>>3<<2, choose[byte](g.rng, 0x88, 0x89), 0x04|r&7<<3, 0x25) // MOV [at], r
	g.d(at)
}

// remap changes a paging entry that stands on a page of code: of data or code,
// mostly between what it is and a page like it.
func (g *gen) remap() {
	if g.ring == 0 && g.world == long && g.one(3) {
		g.remapRoot()
		return
	}
	r, i, op := g.reg(), g.IntN(8), byte(0x89) // MOV
	e := mappings()[g.IntN(8)] | choose[uint64](g.rng, 7, 7, 7, 3, 5, 6, 0x67, 7|noExec)
	switch k := g.IntN(2); g.IntN(8) {
	case 0:
	case 1, 2, 3:
		e = mappings()[i] | 7
	default:
		i, op = codeEntry+k, 0x31 // XOR
		e = mappings()[i] ^ uint64(twinAt+k*pageBytes)
	}
	g.load(r, e, false)
	g.rex(0x48|r>>3<<2, op, 0x04|r&7<<3, 0x25)
	g.d(choose[uint64](g.rng, codeAt, aliasAt, windowAt) + 2*pageBytes + entries + 8*uint64(i))
}

// remapRoot exchanges the second level below a half of the addresses for that of
// the other address space and, the next time, the reverse.
func (g *gen) remapRoot() {
	r := g.reg()
	g.load(r, pdpt^(other+pageBytes), false)
	g.rex(0x48|r>>3<<2, 0x31, 0x04|r&7<<3, 0x25) // XOR [entry], r
	g.d(pml4 + choose[uint64](g.rng, 0, 8*256))
}

// flagsFromStack is POPF.
func (g *gen) flagsFromStack() {
	f := g.Uint64() & (cpu.FlagsArith | cpu.FlagIF)
	for _, b := range []uint64{cpu.FlagAC, cpu.FlagTF, cpu.FlagDF, cpu.FlagNT, cpu.FlagID} {
		if g.one(4) {
			f |= b
		}
	}
	if !g.one(4) {
		f |= cpu.FlagIF
	}
	g.b(0x68)
	g.d(f)
	g.b(0x9d)
}

// interrupts shuts them out for a while.
func (g *gen) interrupts() {
	g.b(0xfa) // CLI
	for n := g.IntN(20); n > 0; n-- {
		g.between(flagKeepers, g.reg(), g.reg())
	}
	if g.one(2) {
		g.b(0xfb) // STI
		return
	}
	g.withFlags(0x0c, cpu.FlagIF)
}

// addressSpace changes it, or forgets a page.
func (g *gen) addressSpace() {
	if g.one(4) {
		g.b(0x0f, 0x01, 0x3c, 0x25) // INVLPG
		g.d(g.place(1, 1))
		return
	}
	if g.one(2) {
		g.b(0x0f, 0x20, 0xd8, 0x35) // MOV RAX, CR3; XOR EAX,
		a, b := g.roots()
		g.d(a ^ b | g.Uint64N(4)*g.pcid)
		g.b(0x0f, 0x22, 0xd8) // MOV CR3, RAX
		return
	}
	a, b := g.roots()
	g.load(x86.RAX, choose(g.rng, a, b)|g.Uint64N(4)*g.pcid|g.Uint64N(2)*g.pcid<<63, false)
	g.b(0x0f, 0x22, 0xd8) // MOV CR3, RAX
}

// mxcsr loads it.
func (g *gen) mxcsr() {
	at := dataAt + 8*uint64(g.IntN(0x3ff))
	g.b(0xc7, 0x04, 0x25)
	g.d(at)
	v := uint64(0x1f80|g.IntN(4)<<13|g.IntN(64)) | choose[uint64](g.rng, 0, 0x8000, 0x40, 0x8040)
	if g.one(5) {
		v &^= 1 << (7 + g.IntN(6))
	}
	g.d(v)
	g.b(0x0f, 0xae, 0x14, 0x25) // LDMXCSR
	g.d(at)
}

// rings goes over to the other ring.
func (g *gen) rings() {
	if g.one(3) {
		g.b(0x0f, 0x05) // SYSCALL
		if g.one(2) {
			g.rex(0x40, 0x58|g.among(x86.RAX, x86.RSI)) // POP
		}
		return
	}
	g.b(0xcd, 0x30)
}

// gate calls the supervisor, and then mostly does what tells the rings, the
// flags or the stack apart.
func (g *gen) gate() {
	g.b(0x0f, 0x05)
	switch g.IntN(4) {
	case 0, 1:
		g.touch()
	case 2:
		g.b(0x9c, 0x58|g.reg()&3) // PUSHF; POP
	}
}

// touch accesses memory that one ring or the other may not, by an address, or
// the stack.
func (g *gen) touch() {
	at, op := choose[uint64](g.rng, kernel, userPage, dataAt, vars, codeAt), choose[byte](g.rng, 0x8b, 0x8b, 0x89)
	if g.one(2) {
		g.b(0x53, 0x5b) // PUSH RBX; POP RBX
		return
	}
	g.b(op, 0x1c, 0x25) // MOV EBX
	g.d(at + 0x100 + 8*g.Uint64N(0x100))
}

func (g *gen) pushPop() {
	r, q := g.reg(), g.reg()
	g.rex(0x40|r>>3, 0x50|r&7)
	if g.one(2) {
		u := g.units()[0]
		g.instruction(u[g.IntN(len(u))])
	}
	if g.one(8) {
		g.stack()
		return
	}
	g.rex(0x40|q>>3, 0x58|q&7)
	if q == x86.RSP {
		g.stack()
	}
}

// flags makes flags, changes what they came from without touching them, makes
// an access, and looks at them.
func (g *gen) flags() {
	a, b := g.reg(), g.reg()
	g.between(flagMakers, a, b)
	for n := g.IntN(3); n > 0; n-- {
		g.between(flagKeepers, a, b)
	}
	if !g.one(4) {
		r := g.reg()
		if g.one(2) {
			r = a
		}
		g.rex(0x48|r>>3<<2, choose[byte](g.rng, 0x8b, 0x89), 0x04|r&7<<3, 0x25) // MOV
		g.d(g.place(8, 8))
	}
	if g.one(3) {
		g.between(flagKeepers, a, b)
	}
	g.between(flagReaders, b, g.reg())
}

// Semantics with flags, for two registers.
var (
	flagMakers = []x86.Sem{x86.SemAdd, x86.SemSub, x86.SemCmp, x86.SemTest, x86.SemAnd, x86.SemOr, x86.SemXor, x86.SemAdc, x86.SemSbb,
		x86.SemInc, x86.SemDec, x86.SemNeg, x86.SemShl, x86.SemShr, x86.SemBt, x86.SemXadd, x86.SemImul2, x86.SemCmpxchg}
	flagKeepers = []x86.Sem{x86.SemLea, x86.SemLea, x86.SemLea, x86.SemMov, x86.SemMovzx, x86.SemMovsx, x86.SemNot, x86.SemXchg, x86.SemBswap, x86.SemPop,
		x86.SemPush, x86.SemCmovcc, x86.SemSetcc, x86.SemCrc32, x86.SemCbw, x86.SemShl, x86.SemShr, x86.SemSar}
	flagReaders = []x86.Sem{x86.SemSetcc, x86.SemAdc, x86.SemCmovcc, x86.SemPushf, x86.SemLahf, x86.SemRcl, x86.SemInc, x86.SemJcc}
)

// between appends an instruction of some semantic that names two registers only.
func (g *gen) between(sems []x86.Sem, a, b uint8) {
	for range 64 {
		list := g.unitsOf(sems[g.IntN(len(sems))])
		x := list[g.IntN(len(list))]
		f := x.form()
		if f.Sem == x86.SemJcc {
			g.jump()
			return
		}
		w := x86.Want{Mode: g.mode(), OpSize: x.size, Rand: g.IntN, Avoid: ^uint16(1<<a | 1<<b), Base: x86.NoReg, Index: x86.NoReg}
		if f.Sem == x86.SemLea {
			w.Base, w.Disp = choose(g.rng, a, b), int32(g.IntN(64))
		}
		code, ok := f.Encode(w)
		if !ok {
			continue
		}
		if shifts := f.Sem == x86.SemShl || f.Sem == x86.SemShr || f.Sem == x86.SemSar; shifts && f.Enc.Imm[0] != x86.ImmNone && g.one(2) {
			code[len(code)-1] = choose[byte](g.rng, 0, 0x20, 0x40, 0x80) // by nothing: no flag changes
		}
		if in, err := x86.Decode(code, g.mode()); err == nil && (f.Sem == x86.SemLea || !usesMemory(&in)) {
			g.buf = append(g.buf, code...)
			return
		}
	}
}

// laps is a loop of one block, which now and then looks at the flags that its
// end left. What it accesses wanders from page to page.
func (g *gen) laps() {
	counter := g.reg()
	bases := [2]uint8{g.otherThan(counter, x86.R12), g.otherThan(counter, x86.R12)} // without SIB
	for _, b := range bases {
		g.load(b, g.place(16, 1), false)
	}
	if g.one(4) {
		g.load(bases[0], mappedAt+g.exchange(counter)*pageBytes+8*g.Uint64N(0x1c0), false)
	}
	g.load(counter, uint64(4+g.IntN(40)), false)
	r := g.otherThan(counter, bases[0], bases[1])
	top := g.here()
	if g.one(3) {
		g.between(flagReaders[:len(flagReaders)-1], r, r) // no jump
	}
	for n := 1 + g.IntN(6); n > 0; n-- {
		b := bases[g.IntN(2)]
		switch g.IntN(8) {
		case 0:
			g.between(flagMakers, r, r)
		case 1:
			g.between(flagKeepers, r, b)
		case 2:
			g.rex(0x48|b>>3, 0x81, 0xc0|b&7) // ADD b, n
			g.d(choose[uint64](g.rng, 8, 8, 24, 64, ^uint64(7), ^uint64(31), 0x7f8, pageBytes))
		default:
			g.lapAccess(r, b)
		}
	}
	rex, c := 0x40|counter>>3, counter&7
	if g.one(3) {
		g.rex(rex, 0x83, 0xe8|c, 1) // SUB counter, 1
	} else {
		g.rex(rex, 0xff, 0xc8|c) // DEC counter
	}
	if g.one(2) {
		g.rex(rex, 0x83, 0xf8|c, 0) // CMP counter, 0
	}
	g.b(choose[byte](g.rng, 0x75, 0x7f), byte(top-g.here()-2)) // JNE, JG
}

// exchange has one of the four mapped pages of data be another frame and, the next
// time, what it was.
func (g *gen) exchange(r uint8) (page uint64) {
	i := g.IntN(4)
	g.load(r, mappings()[i]^mappings()[i^1], false)
	g.rex(0x48|r>>3<<2, 0x31, 0x04|r&7<<3, 0x25) // XOR [entry], r
	g.d(choose[uint64](g.rng, codeAt, aliasAt) + 2*pageBytes + entries + 8*uint64(i))
	return uint64(i)
}

// otherThan is a register that is none of a few.
func (g *gen) otherThan(not ...uint8) uint8 {
	for {
		if r := g.reg(); !slices.Contains(not, r) {
			return r
		}
	}
}

// lapAccess is an access at base register b.
func (g *gen) lapAccess(r, b uint8) {
	if g.one(2) {
		g.rex(choose[byte](g.rng, 0x40, 0x48)|r>>3<<2|b>>3, choose[byte](g.rng, 0x8b, 0x89, 0x03, 0x01, 0x3b, 0x88), 0x40|r&7<<3|b&7)
	} else {
		x := byte(g.IntN(8))
		if g.one(2) {
			g.b(0xf2) // MOVSD, ADDSD; if not, MOVUPS, ADDPS
		}
		g.rex(0x40|b>>3, 0x0f, choose[byte](g.rng, 0x10, 0x11, 0x58), 0x40|x<<3|b&7)
	}
	g.b(byte(g.IntN(256)))
}

// straddle makes an instruction that may be changed in the next page.
func (g *gen) straddle() {
	for (g.here()+1)%pageBytes != 0 {
		g.b(0x90)
	}
	r := g.reg()
	for r >= 8 {
		r = g.reg()
	}
	g.b(0xb8 | r)
	g.slots = append(g.slots, g.here())
	g.d(g.Uint64())
}

// bitString names a bit near data, to either side.
func (g *gen) bitString() {
	r, wide := g.reg(), choose[byte](g.rng, 0, 8)
	g.load(r, uint64(g.IntN(0x4000)-0x2000), false)
	g.rex(0x40|wide|r>>3<<2, 0x0f, choose[byte](g.rng, 0xa3, 0xab, 0xb3, 0xbb), 0x04|r&7<<3, 0x25) // BT, BTS, BTR, BTC
	g.d(dataAt + 8*g.Uint64N(0x200))
}

// divide divides at the edge of overflow.
func (g *gen) divide() {
	r := g.among(x86.RBX, x86.RSI, x86.R8, x86.R13)
	wide := choose[byte](g.rng, 0, 8)
	switch g.IntN(3) {
	case 0: // DIV by as much as is in RDX, or a little more
		g.rex(0x40|wide|r>>3<<2, 0x89, 0xc2|r&7<<3)   // MOV RDX, r
		g.rex(0x40|wide, 0x83, 0xea, byte(g.IntN(3))) // SUB RDX, n
		g.rex(0x40|wide|r>>3, 0xf7, 0xf0|r&7)         // DIV r
	default: // IDIV of a small or the smallest number by one near 0
		g.load(x86.RAX, choose[uint64](g.rng, 1<<63, 1<<31, 7, ^uint64(6)), false)
		g.load(r, uint64(g.IntN(4)-2), false)
		g.rex(0x40|wide, 0x99)                // CDQ
		g.rex(0x40|wide|r>>3, 0xf7, 0xf8|r&7) // IDIV r
	}
}
