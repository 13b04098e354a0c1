//go:build linux && amd64

package jit

// mapped is the host register of a guest register; R13 to R15 have none and
// stay in the arena. R13 and R14 of the host are scratch.
func mapped(g int) (h int, ok bool) {
	switch {
	case g == rsp:
		return r15, true
	case g < r13:
		return g, true
	}
	return 0, false
}

// home is where a guest register is in the arena.
func home(g int) operand { return state(oR + 8*int64(g)) }

const (
	movups = 0x10
	mxcsr  = 0xae // /2 loads, /3 stores
)

// fixed emits the pieces that all code shares.
func (j *Translator) fixed() {
	// Enter: RAX is what RSP shall be.
	j.enterAt = uint32(j.p)
	j.store(rsp, at(rax, oGoSP))
	j.store(rbp, at(rax, oGoBP))
	j.move(rsp, rax)
	j.eachMapped(j.load)
	j.ins(op32(0xff), 4, state(oResume))

	// Leave: flags and site are stored.
	j.leaveAt = uint32(j.p)
	j.eachMapped(j.store)
	j.ins(op64(0x83), 7, state(oLoaded))
	j.b(0)
	bare := j.jcc(ccE)
	j.eachVector(movups + 1)
	j.ins(code{mp: 1, op: mxcsr}, 3, state(oMXGuest))
	j.ins(code{mp: 1, op: mxcsr}, 2, state(oMXHost))
	j.here(bare)
	j.load(rbp, state(oGoBP))
	j.load(rsp, state(oGoSP))
	j.b(0xc3)

	// Load: vectors and MXCSR; back to R14.
	j.loadAt = uint32(j.p)
	j.ins(code{mp: 1, op: mxcsr}, 3, state(oMXHost))
	j.ins(code{mp: 1, op: mxcsr}, 2, state(oMXGuest))
	j.eachVector(movups)
	j.ins(op64(0xc7), 0, state(oLoaded))
	j.imm(1, 4)
	j.ins(op32(0xff), 4, reg(r14))
	for i := range j.farAt {
		j.farAt[i] = uint32(j.p)
		j.lookFar(8 * int64(i))
	}
	for x := range j.extentAt {
		for kind := range j.extentAt[x] {
			j.extentAt[x][kind] = uint32(j.p)
			j.fillExtent(x, kind)
		}
	}
	j.restAt = j.p
}

// lookFar copies the entry for the address in R13 from far to near, if it is
// there and not yet in near, and goes to R14; else five bytes behind that. tag
// is where in an entry the tag is.
func (j *Translator) lookFar(tag int64) {
	j.ins(op64(0xff), 0, state(oMissed)) // INC
	j.store(rax, state(oSave))
	j.store(rcx, state(oSave2))
	j.move(rax, r13)
	j.index(rax, farSize)
	j.move(rcx, r13)
	j.ins(op64(0x81), 4, reg(rcx))
	j.imm(-4096, 4)
	j.ins(op64(0x03), rcx, at(rax, oFar+tag))
	absent := j.jcc(ccNE)
	j.index(r13, tlbSize)
	j.load(rcx, at(rax, oFar+tag))
	j.ins(op64(0x3b), rcx, at(r13, tag))
	known := j.jcc(ccE)
	for o := int64(0); o < 24; o += 8 {
		j.load(rcx, at(rax, oFar+o))
		j.store(rcx, at(r13, o))
	}
	j.load(rax, state(oSave))
	j.load(rcx, state(oSave2))
	j.ins(op32(0xff), 4, reg(r14))
	j.here(absent)
	j.here(known)
	j.load(rax, state(oSave))
	j.load(rcx, state(oSave2))
	j.lea(r14, at(r14, 5))
	j.ins(op32(0xff), 4, reg(r14))
}

// index makes an address in a register that of its entry in a table of so many, at
// the start of the bank.
func (j *Translator) index(r int, size int64) {
	j.ins(op64(0xc1), 5, reg(r)) // SHR: a page number times 32
	j.b(7)
	j.ins(op32(0x81), 4, reg(r)) // AND
	j.imm((size-1)*entryBytes, 4)
	j.ins(op64(0x03), r, state(oBank))
}

func (j *Translator) eachMapped(f func(int, operand)) {
	for g := range 16 {
		if h, ok := mapped(g); ok {
			f(h, home(g))
		}
	}
}

func (j *Translator) eachVector(op byte) {
	for x := range 16 {
		j.ins(code{mp: 1, op: op}, x, state(oX+16*int64(x)))
	}
}

// saveFlags puts the host's flags into memory: the arithmetic ones of LAHF,
// and OF. It uses R14.
func (j *Translator) saveFlags() {
	j.move(r14, rax)
	j.b(0x9f)                                 // LAHF
	j.ins(code{mp: 1, op: 0x90}, 0, reg(rax)) // SETO AL
	j.ins(code{pfx: 0x66, op: 0x89}, rax, state(oFlags))
	j.move(rax, r14)
}

// loadFlags is the reverse; it uses no register.
func (j *Translator) loadFlags() {
	j.store(rax, state(oSave))
	j.ins(code{mp: 1, op: 0xb7}, rax, state(oFlags)) // MOVZX EAX, word
	j.b(0x04, 0x7f)                                  // ADD AL, 7Fh: OF
	j.b(0x9e)                                        // SAHF
	j.load(rax, state(oSave))
}
