package main

import (
	"bytes"
	"errors"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

// compare runs both machines side by side. a is the last instant at which
// everything was equal, b the first look at which something was not; 0: none.
func (l *lockboot) compare() (a, b vmm.Instant, err error) {
	x, y, err := l.pair()
	if err != nil {
		return 0, 0, err
	}
	defer x.free()
	defer y.free()
	for n := uint64(1); ; n++ {
		at := min(vmm.Instant(n)*l.step, l.most)
		x.reach(at, l.step)
		y.reach(at, l.step)
		last := at == l.most || x.exit != vmm.Reached
		whole := n%l.whole == 0 || last
		equal := l.equal(x, y, whole)
		if equal && whole {
			a = at
		}
		if !equal {
			d, _ := differences(x, y)
			l.say("different between %d and %d: %s", a, at, strings.Join(d, "; "))
			return a, at, nil
		}
		if last {
			steps := x.Retired() + x.CPU.Overhead
			share := float64(y.Engine.(*interp.CPU).Translated()) / max(float64(steps), 1)
			l.say("equal to %s, exit %d: %d million steps, %.2f %% translated", x.Position(), x.exit, steps/1e6, 100*share)
			return a, 0, nil
		}
	}
}

// pair is a machine on each engine, the reference first.
func (l *lockboot) pair() (x, y *side, err error) {
	if x, err = l.guest.boot(nil, interp.Tuning{}); err != nil {
		return nil, nil, err
	}
	t, err := l.newJIT()
	if err == nil {
		if y, err = l.guest.boot(t, interp.Tuning{}); err != nil {
			err = errors.Join(err, t.Close())
		}
	}
	if err != nil {
		x.free()
	}
	return x, y, err
}

// equal tells whether processor and position are equal, and if it is to be the
// whole, all else.
func (l *lockboot) equal(x, y *side, whole bool) bool {
	if !glance(x, y) || !whole {
		return glance(x, y)
	}
	_, s := x.Digests()
	_, t := y.Digests()
	return s == t && x.Mem.Root() == y.Mem.Root() && bytes.Equal(x.console.Sum(nil), y.console.Sum(nil))
}

// A place is where the machines begin to differ.
type place struct {
	*lockboot
	from, at vmm.Instant // equal at from; at the other they are not
	ram      []uint64    // addresses of RAM that differ there
	ref      *side       // the reference, of which start is the state at from
	start    []vmm.Section
	bytes    []byte
}

func (p *place) free() { p.ref.free() }

// rewind puts the reference back to from.
func (p *place) rewind() error {
	m := p.ref.Mem
	for at := 0; at < len(m.B); at += mem.PageBytes {
		if old := p.bytes[at:][:mem.PageBytes]; !bytes.Equal(m.B[at:][:mem.PageBytes], old) {
			m.Write(uint64(at), old)
		}
	}
	p.ref.exit = vmm.Reached
	return p.ref.Load(p.start)
}

// fast runs the translating machine from power-on to an instant, and gives it
// to f. wrap, if not nil, comes between engine and translator.
func (p *place) fast(at vmm.Instant, tune interp.Tuning, wrap func(cpu.Translator) cpu.Translator, f func(*side)) error {
	t, err := p.newJIT()
	if err != nil {
		return err
	}
	if wrap != nil {
		t = wrap(t)
	}
	y, err := p.guest.boot(t, tune)
	if err != nil {
		return errors.Join(err, t.Close())
	}
	defer y.free()
	y.reach(at, p.step)
	f(y)
	return nil
}

// differ runs both to an instant and lists what is different.
func (p *place) differ(at vmm.Instant) (d []string, ram []uint64, err error) {
	if err := p.rewind(); err != nil {
		return nil, nil, err
	}
	p.ref.to(at)
	err = p.fast(at, interp.Tuning{}, nil, func(y *side) { d, ram = differences(p.ref, y) })
	return d, ram, err
}

// narrow finds the first instant in (a, b] at which a run that goes there
// differs. It must be freed.
func (l *lockboot) narrow(a, b vmm.Instant) (*place, error) {
	x, err := l.guest.boot(nil, interp.Tuning{})
	if err != nil {
		return nil, err
	}
	x.reach(a, l.step)
	p := &place{lockboot: l, from: a, at: b, ref: x, start: x.Save(), bytes: bytes.Clone(x.Mem.B)}
	found, ram, err := p.differ(b)
	for lo := a; err == nil && p.at-lo > 1; {
		mid := lo + (p.at-lo)/2
		d, r, e := p.differ(mid)
		if err = e; len(d) == 0 {
			lo = mid
		} else {
			p.at, found, ram = mid, d, r
		}
	}
	if err == nil && len(found) == 0 {
		err = errors.New("another run does not differ there: an engine is not deterministic")
	}
	if err != nil {
		p.free()
		return nil, err
	}
	p.ram = ram
	l.say("first different at instant %d: %s", p.at, strings.Join(found, "; "))
	return p, nil
}
