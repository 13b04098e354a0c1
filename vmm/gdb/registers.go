package gdb

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A register is one of gdb's: its number is its place in the list.
type register struct {
	feature, name, typ string // of the target description
	bits               int
	known              Known
	expedite           bool // in every stop reply

	load  func(s *cpu.State, p []byte) // into bits/8 bytes, which are zero
	store func(s *cpu.State, p []byte) // nil: it cannot be written
}

// Features: gdb's names for what it knows, and ours.
const (
	featCore     = "org.gnu.gdb.i386.core"
	featSSE      = "org.gnu.gdb.i386.sse"
	featSegments = "org.gnu.gdb.i386.segments"
	featSystem   = "vmrecord.x86.system"
)

// registers lists the registers of an x86-64, or of an i386, feature by
// feature, in the order of gdb's own descriptions.
func registers(long bool) (l []register) {
	l = append(l, general(long)...)
	l = append(l, floating()...)
	l = append(l, vectors(long)...)
	seg := featSegments
	if !long {
		seg = featSystem // gdb knows these two of an x86-64 only
	}
	base := func(name string, f func(s *cpu.State) *uint64) register {
		return register{seg, name, "int", 64, Base, false, load64(f), store64(f)}
	}
	l = append(l, base("fs_base", func(s *cpu.State) *uint64 { return &s.Seg[x86.FS].Base }),
		base("gs_base", func(s *cpu.State) *uint64 { return &s.Seg[x86.GS].Base }))
	return append(l, system()...)
}

// general are the general registers, RIP, RFLAGS and the selectors.
func general(long bool) (l []register) {
	names, order, bits := "eax ecx edx ebx esp ebp esi edi", []int{0, 1, 2, 3, 4, 5, 6, 7}, 32
	if long {
		names = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15"
		order, bits = []int{0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15}, 64
	}
	for i, name := range strings.Fields(names) {
		n := order[i]
		r := register{feature: featCore, name: name, typ: "int", bits: bits, known: General}
		f := func(s *cpu.State) *uint64 { return &s.R[n] }
		r.load, r.store = load64(f), store64(f)
		if r.expedite = n == 4 || n == 5; r.expedite {
			r.typ = "data_ptr"
		}
		if n >= 12 || n >= 3 && n <= 5 {
			r.known = Saved
		}
		l = append(l, r)
	}
	ip := "eip"
	if long {
		ip = "rip"
	}
	l = append(l, register{featCore, ip, "code_ptr", bits, Saved, true,
		func(s *cpu.State, p []byte) { put(p, linearIP(s)) },
		func(s *cpu.State, p []byte) { setLinearIP(s, take(p)) }},
		register{featCore, "eflags", "i386_eflags", 32, General, false,
			func(s *cpu.State, p []byte) { put(p, s.RFLAGS) },
			func(s *cpu.State, p []byte) { s.RFLAGS = s.RFLAGS&^0xffffffff | take(p)&flagBits | 2 }})
	for _, c := range []struct {
		name string
		n    int
	}{{"cs", x86.CS}, {"ss", x86.SS}, {"ds", x86.DS}, {"es", x86.ES}, {"fs", x86.FS}, {"gs", x86.GS}} {
		l = append(l, register{feature: featCore, name: c.name, typ: "int32", bits: 32, known: Selector,
			load: func(s *cpu.State, p []byte) { put(p, uint64(s.Seg[c.n].Sel)) }})
	}
	return l
}

// flagBits are those of RFLAGS that exist (SDM vol. 1, figure 3-8).
const flagBits = 0x3f7fd5

// longMode tells whether the processor is in one of long mode's two modes.
func longMode(s *cpu.State) bool { return s.EFER&cpu.EFERLMA != 0 }

// codeBase is what the processor adds to RIP: nothing in 64-bit mode.
func codeBase(s *cpu.State) uint64 {
	if c := &s.Seg[x86.CS]; !longMode(s) || c.Attr&cpu.AttrL == 0 {
		return c.Base
	}
	return 0
}

// linearIP is where the next instruction is fetched: what gdb takes RIP for.
// With a code segment based at 0 that is RIP.
func linearIP(s *cpu.State) uint64 {
	if b := codeBase(s); b != 0 {
		return uint64(uint32(b + s.RIP))
	}
	return s.RIP
}

// setLinearIP makes la the next instruction's address.
func setLinearIP(s *cpu.State, la uint64) {
	s.RIP = la
	if b := codeBase(s); b != 0 {
		s.RIP = uint64(uint32(la - b))
	}
}

// floating is the x87: ST(i) counts from the top. The environment is that of a
// 64-bit FXSAVE (SDM vol. 1, table 10-2), whose pointers hold bits 47:32 where
// older ones had selectors; tags have two bits (figure 8-7).
func floating() (l []register) {
	for i := range 8 {
		at := func(s *cpu.State) *cpu.F80 { return &s.FPR[(int(s.FSW>>11)+i)&7] }
		l = append(l, register{featCore, fmt.Sprintf("st%d", i), "i387_ext", 80, Float, false,
			func(s *cpu.State, p []byte) {
				binary.LittleEndian.PutUint64(p, at(s).Mant)
				binary.LittleEndian.PutUint16(p[8:], at(s).SE)
			},
			func(s *cpu.State, p []byte) {
				*at(s) = cpu.F80{Mant: binary.LittleEndian.Uint64(p), SE: binary.LittleEndian.Uint16(p[8:])}
			}})
	}
	env := func(name string, f func(s *cpu.State) uint64) {
		l = append(l, register{feature: featCore, name: name, typ: "int", bits: 32, known: Float,
			load: func(s *cpu.State, p []byte) { put(p, f(s)) }})
	}
	env("fctrl", func(s *cpu.State) uint64 { return uint64(s.FCW) })
	env("fstat", func(s *cpu.State) uint64 { return uint64(s.FSW) })
	env("ftag", func(s *cpu.State) uint64 { return uint64(tags(s)) })
	env("fiseg", func(s *cpu.State) uint64 { return s.FIP >> 32 & 0xffff })
	env("fioff", func(s *cpu.State) uint64 { return s.FIP })
	env("foseg", func(s *cpu.State) uint64 { return s.FDP >> 32 & 0xffff })
	env("fooff", func(s *cpu.State) uint64 { return s.FDP })
	env("fop", func(s *cpu.State) uint64 { return uint64(s.FOP) })
	return l
}

// tags is the tag word: State only tells the registers in use, as 0.
func tags(s *cpu.State) (w uint16) {
	for i, r := range s.FPR {
		t := s.FTW >> (2 * i) & 3
		switch e := r.SE & 0x7fff; {
		case t == 3:
		case e == 0 && r.Mant == 0:
			t = 1 // zero
		case e == 0 || e == 0x7fff || r.Mant>>63 == 0:
			t = 2 // special
		}
		w |= t << (2 * i)
	}
	return w
}

// vectors are XMM and MXCSR.
func vectors(long bool) (l []register) {
	n := 8
	if long {
		n = 16
	}
	for i := range n {
		l = append(l, register{featSSE, fmt.Sprintf("xmm%d", i), "vec128", 128, Float, false,
			func(s *cpu.State, p []byte) { put(p[:8], s.XMM[i][0]); put(p[8:], s.XMM[i][1]) },
			func(s *cpu.State, p []byte) { s.XMM[i] = [2]uint64{take(p[:8]), take(p[8:])} }})
	}
	return append(l, register{feature: featSSE, name: "mxcsr", typ: "i386_mxcsr", bits: 32, known: Float,
		load: func(s *cpu.State, p []byte) { put(p, uint64(s.MXCSR)) }})
}

// system are registers that gdb has no place for. They can be looked at only:
// what they say stands in translations and decoded code as well.
func system() (l []register) {
	for _, c := range []struct {
		name, typ string
		bits      int
		f         func(s *cpu.State) uint64
	}{
		{"k_gs_base", "int", 64, func(s *cpu.State) uint64 { return s.KernelGSBase }},
		{"cr0", "i386_cr0", 64, func(s *cpu.State) uint64 { return s.CR0 }},
		{"cr2", "int", 64, func(s *cpu.State) uint64 { return s.CR2 }},
		{"cr3", "int", 64, func(s *cpu.State) uint64 { return s.CR3 }},
		{"cr4", "i386_cr4", 64, func(s *cpu.State) uint64 { return s.CR4 }},
		{"efer", "i386_efer", 64, func(s *cpu.State) uint64 { return s.EFER }},
		{"cpl", "int", 32, func(s *cpu.State) uint64 { return uint64(s.Seg[x86.SS].Attr >> 5 & 3) }},
		{"gdt_base", "int", 64, func(s *cpu.State) uint64 { return s.GDTR.Base }},
		{"gdt_limit", "int", 32, func(s *cpu.State) uint64 { return uint64(s.GDTR.Limit) }},
		{"idt_base", "int", 64, func(s *cpu.State) uint64 { return s.IDTR.Base }},
		{"idt_limit", "int", 32, func(s *cpu.State) uint64 { return uint64(s.IDTR.Limit) }},
		{"ldt", "int", 32, func(s *cpu.State) uint64 { return uint64(s.LDTR.Sel) }},
		{"ldt_base", "int", 64, func(s *cpu.State) uint64 { return s.LDTR.Base }},
		{"tr", "int", 32, func(s *cpu.State) uint64 { return uint64(s.TR.Sel) }},
		{"tr_base", "int", 64, func(s *cpu.State) uint64 { return s.TR.Base }},
		{"cs_base", "int", 64, func(s *cpu.State) uint64 { return s.Seg[x86.CS].Base }},
		{"dr0", "int", 64, func(s *cpu.State) uint64 { return s.DR[0] }},
		{"dr1", "int", 64, func(s *cpu.State) uint64 { return s.DR[1] }},
		{"dr2", "int", 64, func(s *cpu.State) uint64 { return s.DR[2] }},
		{"dr3", "int", 64, func(s *cpu.State) uint64 { return s.DR[3] }},
		{"dr6", "int", 64, func(s *cpu.State) uint64 { return s.DR[6] }},
		{"dr7", "int", 64, func(s *cpu.State) uint64 { return s.DR[7] }},
		{"star", "int", 64, func(s *cpu.State) uint64 { return s.STAR }},
		{"lstar", "int", 64, func(s *cpu.State) uint64 { return s.LSTAR }},
	} {
		l = append(l, register{feature: featSystem, name: c.name, typ: c.typ, bits: c.bits, known: System,
			load: func(s *cpu.State, p []byte) { put(p, c.f(s)) }})
	}
	return l
}

// load64 and store64 make a register of 32 or 64 bits of a field. A 32-bit
// store clears the rest, as an instruction's would.
func load64(f func(*cpu.State) *uint64) func(*cpu.State, []byte) {
	return func(s *cpu.State, p []byte) { put(p, *f(s)) }
}

func store64(f func(*cpu.State) *uint64) func(*cpu.State, []byte) {
	return func(s *cpu.State, p []byte) { *f(s) = take(p) }
}

// put stores the low bytes of v, little-endian, as many as p has.
func put(p []byte, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	copy(p, b[:])
}

// take is the number in p.
func take(p []byte) uint64 {
	var b [8]byte
	copy(b[:], p)
	return binary.LittleEndian.Uint64(b[:])
}

// bytes is a register's value.
func (r *register) bytes(s *cpu.State) []byte {
	p := make([]byte, r.bits/8)
	r.load(s, p)
	return p
}

// hex is a register's value as packets have it; x is a digit nobody knows.
func (r *register) hex(s *cpu.State, k Known) string {
	if k&r.known == 0 {
		return strings.Repeat("xx", r.bits/8)
	}
	return hex.EncodeToString(r.bytes(s))
}

// readAll is "g".
func (s *session) readAll(string) string {
	state, known := s.t.Registers(s.thread)
	var b strings.Builder
	for _, r := range s.regs {
		b.WriteString(r.hex(state, known))
	}
	return b.String()
}

// readOne is "p NUMBER".
func (s *session) readOne(rest string) string {
	n, ok := number(rest)
	if !ok || n >= uint64(len(s.regs)) {
		return badForm
	}
	state, known := s.t.Registers(s.thread)
	if s.lldb && known&s.regs[n].known == 0 {
		return notThere // it takes an x for a digit
	}
	return s.regs[n].hex(state, known)
}

// writeOne is "P NUMBER=DIGITS".
func (s *session) writeOne(rest string) string {
	num, digits, _ := strings.Cut(rest, "=")
	n, ok := number(num)
	if !ok || n >= uint64(len(s.regs)) {
		return badForm
	}
	return s.assign(s.regs[n:n+1], digits)
}

// writeAll is "G DIGITS": all registers, most as they are.
func (s *session) writeAll(rest string) string { return s.assign(s.regs, rest) }

// assign changes those of some registers that digits say otherwise; digits
// that are x say nothing.
func (s *session) assign(list []register, digits string) string {
	state, known := s.t.Registers(s.thread)
	changed := *state
	for _, r := range list {
		if len(digits) < r.bits/4 {
			return badForm
		}
		d := digits[:r.bits/4]
		digits = digits[len(d):]
		if strings.EqualFold(d, r.hex(state, known)) || strings.Trim(d, "x") == "" {
			continue
		}
		p, err := hex.DecodeString(d)
		switch {
		case err != nil:
			return badForm
		case r.store == nil:
			return refuse(fmt.Errorf("%s cannot be written here: it is bound to state that gdb does not see", r.name))
		}
		r.store(&changed, p)
	}
	if digits != "" {
		return badForm
	}
	w, ok := s.t.(Writer)
	if !ok {
		return refuse(errReplay)
	}
	if err := w.SetRegisters(s.thread, &changed); err != nil {
		return refuse(err)
	}
	return "OK"
}
