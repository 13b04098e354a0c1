package debug

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
)

// A Probe says where to look on as the recording passes, and what to write down.
type Probe struct {
	At       string       // an address, a function, or FILE:LINE
	Print    []string     // args, stack, regs, and expressions; nil: arguments, as far as they are known
	Symbols  string       // a folder with programs' ELF files; "": none
	Process  string       // only where the program of this name, or of this number, runs; "": everywhere
	Return   bool         // where the function returns, not where it begins
	From, To vmm.Position // the last is not part of it
}

// A Shot is what was seen at one place.
type Shot struct {
	At      vmm.Instant `json:"at"`
	Inputs  uint64      `json:"inputs"`
	Seconds float64     `json:"seconds"` // of guest time since the recording's start
	*Who                // nil: nobody knows
	Addr    Hex         `json:"addr"`             // of the instruction that is next
	Where   string      `json:"where,omitempty"`  // its symbol, and its line
	Return  bool        `json:"return,omitempty"` // of Values, those without a name are what the function returns
	Values  []Value     `json:"values,omitempty"` // arguments and expressions
	Regs    []Value     `json:"regs,omitempty"`
	Stack   []Call      `json:"stack,omitempty"` // callers, the nearest first
}

// Who is the thread that runs.
type Who struct {
	Comm string `json:"comm"`
	PID  int    `json:"pid"`
	TID  int    `json:"tid"`
}

// A Value is something with a name, as text.
type Value struct {
	Name string `json:"name,omitempty"`
	Text string `json:"value"`
}

// A Call is a place that a function returns to.
type Call struct {
	Addr  Hex    `json:"addr"`
	Where string `json:"where,omitempty"`
}

// A Hex is a number that is written in base 16, in JSON as a string: addresses
// are more than other programs' numbers hold.
type Hex uint64

func (h Hex) String() string { return "0x" + strconv.FormatUint(uint64(h), 16) }

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String is the shot as text of one line or, with registers or callers, more.
func (s *Shot) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v (%.6f s) ", vmm.Position{At: s.At, Inputs: s.Inputs}, s.Seconds)
	if s.Who != nil {
		fmt.Fprintf(&b, "%s/%d ", printable(s.Comm), s.TID)
	}
	b.WriteString(either(s.Where, s.Addr.String()))
	if s.Return {
		b.WriteString(" returns")
	}
	for _, v := range s.Values {
		if b.WriteByte(' '); v.Name != "" {
			b.WriteString(v.Name + "=")
		}
		b.WriteString(v.Text)
	}
	for i, r := range s.Regs {
		sep := " "
		if i%4 == 0 {
			sep = "\n    "
		}
		fmt.Fprintf(&b, "%s%-6s %-18s", sep, r.Name, r.Text)
	}
	for i, c := range s.Stack {
		fmt.Fprintf(&b, "\n    #%-2d %v %s", i+1, c.Addr, c.Where)
	}
	return b.String()
}

// either is the first text that is not empty.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// A ProbeError is a probe that cannot be placed, or that asks for what nobody can
// print.
type ProbeError struct {
	Why   string
	Print bool // it is Probe.Print
}

func (e *ProbeError) Error() string { return e.Why }

// A prober carries a probe out.
type prober struct {
	Probe
	s        *Session
	print    []func(*eye, *Shot)
	programs *programs       // the session's, or the probe's own
	files    []*program.File // to look for names in
	lacks    error           // why there are none
	sites    []*site
	linux    *guestos.Linux // for its symbols; nil: there is none
	stops    []vmm.Stop
	shot     func(*Shot) (bool, error)
	err      error
}

// Probe goes from p.From to p.To and calls shot wherever the probe is met, in
// order; shot tells whether to go on, and may keep what it is given. Programs
// are followed that start on the way. Its errors are *ProbeError, shot's and the
// timeline's.
func (s *Session) Probe(ctx context.Context, p Probe, shot func(*Shot) (bool, error)) error {
	w := &prober{Probe: p, s: s, shot: shot, programs: &s.programs}
	if p.Symbols != "" {
		f, err := program.OpenFolder(p.Symbols)
		if err != nil {
			return fmt.Errorf("--symbols: %w", err)
		}
		defer f.Close()
		w.programs = &programs{folder: f}
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	w.place()
	err := s.line.Each(ctx, w.stops, p.To, w.struck)
	return errors.Join(w.err, err)
}

// prepare finds the places. What is not there at the beginning may be at the end:
// a kernel that only boots, a module that is loaded on the way.
func (w *prober) prepare(ctx context.Context) (err error) {
	if w.print, err = parsePrint(w.Print); err != nil {
		return err
	}
	if w.files, err = w.programs.all(); err != nil {
		return fmt.Errorf("--symbols: %w", err)
	}
	for _, at := range []vmm.Position{w.From, w.To} {
		if err := w.s.line.Seek(ctx, at); err != nil {
			return err
		}
		w.linux, _ = w.s.guest.at(w.s.line.Machine())
		err = w.find()
		if known := err == nil && (w.linux != nil || !w.moving()); known || w.linux != nil && lastWord(w.At) != w.At {
			break
		}
	}
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return err
	}
	if err := w.s.line.Seek(ctx, w.From); err != nil {
		return err
	}
	w.locate()
	return nil
}

// locate looks where tasks have files that may be anywhere.
func (w *prober) locate() {
	if l, err := w.s.guest.at(w.s.line.Machine()); err == nil && w.moving() {
		all, _ := l.Tasks() // what cannot be read now, is when it maps something
		for _, t := range all {
			w.programs.look(t)
		}
	}
}

// struck takes a picture, and looks where programs that start are.
func (w *prober) struck(h vmm.Hit) (stops []vmm.Stop, on bool) {
	m := w.s.line.Machine()
	l, err := w.s.guest.at(m)
	var t *guestos.Task
	if err == nil {
		if now, err := l.Current(); err == nil {
			t = &now
		}
	}
	if w.isHook(h.Addr) {
		if t != nil && w.mapsCode(l) && w.programs.look(*t) {
			w.place()
			stops = w.stops
		}
		return stops, true
	}
	site := w.siteAt(h.Addr)
	if site == nil || !matches(t, w.Process) {
		return nil, true
	}
	if l != nil {
		w.linux = l
	}
	on, err = w.shot(w.picture(site, h.Addr, t))
	if err != nil {
		w.err = err
	}
	return nil, on && err == nil
}

// matches tells whether a task is the process that was asked for.
func matches(t *guestos.Task, process string) bool {
	return process == "" || t != nil && t.Is(process)
}

// picture is what is to be seen where the machine stands.
func (w *prober) picture(site *site, la uint64, t *guestos.Task) *Shot {
	m := w.s.line.Machine()
	p := m.Position()
	s := &Shot{At: p.At, Inputs: p.Inputs, Seconds: w.s.seconds(p), Addr: Hex(la), Where: w.where(la, 0), Return: site.back}
	if t != nil {
		s.Who = &Who{t.Comm, t.TGID, t.PID}
	}
	e := &eye{w: w, site: site, m: m}
	for _, show := range w.print {
		show(e, s)
	}
	return s
}
