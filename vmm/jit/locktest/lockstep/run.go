package lockstep

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// A Tester runs cases on both engines.
type Tester struct {
	New   func() (cpu.Translator, error)
	Spoil func(*cpu.State) // if set, has its way with the state when translated code was left

	count   Count
	a, b    *side
	plain   *interp.CPU
	engines [tunings]*interp.CPU
	shakers [tunings]*shaker
}

const tunings = 4

func tuning(n int) interp.Tuning {
	return [tunings]interp.Tuning{{Hot: 1}, {Hot: 3}, {Hot: 1, Most: 5}, {Hot: 2, Most: 1}}[n]
}

// Close gives the engines' memory back.
func (t *Tester) Close() error {
	var first error
	for i, e := range t.engines {
		if e == nil {
			continue
		}
		if err := e.Close(); err != nil && first == nil {
			first = err
		}
		t.engines[i] = nil
	}
	return first
}

// begin makes the engines of a case.
func (t *Tester) begin(c *Case, part part) (*shaker, error) {
	if t.a == nil {
		t.a, t.b = newSide(), newSide()
	}
	if t.plain == nil || t.plain.Err() != nil {
		t.plain = interp.New()
	}
	n := int(c.seed % tunings)
	if e := t.engines[n]; e == nil || e.Err() != nil {
		if e != nil {
			if err := e.Close(); err != nil {
				return nil, err
			}
		}
		j, err := t.New()
		if err != nil {
			return nil, err
		}
		t.shakers[n] = &shaker{Translator: j}
		t.engines[n] = interp.NewTranslating(t.shakers[n], tuning(n))
	}
	s := t.shakers[n]
	s.rng, s.rates, s.lo, s.hi = rand.New(rand.NewPCG(c.seed, 1)), c.rates, part.lo, part.hi
	s.codes, s.met, s.spoil = s.codes[:0], s.met[:0], t.Spoil
	t.a.begin(c, t.plain)
	t.b.begin(c, t.engines[n])
	return s, nil
}

// A Difference is what was not equal, and where.
type Difference struct {
	At   vmm.Instant
	Text string
}

// Run runs a case; nil if both engines agree at every instant looked at.
func (t *Tester) Run(c *Case) (*Difference, error) {
	return t.run(c, everything)
}

func (t *Tester) run(c *Case, part part) (*Difference, error) {
	s, err := t.begin(c, part)
	if err != nil {
		return nil, err
	}
	e := t.engines[c.seed%tunings]
	translated, entries := e.Translated(), s.Stats().Entries
	defer func() {
		t.count.Add(Count{uint64(t.a.Now()), e.Translated() - translated, s.Stats().Entries - entries})
	}()
	r := rng{rand.New(rand.NewPCG(c.seed, 2))}
	for at, end := vmm.Instant(0), min(vmm.Instant(c.steps), part.end); at < end; {
		at = min(at+vmm.Instant(1+r.IntN(choose(r, 300, 1000, 5000))), part.end)
		if c.shaken {
			t.b.Slice = vmm.Instant(choose(r, 0, 0, 1+r.IntN(5000), 150+r.IntN(200)))
		}
		x, y := t.a.Run(at), t.b.Run(at)
		if d := t.compare(x, y); d != "" {
			return &Difference{at, d}, nil
		}
		if x != vmm.Reached {
			break
		}
	}
	return nil, nil
}

// Sweep runs a case without difficulties up to each of n instants, the first of
// them from, each time from its start.
func (t *Tester) Sweep(c *Case, from, n vmm.Instant) (*Difference, error) {
	if _, err := t.begin(c, everything); err != nil {
		return nil, err
	}
	for at := from; at < from+n; at++ {
		t.b.begin(c, t.b.Engine)
		if d := t.compare(t.a.Run(at), t.b.Run(at)); d != "" {
			return &Difference{at, d}, nil
		}
	}
	return nil, nil
}

// compare lists what differs.
func (t *Tester) compare(x, y vmm.Exit) string {
	a, b := t.a, t.b
	if x == y && *a.CPU == *b.CPU && a.state == b.state && a.Now() == b.Now() && bytes.Equal(a.ram.B, b.ram.B) {
		return ""
	}
	var d []string
	differ := func(name string, x, y uint64) {
		if x != y {
			d = append(d, fmt.Sprintf("%s %#x, want %#x", name, y, x))
		}
	}
	differ("exit", uint64(x), uint64(y))
	differ("instant", uint64(a.Now()), uint64(b.Now()))
	differ("rip", a.CPU.RIP, b.CPU.RIP)
	differ("rflags", a.CPU.RFLAGS, b.CPU.RFLAGS)
	for i := range a.CPU.R {
		differ(fmt.Sprintf("r%d", i), a.CPU.R[i], b.CPU.R[i])
	}
	for i := range a.CPU.XMM {
		differ(fmt.Sprintf("xmm%d.0", i), a.CPU.XMM[i][0], b.CPU.XMM[i][0])
		differ(fmt.Sprintf("xmm%d.1", i), a.CPU.XMM[i][1], b.CPU.XMM[i][1])
	}
	differ("mxcsr", uint64(a.CPU.MXCSR), uint64(b.CPU.MXCSR))
	differ("cr2", a.CPU.CR2, b.CPU.CR2)
	differ("cs", uint64(a.CPU.Seg[1].Sel), uint64(b.CPU.Seg[1].Sel))
	differ("overhead", a.CPU.Overhead, b.CPU.Overhead)
	differ("device", a.state.Hash, b.state.Hash)
	n := 0
	for i := range a.ram.B {
		if a.ram.B[i] != b.ram.B[i] {
			if n++; n <= 8 {
				differ(fmt.Sprintf("[%#x]", i), uint64(a.ram.B[i]), uint64(b.ram.B[i]))
			}
		}
	}
	if len(d) == 0 {
		d = append(d, "some other state differs")
	}
	return strings.Join(d, "; ")
}

// shake chooses difficulties for the translator, or none.
func (c *Case) shake() {
	r := newRNG(c.seed, 3)
	if c.shaken = !r.one(4); !c.shaken {
		return
	}
	often := func(n int) int { return choose(r, 0, 0, 2+r.IntN(n), 20+r.IntN(10*n)) }
	c.rates = rates{forget: often(4), flush: often(20), unlink: often(4), drop: often(20), reset: choose(r, 0, 0, 0, often(100)), cut: often(10)}
}

// A part of a case: only blocks that hash to a range are translated, and it
// ends at an instant at the latest.
type part struct {
	lo, hi uint64
	end    vmm.Instant
}

var everything = part{hi: 1<<64 - 1, end: vmm.Never}

// Bisect shortens a case that fails, to as few instructions as it takes and to
// the first instant that shows it, and narrows it down to the translation that
// it takes. It returns a report.
func (t *Tester) Bisect(c *Case) string {
	p := everything
	fails := func() (vmm.Instant, bool) {
		d, err := t.run(c, p)
		if d == nil || err != nil {
			return 0, false
		}
		return d.At, true
	}
	c.reduce(func() bool { _, bad := fails(); return bad })
	for at, bad := fails(); bad && p.lo < p.hi; {
		p.end = at
		q, mid := p, p.lo+(p.hi-p.lo)/2
		p.hi = mid
		if at, bad = fails(); bad {
			continue
		}
		p = q
		p.lo = mid + 1
		if at, bad = fails(); !bad {
			p = q
		}
	}
	at, bad := fails()
	for n := vmm.Instant(4096); bad && n > 0; n /= 2 {
		for q := p.end; n < at; p.end, q = at, p.end {
			p.end = at - n
			if at2, bad2 := fails(); !bad2 {
				p.end = q
				break
			} else {
				at = at2
			}
		}
	}
	return t.report(c, p)
}

func (t *Tester) report(c *Case, p part) string {
	d, err := t.run(c, p)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	if d != nil {
		fmt.Fprintf(&b, "at instant %d: %s\n", d.At, d.Text)
	}
	fmt.Fprintf(&b, "blocks that hash to %#x..%#x:\n", p.lo, p.hi)
	for i, code := range t.shakers[c.seed%tunings].met {
		if i > 6 {
			break
		}
		fmt.Fprintf(&b, "at %#x, physical %#x, mode %#x\n", code.LA, code.PA, code.Mode)
		la := code.LA
		if len(bytes.Trim(t.b.ram.B[code.PA:][:code.At(len(code.Insts))-code.LA], "\x90")) == 0 {
			continue
		}
		for k := range code.Insts {
			in := &code.Insts[k]
			if in.Sem == x86.SemNop {
				la += uint64(in.Len)
				continue
			}
			fmt.Fprintf(&b, "  %#x %s\n", la, in.String())
			la += uint64(in.Len)
		}
	}
	fmt.Fprintf(&b, "program at %#x, %d steps:\n%s", c.start, c.steps, c.listing())
	return b.String()
}

// listing is the program without what was taken out.
func (c *Case) listing() string {
	var b strings.Builder
	for _, at := range c.instructions() {
		code := c.ram[at:]
		in, err := x86.Decode(code, c.mode)
		if err != nil {
			fmt.Fprintf(&b, "  %#x ? % x\n", codeAt+at-physCode, code[:8])
		} else if code[0] != 0x90 {
			fmt.Fprintf(&b, "  %#x %-24x %s\n", codeAt+at-physCode, code[:in.Len], in.String())
		}
	}
	return b.String()
}

// instructions are the physical addresses of the program's instructions.
func (c *Case) instructions() (list []int) {
	begin := physCode + int(c.start-codeAt)
	for at := begin; at < begin+c.code; at += max(1, int(c.ram[nextAt+at-physCode])) {
		list = append(list, at)
	}
	return list
}

// reduce replaces by NOPs what the failure does not need.
func (c *Case) reduce(fails func() bool) {
	for n := 64; n > 0; n /= 2 {
		list := c.instructions()
		for i := 0; i < len(list); i += n {
			end := physCode + int(c.start-codeAt) + c.code
			if i+n < len(list) {
				end = list[i+n]
			}
			old := bytes.Clone(c.ram[list[i]:end])
			if len(bytes.Trim(old, "\x90")) == 0 {
				continue
			}
			for k := range old {
				c.ram[list[i]+k] = 0x90
			}
			if !fails() {
				copy(c.ram[list[i]:], old)
			}
		}
	}
}

// A Count is what cases came to.
type Count struct {
	Steps, Translated, Entries uint64
}

// Add adds another.
func (c *Count) Add(k Count) {
	c.Steps += k.Steps
	c.Translated += k.Translated
	c.Entries += k.Entries
}

// Count is what cases came to since it was last asked for.
func (t *Tester) Count() Count {
	k := t.count
	t.count = Count{}
	return k
}
