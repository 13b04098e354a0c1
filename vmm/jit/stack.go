//go:build linux && amd64

package jit

// word is the bytes of an address, and of what PUSH and CALL push.
func (e *emitter) word() int {
	if e.c.Narrow {
		return 4
	}
	return 8
}

// ptr is an opcode in the size of an address.
func (e *emitter) ptr(op byte) code { return code{op: op, wide: e.word() == 8} }

// push pushes a constant.
func (e *emitter) push(v uint64) {
	o := e.below()
	if e.word() == 4 || v == uint64(int64(int32(v))) {
		e.ins(e.ptr(0xc7), 0, o)
		e.imm(int64(v), 4)
	} else {
		e.lea(r13, o)
		e.set(r14, v)
		e.store(r14, at(r13, 0))
	}
	e.lower()
}

// pushFrom pushes a register, or a word of the arena.
func (e *emitter) pushFrom(from operand) {
	o := e.below()
	if from.reg {
		e.ins(e.ptr(0x89), from.base, o)
	} else {
		e.lea(r13, o)
		e.load(r14, from)
		e.ins(e.ptr(0x89), r14, at(r13, 0))
	}
	e.lower()
}

// below is the word below the top of the stack, to be written.
func (e *emitter) below() operand {
	e.free()
	e.count()
	e.ins(e.ptr(0x8d), r13, at(r15, -int64(e.word()))) // LEA
	return e.stacked(e.word(), true)
}

// lower moves the stack pointer down to what was pushed.
func (e *emitter) lower() {
	e.overwrites(1<<rsp, false)
	e.ins(e.ptr(0x8d), r15, at(r15, -int64(e.word())))
}

// top is the word at the top of the stack, to be read.
func (e *emitter) top() operand {
	e.free()
	e.count()
	e.ins(e.ptr(0x8b), r13, reg(r15))
	return e.stacked(e.word(), false)
}

// drop moves the stack pointer up behind what was read, and n bytes more.
func (e *emitter) drop(n int64) { e.ins(e.ptr(0x8d), r15, at(r15, int64(e.word())+n)) }
