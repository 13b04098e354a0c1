package timeline_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"vmrecord/backdoor"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
	"vmrecord/vmm/timeline"
)

const (
	ramBytes = 2 << 20
	hz       = 8_000_000
)

// A made is a recording in memory.
type made struct {
	build   func(ram []byte, e vmm.Engine) *vmm.Machine
	console string // the outlet
	ram     []byte
	secs    []vmm.Section
	tape    []byte
	end     vmm.Position
	text    string // on the console
}

// engines that this host can run, by name.
func engines() map[string]func() vmm.Engine {
	e := map[string]func() vmm.Engine{"interp": func() vmm.Engine { return interp.New() }}
	if j, err := jit.New(); err == nil {
		_ = j.Close()
		e["jit"] = func() vmm.Engine {
			j, err := jit.New()
			if err != nil {
				panic(err)
			}
			return interp.NewTranslating(j, interp.Tuning{Hot: 3})
		}
	}
	return e
}

// machine is a PC over ram.
func machine(ram []byte, e vmm.Engine) *vmm.Machine {
	b := pc.New(mem.New(ram), pc.Options{Hz: hz, Epoch: 1_790_000_000, DebugExit: true})
	b.Plug(vmm.Place{Name: "backdoor"}, backdoor.New(backdoor.Config{Control: true, MaxRecordings: 1000}))
	return &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: e}
}

// record records the guest with a user who types, leaps of time, and marks. A
// key q ends it after so many.
func record(t testing.TB, seed uint64, keys int) *made {
	t.Helper()
	m := machine(make([]byte, ramBytes), interp.New())
	m.CPU.Cold(1)
	ok(t, pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{APIC: true, Float: seed%2 == 0, Keys: true})}))
	m.Door = &live{rng: rand.New(rand.NewPCG(seed, 1)), keys: keys}
	m.Run(1000)
	r := &made{build: machine, console: "com1/tx"}
	r.record(t, m, 1<<40)
	return r
}

// record records a machine until it stops, or for n instants.
func (r *made) record(t testing.TB, m *vmm.Machine, n vmm.Instant) {
	t.Helper()
	r.ram, r.secs = bytes.Clone(m.Mem.B), m.Save()
	var out bytes.Buffer
	rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 50_000})
	ok(t, err)
	m.OnOutput(r.console, func(p []byte) {
		r.text += string(p)
		rec.Console(p)
	})
	end := m.Now() + n
	for stop, marks := m.Now(), 0; m.Now() < end; {
		e := m.Run(min(stop, end))
		switch e {
		case vmm.Beat:
			rec.Beat()
		case vmm.Control:
			m.TakeControl()
			rec.Mark("asked")
		case vmm.Reached:
			marks++
			stop = m.Now() + 49_991
			rec.Mark([]string{"even", "odd"}[marks%2])
		case vmm.Stopped:
			end = m.Now()
		default:
			t.Fatalf("exit %d at %s: %v", e, m.Position(), m.Err())
		}
	}
	_, err = rec.Stop(true, false, "off")
	ok(t, err)
	r.tape, r.end = out.Bytes(), m.Position()
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fresh is a machine at the start of the tape.
func (r *made) fresh(e func() vmm.Engine) func() (*timeline.Run, error) {
	return func() (*timeline.Run, error) {
		m := r.build(bytes.Clone(r.ram), e())
		if err := m.Load(r.secs); err != nil {
			return nil, err
		}
		in, err := tape.NewReader(bytes.NewReader(r.tape))
		if err != nil {
			return nil, err
		}
		p, err := tape.NewPlayer(m, in)
		if err != nil {
			return nil, err
		}
		return &timeline.Run{Machine: m, Player: p, Console: r.console, Close: m.Engine.Close}, nil
	}
}

// open is its timeline.
func (r *made) open(t testing.TB, e func() vmm.Engine, o timeline.Options) *timeline.Timeline {
	t.Helper()
	o.End = r.end
	l, err := timeline.Open(t.Context(), r.fresh(e), o)
	ok(t, err)
	t.Cleanup(func() { ok(t, l.Close()) })
	return l
}

// A ticker is a device that writes to the console by itself, at odd times, so
// many bytes.
type ticker struct {
	bytes int
	state struct{ N uint8 }
	timer vmm.Timer
	clock vmm.Clock
	tx    vmm.Outlet
}

func (d *ticker) State() any { return &d.state }
func (d *ticker) Reset()     { d.timer.At(1) }

func (d *ticker) Attach(s *vmm.Slot) {
	d.clock, d.tx = s.Clock(), s.Outlet("tx")
	d.timer = s.Timer(func() {
		d.state.N++
		d.tx.Write(bytes.Repeat([]byte{'a' + d.state.N%5}, d.bytes))
		d.timer.At(d.clock.Now() + 37)
	})
}

// ticking records a toy whose console is a ticker; leaps pass over its ticks.
func ticking(t testing.TB, bytes int) *made {
	r := &made{console: "tick/tx", build: func(ram []byte, _ vmm.Engine) *vmm.Machine {
		m := tapetest.Over(mem.New(ram), vmm.Config{})
		m.Plug(vmm.Place{Name: "tick"}, &ticker{bytes: bytes})
		return m
	}}
	m := r.build(make([]byte, 64*mem.PageBytes), nil)
	m.Door = tapetest.NewLive(3)
	r.record(t, m, 30_000)
	return r
}

// A live door hands out keys and leaps when it likes, several at once.
type live struct {
	rng  *rand.Rand
	next vmm.Instant
	n    int
	keys int
}

func (d *live) Horizon(now vmm.Instant) vmm.Instant {
	return max(now+1, min(d.next, now+1+vmm.Instant(d.rng.Uint64N(5000))))
}

func (d *live) Idle(now, until vmm.Instant) vmm.Instant {
	return min(until, now+1+vmm.Instant(d.rng.Uint64N(4000)))
}

func (d *live) Next(now vmm.Instant) (in vmm.Input, ok bool) {
	if now < d.next {
		return in, false
	}
	if d.rng.IntN(4) != 0 {
		d.next = now + 1 + vmm.Instant(d.rng.Uint64N(40_000))
	}
	d.n++
	const typed = "rkdx"
	in = vmm.Input{At: now, Inlet: "com1/rx", Data: []byte{typed[d.rng.IntN(len(typed))]}}
	switch {
	case d.n > d.keys:
		in.Data = []byte("q")
	case d.rng.IntN(4) == 0:
		in.Inlet, in.Data = vmm.InletLeap, binary.LittleEndian.AppendUint64(nil, d.rng.Uint64N(20_000))
	}
	return in, true
}
