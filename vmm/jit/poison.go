//go:build linux && amd64

package jit

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// unsure is the set of flags that this host may leave after in other than the
// reference does.
func (e *emitter) unsure(in *x86.Inst) uint64 {
	if e.host.amd || logic(in.Sem) {
		return 0
	}
	return uint64(x86.Table[in.Row].Undefined) & arith
}

// dead tells that nothing looks at flags that in, of this block, leaves: before
// the block can leave, an instruction writes all of them without a look.
func (e *emitter) dead(in *x86.Inst, flags uint64) bool {
	if flags&^e.blind == 0 {
		return true
	}
	rest := e.c.Insts
	for len(rest) > 0 && &rest[0] != in {
		rest = rest[1:]
	}
	for i := 1; i < len(rest); i++ {
		n := &rest[i]
		way := plans[n.Sem].way
		reads, writes, whole := flagUse(n)
		if reads || writes && !whole || hasMemory(n) || usesVector(n) || way != again && way != lea && way != nothing || !e.native(n) {
			return false
		}
		if whole {
			return true
		}
	}
	return false
}

// poison changes some of the host's flags, at least one of those that nothing
// shall look at, as another host might have them. It uses R14.
func (e *emitter) poison(flags uint64) {
	if e.seed == 0 || flags == 0 {
		return
	}
	if some := flags & e.roll(); some != 0 {
		flags = some
	}
	e.move(r14, rax)
	e.b(0x9f)                                 // LAHF
	e.ins(code{mp: 1, op: 0x90}, 0, reg(rax)) // SETO AL
	e.b(0x66, 0x35)                           // XOR AX
	e.imm(int64(flags&0xd5<<8|flags&cpu.FlagOF>>11), 2)
	e.b(0x04, 0x7f) // ADD AL, 7Fh: OF
	e.b(0x9e)       // SAHF
	e.move(rax, r14)
}

// roll is the next of the seed's pseudo-random numbers (xorshift).
func (j *Translator) roll() uint64 {
	j.seed ^= j.seed << 13
	j.seed ^= j.seed >> 7
	j.seed ^= j.seed << 17
	return j.seed * 0x9e3779b97f4a7c15 >> 16
}
