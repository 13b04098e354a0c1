package trace

import (
	"cmp"
	"strconv"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/x86"
)

// frames follows calls and returns, by what CALL and RET do to RSP: what an
// interrupt runs between a CALL and the function's first instruction stands
// lower on the stack, or on another one.
type frames struct {
	t       *tracer
	depth   map[uint64]int // by thread
	pending []jump
}

// A jump is a call or return whose end was not seen yet.
type jump struct {
	ret  bool
	rsp  uint64 // after it
	from uint64
	at   vmm.Instant
	who  *thread
}

const (
	maxPending = 16
	maxThreads = 1 << 16
	maxIndent  = 64
)

// insn is told of every instruction.
func (f *frames) insn(k *insns, who *thread, la uint64, at vmm.Instant, in *x86.Inst) {
	rsp := k.e.R[x86.RSP]
	if n := len(f.pending); n > 0 && f.pending[n-1].rsp == rsp {
		j := f.pending[n-1]
		f.pending = f.pending[:n-1]
		f.arrived(j, la)
	}
	if in.Sem != x86.SemCall && in.Sem != x86.SemRet || !who.matches {
		return
	}
	j := jump{in.Sem == x86.SemRet, rsp - uint64(in.OpSize), la, at, who}
	if j.ret {
		j.rsp = rsp + uint64(in.OpSize)
		if in.NArgs > 0 && in.Args[0].Kind == x86.Imm {
			j.rsp += uint64(in.Imm)
		}
	}
	if len(f.pending) == maxPending {
		f.pending = append(f.pending[:0], f.pending[1:]...)
	}
	f.pending = append(f.pending, j)
}

// arrived writes a call or return that led to la.
func (f *frames) arrived(j jump, la uint64) {
	g := f.t.guest
	if len(f.depth) >= maxThreads {
		clear(f.depth)
	}
	from, there := g.place(j.from), g.place(la)
	e := event{at: j.at, who: j.who, addr: j.from, where: from.name, kind: "call", phase: 'B'}
	to := cmp.Or(there.name, "0x"+strconv.FormatUint(la, 16))
	if !j.ret && there.off == 0 {
		to = strings.Replace(to, there.symbol+"+0x0", there.symbol, 1)
	}
	d := f.depth[j.who.addr]
	if j.ret {
		d = max(0, d-1)
		e.kind, e.phase, e.name = "ret", 'E', "ret "+to
	} else {
		e.name = "call " + to
	}
	e.indent = min(d, maxIndent)
	if !j.ret {
		d++
	}
	f.depth[j.who.addr] = d
	if f.t.wants(from.module) || f.t.wants(there.module) {
		f.t.form.event(&e)
	}
}
