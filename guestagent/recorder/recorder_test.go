package recorder

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vmrecord/backdoor/wire"
	"vmrecord/guestagent/portlab"
)

// wired is a machine whose port is m.
func wired(m *portlab.Machine) *machine {
	return &machine{in: func(r *regs) {
		p := portlab.Regs{AX: r.ax, BX: r.bx, CX: r.cx, DX: r.dx, SI: r.si, DI: r.di}
		m.In(&p)
		*r = regs{p.AX, p.BX, p.CX, p.DX, p.SI, p.DI}
	}}
}

// Each case is what a program does and what the machine then has seen.
func TestOrder(t *testing.T) {
	wrong := errors.New("total is 999 993")
	for _, c := range []struct {
		name string
		lab  portlab.Machine
		do   func(m *machine) error
		err  string
		log  string
	}{
		{"start and stop", portlab.Machine{}, func(m *machine) error {
			return errors.Join(m.start("a b", []Option{WithAttr("round", "7")}), m.stop(Drop))
		}, "", "vmrecord.prepare a b|vmrecord.attr round 7|log 1 = 1|vmrecord.drop|kept=false|log 2 = 1"},
		{"guard, well", portlab.Machine{}, func(m *machine) error {
			return m.guard("g", func() error { return nil })
		}, "", "vmrecord.prepare g|log 1 = 1|vmrecord.drop|kept=false|log 2 = 1"},
		{"guard, error", portlab.Machine{}, func(m *machine) error {
			return m.guard("g", func() error { return wrong })
		}, "total is 999 993", "vmrecord.prepare g|log 1 = 1|vmrecord.fail total is 999 993|vmrecord.keep|kept=true|log 2 = 1"},
		{"guard, panic", portlab.Machine{}, func(m *machine) (err error) {
			defer func() { err = fmt.Errorf("%v", recover()) }()
			return m.guard("g", func() error { panic("lost\nupdate") })
		}, "lost\nupdate", "vmrecord.prepare g|log 1 = 1|vmrecord.fail panic: lost update|vmrecord.keep|kept=true|log 2 = 1"},
		{"fail, then drop", portlab.Machine{}, func(m *machine) error {
			return errors.Join(m.start("a", nil), m.tell(wire.Request{Verb: wire.Fail, Text: "no"}), m.stop(Drop))
		}, "", "vmrecord.prepare a|log 1 = 1|vmrecord.fail no|vmrecord.drop|kept=true|log 2 = 1"},
		{"started twice", portlab.Machine{}, func(m *machine) error {
			return errors.Join(m.start("a", nil), m.start("b", nil))
		}, "recorder: prepare: a recording runs already", "vmrecord.prepare a|log 1 = 1|vmrecord.prepare b"},
		{"stopped while idle", portlab.Machine{}, func(m *machine) error { return m.stop(Keep) },
			"recorder: stop: nothing is recording", "vmrecord.keep|log 2 = 3"},
		{"guard without control", portlab.Machine{Off: true}, func(m *machine) error {
			return m.guard("g", func() error { return wrong })
		}, "total is 999 993", "vmrecord.prepare g"},
		{"guard inside a recording", portlab.Machine{}, func(m *machine) error {
			return m.guard("outer", func() error { return m.guard("inner", func() error { return nil }) })
		}, "", "vmrecord.prepare outer|log 1 = 1|vmrecord.prepare inner|vmrecord.drop|kept=false|log 2 = 1"},
		{"no channel", portlab.Machine{Full: true}, func(m *machine) error { return m.start("a", nil) },
			"recorder: prepare: the machine has no message channel free", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := c.lab
			err := c.do(wired(&lab))
			if got := fmt.Sprint(err); c.err != "" && got != c.err || c.err == "" && err != nil {
				t.Errorf("error %q, want %q", got, c.err)
			}
			if got := strings.Join(lab.Log, "|"); got != c.log {
				t.Errorf("seen %s\nwant %s", got, c.log)
			}
			if lab.Open() != 0 {
				t.Errorf("%d channels left open", lab.Open())
			}
		})
	}
}

// A machine resumed at any step of a message obeys it all the same, and once.
func TestResumedAnywhere(t *testing.T) {
	const want = "vmrecord.prepare resumed|log 1 = 1|vmrecord.mark here|vmrecord.keep|kept=true|log 2 = 1"
	steps := 0
	for done := false; !done; steps++ {
		lab := portlab.Machine{Resume: steps + 1}
		m := wired(&lab)
		err := errors.Join(m.start("resumed", nil), m.tell(wire.Request{Verb: wire.Mark, Text: "here"}), m.stop(Keep))
		if got := strings.Join(lab.Log, "|"); err != nil || got != want {
			t.Fatalf("resumed at step %d: %v, seen %s", steps, err, got)
		}
		done = lab.Resume > 0
	}
	if steps < 30 {
		t.Fatalf("only %d steps were interrupted", steps)
	}
}

// A machine that says nothing else but "start again" does not hold the program.
func TestEndlessResume(t *testing.T) {
	lab := portlab.Machine{}
	m := wired(&lab)
	in := m.in
	m.in = func(r *regs) { lab.Resume = 1; in(r) }
	if err := m.tell(wire.Request{Verb: wire.Fail, Text: "x"}); !errors.Is(err, errRestart) {
		t.Fatalf("error %v", err)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name string
		in   func(*regs)
		want bool
	}{
		{"ours", wired(&portlab.Machine{}).in, true},
		{"ours, control off", wired(&portlab.Machine{Off: true}).in, true},
		{"a real VMware", wired(&portlab.Machine{Foreign: true}).in, false},
		{"floating bus", func(r *regs) { r.ax = 1<<32 - 1 }, false},
		{"all zero", func(r *regs) { *r = regs{} }, false},
	} {
		if got := probe(c.in) != nil; got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Outside an appliance every call does nothing. The instruction itself faults on
// such a machine, and even that is caught.
func TestOutside(t *testing.T) {
	if InVM() {
		t.Fatal("the test machine claims to be an appliance")
	}
	ran := errors.New("ran")
	got := errors.Join(Start("a", WithAttr("k", "v")), Mark("m"), Attr("k", "v"), Fail("f"), Stop(Keep))
	st, err := Status()
	if got != nil || err != nil || st.UID != 0 {
		t.Errorf("%v, %+v, %v", got, st, err)
	}
	if err := Guard("g", func() error { return ran }); err != ran {
		t.Errorf("guard: %v", err)
	}
	if probe(in) != nil {
		t.Error("the bare port answers as an appliance")
	}
}
