package trace

import (
	"fmt"
	"strconv"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// insns follows instructions, or of them basic blocks, or calls and returns.
type insns struct {
	t     *tracer
	e     *interp.CPU
	g     *guest
	calls *frames // nil: what is written are instructions
	cache []line

	last    uint64 // address of the instruction before
	repeats bool   // it is a REP that may go on
	next    uint64 // where the block goes on, 0: nowhere
	skips   bool   // the first instruction is written by the leg before
	stage   stage

	held  event // written when it is known what it left in registers and memory
	holds bool
	r     [16]uint64
	flags uint64
	xmm   [16][2]uint64
	mem   operands
	b     []byte
}

// A stage is how far a leg is.
type stage uint8

const (
	within stage = iota
	beyond       // the next instruction is its last
	after        // that is held until the one behind it
	over
)

func newInsns(t *tracer, e *interp.CPU) *insns {
	k := &insns{t: t, e: e, g: t.guest, cache: make([]line, lines)}
	if t.What == Call {
		k.calls = &frames{t: t, depth: map[uint64]int{}}
	}
	k.held.kind = string(t.What)
	return k
}

// begin begins a leg.
func (k *insns) begin(skips bool) {
	k.g.s, k.e.Before = &k.e.State, k.before
	k.repeats, k.next, k.skips, k.stage = false, 0, skips, within
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
	again := k.repeats && k.last == la // the same instruction goes on
	k.last, k.repeats = la, in.Prefixes&(x86.PrefixRep|x86.PrefixRepne) != 0
	enters := k.next != la
	if k.next = la + uint64(in.Len); jumps(in.Sem) {
		k.next = 0
	}
	switch {
	case k.stage == over:
		return
	case k.skips:
		k.skips = false
	case !again:
		k.insn(la, at, in, enters)
	}
	if k.stage != within {
		k.stage = over
		if k.holds {
			k.stage = after
		}
	}
}

// insn follows an instruction; enters tells whether a basic block begins there.
func (k *insns) insn(la uint64, at vmm.Instant, in *x86.Inst, enters bool) {
	k.settle()
	if k.stage == after || !enters && k.t.What == Block {
		return
	}
	who := k.g.who()
	if k.calls != nil {
		k.calls.insn(k, who, la, at, in)
		return
	}
	if !who.matches {
		return
	}
	l := k.line(la, in)
	if !l.wanted {
		return
	}
	h := &k.held
	h.at, h.who, h.addr, h.where, h.name, h.columns = at, who, la, l.where, l.text, l.columns
	if !k.t.Regs && !k.t.Mem {
		k.t.form.event(h)
		return
	}
	k.holds = true
	if k.t.Regs {
		k.r, k.flags, k.xmm = k.e.R, k.e.Flags(), k.e.XMM
	}
	if k.t.Mem {
		k.mem.note(k, in)
	}
}

// jumps tells which instructions end a basic block.
func jumps(s x86.Sem) bool {
	switch s {
	case x86.SemCall, x86.SemCallfar, x86.SemInt, x86.SemInt1, x86.SemInt3, x86.SemInto, x86.SemIret, x86.SemJcc, x86.SemJcxz, x86.SemJmp,
		x86.SemJmpfar, x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemRet, x86.SemRetfar, x86.SemSyscall, x86.SemSysenter, x86.SemSysexit,
		x86.SemSysret:
		return true
	}
	return false
}

// settle writes the instruction held, with what it changed.
func (k *insns) settle() {
	if !k.holds {
		return
	}
	k.holds = false
	if k.t.Regs {
		k.held.regs = k.changed()
	}
	if k.t.Mem {
		k.held.mem = k.mem.text(k)
	}
	k.t.form.event(&k.held)
}

// changed lists the registers that the instruction held changed.
func (k *insns) changed() string {
	k.b = k.b[:0]
	note := func(name string, v uint64) {
		if len(k.b) > 0 {
			k.b = append(k.b, ' ')
		}
		k.b = strconv.AppendUint(append(append(k.b, name...), "=0x"...), v, 16)
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
			k.b = fmt.Appendf(k.b, "%sxmm%d=0x%016x%016x", []string{"", " "}[min(len(k.b), 1)], i, v[1], v[0])
		}
	}
	return string(k.b)
}

var registerNames = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
