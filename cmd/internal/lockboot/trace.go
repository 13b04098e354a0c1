package main

import (
	"fmt"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/snap"
)

// window is how far around a difference its cause is looked for: a block and
// what the engine keeps back before a deadline are shorter.
const window = 1024

// A tracer notes the state whenever translated code has run a block to its end.
type tracer struct {
	cpu.Translator
	on     bool
	linked bool // blocks may lead to one another
	ram    []byte
	watch  []uint64 // addresses in it
	seen   []seen
}

// A seen is the state after a block.
type seen struct {
	at    vmm.Instant
	code  *cpu.Code
	state visible
}

// visible is what translated code changes.
type visible struct {
	R      [16]uint64
	RIP    uint64
	RFLAGS uint64
	XMM    [16][2]uint64
	MXCSR  uint32
	RAM    [8]uint8
}

func look(s *cpu.State, rip uint64, ram []byte, watch []uint64) visible {
	v := visible{R: s.R, RIP: rip, RFLAGS: s.RFLAGS, XMM: s.XMM, MXCSR: s.MXCSR}
	for i, a := range watch {
		v.RAM[i] = ram[a]
	}
	return v
}

// Enter implements cpu.Translator.
func (t *tracer) Enter(s *cpu.State, c *cpu.Code, r cpu.Run) cpu.Leave {
	return t.note(s, r, t.Translator.Enter(s, c, r))
}

// Resume implements cpu.Translator.
func (t *tracer) Resume(s *cpu.State, r cpu.Run) cpu.Leave {
	return t.note(s, r, t.Translator.Resume(s, r))
}

// Retry implements cpu.Translator.
func (t *tracer) Retry(s *cpu.State, r cpu.Run) cpu.Leave {
	return t.note(s, r, t.Translator.Retry(s, r))
}

// Link implements cpu.Translator.
func (t *tracer) Link(to *cpu.Code) {
	if t.linked {
		t.Translator.Link(to)
	}
}

func (t *tracer) note(s *cpu.State, r cpu.Run, l cpu.Leave) cpu.Leave {
	if t.on && l.Kind == cpu.LeaveJump {
		t.seen = append(t.seen, seen{vmm.Instant(r.TSC - uint64(l.Left)), l.Code, look(s, l.RIP, t.ram, t.watch)})
	}
	return l
}

// trace finds the block, or the instruction, after which something differs.
func (p *place) trace() error {
	for _, c := range []struct {
		what   string
		tune   interp.Tuning
		linked bool
	}{
		{"with blocks of one instruction", interp.Tuning{Most: 1}, false},
		{"with blocks by themselves", interp.Tuning{}, false},
		{"with blocks that lead to one another, of which the last is shown", interp.Tuning{}, true},
	} {
		found, err := p.traced(c.tune, c.linked)
		if err != nil {
			return err
		}
		if found != "" {
			p.say("wrong %s:\n%s", c.what, found)
			return nil
		}
	}
	p.say("no block leaves a wrong state around there")
	return nil
}

func (p *place) traced(tune interp.Tuning, linked bool) (found string, err error) {
	var t *tracer
	from := max(p.from, p.at-min(p.at, window))
	err = p.fast(from, tune, func(j cpu.Translator) cpu.Translator {
		t = &tracer{Translator: j, linked: linked, watch: p.ram}
		return t
	}, func(y *side) {
		t.on, t.ram = true, y.Mem.B
		y.to(p.at + window)
	})
	if err == nil {
		err = p.rewind()
	}
	if err != nil {
		return "", err
	}
	for _, s := range t.seen {
		p.ref.to(s.at)
		want := look(p.ref.CPU, p.ref.CPU.RIP, p.ref.Mem.B, p.ram)
		if s.state == want {
			continue
		}
		d := strings.Join(snap.Diff(&s.state, &want), "; ")
		return fmt.Sprintf("%safter it, at instant %d: %s", listing(s.code), s.at, d), nil
	}
	return "", nil
}

// listing is a block's code.
func listing(c *cpu.Code) string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %#x, physical %#x, mode %#x\n", c.LA, c.PA, c.Mode)
	for k := range c.Insts {
		fmt.Fprintf(&b, "  %#x %s\n", c.At(k), c.Insts[k].String())
	}
	return b.String()
}
