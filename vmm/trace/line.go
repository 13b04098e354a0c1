package trace

import (
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A line is what is written of an instruction wherever it is met.
type line struct {
	la      uint64
	space   uint64
	gen     uint32
	used    bool
	fixed   bool // the kernel's own symbols alone went into it, so that gen does not matter
	plain   bool // text names no address
	wanted  bool // it is in the module that was asked for
	in      x86.Inst
	where   string
	module  string
	text    string
	columns []byte
}

// lines is how many are kept: by address, each in one place only.
const lines = 1 << 16

// line finds what to write of an instruction.
func (k *insns) line(la uint64, in *x86.Inst) *line {
	space := uint64(0)
	if la>>63 == 0 {
		space = k.e.CR3
	}
	l := &k.cache[(la^la>>16)%lines]
	same := l.used && l.la == la && l.space == space && l.in == *in
	if same && (l.fixed || l.gen == k.g.gen) {
		return l
	}
	k.g.fixed = true
	p := k.g.place(la) // which may change gen
	if same && l.plain && p.name == l.where && p.module == l.module {
		l.gen = k.g.gen
		return l
	}
	fixed := k.g.fixed
	k.g.fixed, k.g.asked = true, false
	*l = line{la: la, space: space, used: true, in: *in, where: p.name, module: p.module, text: k.disassemble(la, in)}
	l.gen, l.fixed, l.plain, l.wanted = k.g.gen, fixed && k.g.fixed, !k.g.asked, k.t.wants(p.module)
	l.columns = k.t.form.columns(nil, &event{kind: k.held.kind, addr: la, where: l.where, name: l.text})
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
		p := k.g.target(la)
		return p.symbol, la - p.off
	}
	if k.g.att {
		return x86asm.GNUSyntax(a, la, name)
	}
	return x86asm.IntelSyntax(a, la, name)
}
