package recorder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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
		{"save", portlab.Machine{}, func(m *machine) error {
			return errors.Join(m.start("a", nil), m.tell(wire.Request{Verb: wire.Save, Text: "it hung"}))
		}, "", "vmrecord.prepare a|log 1 = 1|vmrecord.save it hung"},
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
		{"a cancelled context before", portlab.Machine{}, func(m *machine) error {
			return m.guardContext(cancelled(), "g", func(ctx context.Context) error { return ctx.Err() })
		}, "context canceled", ""},
		{"a context cancelled inside", portlab.Machine{}, func(m *machine) error {
			ctx, cancel := context.WithCancel(context.Background())
			return m.guardContext(ctx, "g", func(ctx context.Context) error { cancel(); return fmt.Errorf("post: %w", ctx.Err()) })
		}, "post: context canceled", "vmrecord.prepare g|log 1 = 1|vmrecord.drop|kept=false|log 2 = 1"},
		{"another error after a cancel", portlab.Machine{}, func(m *machine) error {
			ctx, cancel := context.WithCancel(context.Background())
			return m.guardContext(ctx, "g", func(context.Context) error { cancel(); return wrong })
		}, "total is 999 993", "vmrecord.prepare g|log 1 = 1|vmrecord.fail total is 999 993|vmrecord.keep|kept=true|log 2 = 1"},
		{"a deadline", portlab.Machine{}, func(m *machine) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			return m.guardContext(ctx, "g", func(context.Context) error { return context.DeadlineExceeded })
		}, "context deadline exceeded", "vmrecord.prepare g|log 1 = 1|vmrecord.fail context deadline exceeded|vmrecord.keep|kept=true|log 2 = 1"},
		{"a guard in a guard's context", portlab.Machine{}, func(m *machine) error {
			return m.guardContext(context.Background(), "outer", func(ctx context.Context) error {
				return m.guardContext(ctx, "inner", func(context.Context) error { return wrong })
			})
		}, "total is 999 993", "vmrecord.prepare outer|log 1 = 1|vmrecord.mark inner|vmrecord.fail total is 999 993|vmrecord.keep|kept=true|log 2 = 1"},
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

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// However long the texts and the replies: a call takes a bounded number of port
// accesses, which at 4 GHz are not a tenth of a millisecond of the guest's time.
func TestBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, do := range map[string]func(m *machine) error{
		"start": func(m *machine) error { return m.start(long, nil) },
		"stop":  func(m *machine) error { return m.stop(Keep) },
		"mark":  func(m *machine) error { return m.tell(wire.Request{Verb: wire.Mark, Text: long}) },
		"fail":  func(m *machine) error { return m.tell(wire.Request{Verb: wire.Fail, Text: long}) },
		"attr":  func(m *machine) error { return m.tell(wire.Request{Verb: wire.Attr, Key: long, Text: long}) },
	} {
		var lab portlab.Machine
		m := wired(&lab)
		if err := m.start("before", nil); err != nil {
			t.Fatal(err)
		}
		accesses, in := 0, m.in
		m.in = func(r *regs) { accesses++; in(r) }
		if _ = do(m); accesses > 300 {
			t.Errorf("%s: %d port accesses", name, accesses)
		}
	}
	m := wired(&portlab.Machine{})
	accesses, in := 0, m.in
	m.in = func(r *regs) { // replies without end
		accesses++
		if sub := r.cx >> 16; r.cx&0xFFFF == wire.CmdMessage && sub == wire.MsgRecvSize {
			defer func() { r.bx = wire.MaxMessageBytes }()
		}
		in(r)
	}
	if err := m.tell(wire.Request{Verb: wire.GetStatus}); !errors.Is(err, errMessage) || accesses > 20 {
		t.Errorf("%v after %d accesses", err, accesses)
	}
}

// Two goroutines that start at once do not mix their names: one is refused.
func TestStartedAtOnce(t *testing.T) {
	var lab portlab.Machine
	m := wired(&lab)
	in, second := m.in, errors.New("never asked")
	m.in = func(r *regs) {
		m.in = in
		second = m.start("b", nil)
		in(r)
	}
	if err := m.start("a", nil); err != nil || second != errStarting || strings.Join(lab.Log, "|") != "vmrecord.prepare a|log 1 = 1" {
		t.Errorf("%v, %v, seen %q", err, second, lab.Log)
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

// A resume is told once, with the date, and by one access each time it is asked.
func TestResume(t *testing.T) {
	lab := portlab.Machine{Resume: 2}
	m := wired(&lab)
	r, err := m.watchResume()
	if err != nil {
		t.Fatal(err)
	}
	date := time.Unix(portlab.Time, 500_000_000)
	if now, told := r.Now(); !told || !now.Equal(date) {
		t.Errorf("the machine's time: %v, %v", told, now)
	}
	for i, want := range []bool{false, true, false} {
		now, yes := r.Happened()
		if yes != want || yes && !now.Equal(date) {
			t.Errorf("asked %d times: %v, %v", i+1, yes, now)
		}
	}
	if _, err := wired(&portlab.Machine{Full: true}).watchResume(); err != errClosed {
		t.Errorf("without a channel: %v", err)
	}
	if r, err := (*machine)(nil).watchResume(); r != nil || err != nil {
		t.Errorf("outside: %v, %v", r, err)
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
