package interp

import (
	"math/bits"

	"vmrecord/vmm/x86"
)

// width is an operand's type: semantics are written once for all of them.
type width interface {
	uint8 | uint16 | uint32 | uint64
}

// size is the number of bytes in a T.
func size[T width]() int { return bits.Len64(uint64(^T(0))) / 8 }

// reg reads the low part of a general register, or AH CH DH BH.
func reg[T width](c *CPU, a *x86.Arg) T {
	if a.Kind == x86.RegHi {
		return T(c.R[a.Reg&3] >> 8)
	}
	return T(c.R[a.Reg&15])
}

// setReg writes a general register: 32-bit writes clear the upper half, 8- and
// 16-bit writes leave the rest (SDM vol. 1, 3.4.1.1).
func setReg[T width](c *CPU, a *x86.Arg, v T) {
	switch r := &c.R[a.Reg&15]; uint64(^T(0)) {
	case 0xff:
		if a.Kind == x86.RegHi {
			r = &c.R[a.Reg&3]
			*r = *r&^0xff00 | uint64(v)<<8
		} else {
			*r = *r&^0xff | uint64(v)
		}
	case 0xffff:
		*r = *r&^0xffff | uint64(v)
	default:
		*r = uint64(v)
	}
}

// get reads operand n of o: register, memory or immediate.
func get[T width](c *CPU, o *Op, n int) T {
	switch a := &o.Args[n&3]; a.Kind {
	case x86.Mem:
		return load[T](c, c.ea(o, size[T]()))
	case x86.Imm:
		return T(o.Imm)
	default:
		return reg[T](c, a)
	}
}

// set writes operand n of o, a register or memory that was not read before.
func set[T width](c *CPU, o *Op, n int, v T) {
	if a := &o.Args[n&3]; a.Kind == x86.Mem {
		store(c, c.eaW(o, size[T]()), v)
	} else {
		setReg(c, a, v)
	}
}

// A place is a destination that is read and then written: change(c,o,0) reads
// it and proves that the write cannot fault; put writes.
type place struct {
	la  uint64
	arg *x86.Arg // nil: memory at la
}

// change reads operand n of o for a read-modify-write.
func change[T width](c *CPU, o *Op, n int) (T, place) {
	a := &o.Args[n&3]
	if a.Kind == x86.Mem {
		la := c.eaW(o, size[T]())
		return loadW[T](c, la), place{la, nil}
	}
	return reg[T](c, a), place{0, a}
}

// put completes a read-modify-write.
func put[T width](c *CPU, p place, v T) {
	if p.arg == nil {
		store(c, p.la, v)
	} else {
		setReg(c, p.arg, v)
	}
}
