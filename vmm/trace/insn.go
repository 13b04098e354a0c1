package trace

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// A line is what is written of an instruction wherever it is met.
type line struct {
	la    uint64
	space uint64
	gen   uint32
	used  bool
	in    x86.Inst
	where string
	text  string
}

// lines is how many are kept: by address, each in one place only.
const lines = 1 << 16

// insns follows instructions, or of them calls and returns.
type insns struct {
	t     *tracer
	e     *interp.CPU
	g     *guest
	calls *frames // nil: all instructions are written
	cache []line

	last    uint64 // address of the instruction before, if it is a REP that may go on
	repeats bool
	held    event // written when it is known what it left in registers
	holds   bool
	r       [16]uint64
	flags   uint64
	xmm     [16][2]uint64
	regs    []byte
}

func newInsns(t *tracer, e *interp.CPU) *insns {
	k := &insns{t: t, e: e, g: t.guest, cache: make([]line, lines)}
	if t.What == Call {
		k.calls = &frames{t: t, depth: map[uint64]int{}}
	}
	k.g.s = &e.State
	e.Before = k.before
	return k
}

func (k *insns) stops() []vmm.Stop { return nil }
func (k *insns) struck(vmm.Hit)    {}
func (k *insns) found()            { k.g.forget() }

func (k *insns) end() {
	k.e.Before = nil
	k.settle()
	k.g.s = k.g.m.CPU
}

// before is told of every instruction.
func (k *insns) before(ip uint64, at vmm.Instant, in *x86.Inst) {
	la := ip
	if !k.e.Code64() {
		la = (k.e.Seg[x86.CS].Base + ip) & 0xffffffff
	}
	again := k.repeats && k.last == la
	k.last, k.repeats = la, in.Prefixes&(x86.PrefixRep|x86.PrefixRepne) != 0
	if again { // the same instruction goes on
		return
	}
	who := k.g.who()
	if k.calls != nil {
		k.calls.insn(k, who, la, at, in)
		return
	}
	k.settle()
	if !who.matches(k.t.Process) {
		return
	}
	l := k.line(la, in)
	k.held = event{at: at, who: who, addr: la, where: l.where, name: l.text, kind: "insn"}
	if !k.t.Regs {
		k.t.form.event(&k.held)
		return
	}
	k.holds, k.r, k.flags, k.xmm = true, k.e.R, k.e.Flags(), k.e.XMM
}

// settle writes the instruction held, with what it changed.
func (k *insns) settle() {
	if !k.holds {
		return
	}
	k.holds, k.regs = false, k.regs[:0]
	note := func(name string, v uint64) {
		if len(k.regs) > 0 {
			k.regs = append(k.regs, ' ')
		}
		k.regs = strconv.AppendUint(append(append(k.regs, name...), "=0x"...), v, 16)
	}
	for i, v := range k.e.R {
		if v != k.r[i] {
			note(registerNames[i], v)
		}
	}
	if f := k.e.Flags(); f != k.flags {
		note("eflags", f)
	}
	for i := range k.e.XMM {
		if v := &k.e.XMM[i]; *v != k.xmm[i] {
			k.regs = fmt.Appendf(k.regs, "%sxmm%d=0x%016x%016x", []string{"", " "}[min(len(k.regs), 1)], i, v[1], v[0])
		}
	}
	k.held.regs = string(k.regs)
	k.t.form.event(&k.held)
}

var registerNames = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// line finds what to write of an instruction.
func (k *insns) line(la uint64, in *x86.Inst) *line {
	space := uint64(0)
	if la>>63 == 0 {
		space = k.e.CR3
	}
	l := &k.cache[(la^la>>16)%lines]
	if l.used && l.la == la && l.space == space && l.gen == k.g.gen && l.in == *in {
		return l
	}
	where := k.g.where(la) // which may change gen
	*l = line{la, space, k.g.gen, true, *in, where, k.disassemble(la, in)}
	return l
}

// disassemble prints an instruction; one that the disassembler does not know, as
// our own decoder does.
func (k *insns) disassemble(la uint64, in *x86.Inst) string {
	mode := 16
	switch {
	case k.e.Code64():
		mode = 64
	case k.e.Seg[x86.CS].Attr&cpu.AttrD != 0:
		mode = 32
	}
	a, err := x86asm.Decode(k.g.peek(la, int(in.Len)), mode)
	if err != nil || a.Len != int(in.Len) {
		return strings.ToLower(in.String())
	}
	name := func(la uint64) (string, uint64) {
		if k.g.linux == nil || la>>63 == 0 {
			return "", 0
		}
		y, off, ok := k.g.linux.SymbolAt(la)
		if !ok {
			return "", 0
		}
		return y.Name, la - off
	}
	if k.g.att {
		return x86asm.GNUSyntax(a, la, name)
	}
	return x86asm.IntelSyntax(a, la, name)
}
