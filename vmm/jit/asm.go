//go:build linux && amd64

package jit

// Host registers in encoding order.
const (
	rax = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
	r8
	r9
	r10
	r11
	r12
	r13
	r14
	r15
)

// An operand is a register, or memory at base + index<<scale + disp.
type operand struct {
	reg                bool
	base, index, scale int // base: the register, if it is one; memory: -1 for none
	disp               int64
}

func reg(r int) operand            { return operand{reg: true, base: r} }
func at(base int, d int64) operand { return operand{base: base, index: -1, disp: d} }
func state(off int64) operand      { return at(rsp, off) }
func sum(base, index int) operand  { return operand{base: base, index: index} }

// A code is one instruction's opcode: prefix, REX.W, map and byte.
type code struct {
	pfx  byte // 66, F2, F3 or none
	wide bool
	rex  bool // REX must be there: SPL to DIL
	mp   byte // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A
	op   byte
}

// An asm appends machine code (SDM vol. 2A, 2.1 and 2.2) to a buffer that is
// large enough: the caller has seen to it.
type asm struct {
	buf []byte
	p   int
}

func (a *asm) b(bs ...byte) { a.p += copy(a.buf[a.p:], bs) }

// imm appends the low n bytes of v.
func (a *asm) imm(v int64, n int) {
	for i := range n {
		a.buf[a.p+i] = byte(v >> (8 * i))
	}
	a.p += n
}

// ins appends an instruction with ModRM.
func (a *asm) ins(c code, r int, o operand) {
	if c.pfx != 0 {
		a.b(c.pfx)
	}
	rex := byte(r >> 3 << 2)
	if c.wide {
		rex |= 8
	}
	rex |= high(o.base)
	if !o.reg {
		rex |= high(o.index) << 1
	}
	if rex != 0 || c.rex {
		a.b(0x40 | rex)
	}
	a.escape(c.mp)
	a.b(c.op)
	a.modrm(r, o)
}

// high is bit 3 of a register's number, for REX.
func high(r int) byte {
	if r < 0 {
		return 0
	}
	return byte(r >> 3)
}

func (a *asm) escape(mp byte) {
	switch mp {
	case 1:
		a.b(0x0f)
	case 2:
		a.b(0x0f, 0x38)
	case 3:
		a.b(0x0f, 0x3a)
	}
}

func (a *asm) modrm(r int, o operand) {
	f := byte(r&7) << 3
	if o.reg {
		a.b(0xc0 | f | byte(o.base&7))
		return
	}
	mod, n := byte(0x80), 4
	switch {
	case o.base < 0:
		x := byte(rsp)
		if o.index >= 0 {
			x = byte(o.index & 7)
		}
		a.b(f|4, byte(o.scale)<<6|x<<3|rbp)
		a.imm(o.disp, 4)
		return
	case o.disp == 0 && o.base&7 != rbp:
		mod, n = 0, 0
	case o.disp == int64(int8(o.disp)):
		mod, n = 0x40, 1
	}
	if o.index >= 0 {
		a.b(mod|f|4, byte(o.scale)<<6|byte(o.index&7)<<3|byte(o.base&7))
	} else if o.base&7 == rsp {
		a.b(mod|f|4, 0x24)
	} else {
		a.b(mod | f | byte(o.base&7))
	}
	a.imm(o.disp, n)
}

func op64(b byte) code { return code{wide: true, op: b} }
func op32(b byte) code { return code{op: b} }

func (a *asm) load(r int, o operand)  { a.ins(op64(0x8b), r, o) }
func (a *asm) store(r int, o operand) { a.ins(op64(0x89), r, o) }
func (a *asm) lea(r int, o operand)   { a.ins(op64(0x8d), r, o) }
func (a *asm) move(d, s int) {
	if d != s {
		a.ins(op64(0x8b), d, reg(s))
	}
}

// set loads a constant without touching the flags.
func (a *asm) set(r int, v uint64) {
	switch {
	case v>>32 == 0:
		if r >= 8 {
			a.b(0x41)
		}
		a.b(0xb8 | byte(r&7))
		a.imm(int64(v), 4)
	case v == uint64(int64(int32(v))):
		a.ins(op64(0xc7), 0, reg(r))
		a.imm(int64(v), 4)
	default:
		a.set64(r, v)
	}
}

// set64 is set in ten bytes, so that the constant can be changed; it ends them.
func (a *asm) set64(r int, v uint64) {
	a.b(0x48|byte(r>>3), 0xb8|byte(r&7))
	a.imm(int64(v), 8)
}

// A hole is a rel32 to be filled in: its offset in the buffer.
type hole int

func (a *asm) jcc(cc byte) hole { a.b(0x0f, 0x80|cc, 0, 0, 0, 0); return hole(a.p - 4) }
func (a *asm) jmp() hole        { a.b(0xe9, 0, 0, 0, 0); return hole(a.p - 4) }

// fill makes a hole lead to offset to.
func (a *asm) fill(h hole, to int) {
	p := a.p
	a.p = int(h)
	a.imm(int64(to-(int(h)+4)), 4)
	a.p = p
}
func (a *asm) here(h hole) { a.fill(h, a.p) }

// Condition codes (SDM vol. 1, appendix B).
const (
	ccB  = 2
	ccE  = 4
	ccNE = 5
	ccA  = 7
	ccS  = 8
	ccL  = 12
	ccLE = 14
	ccG  = 15
)
