package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// recorded is our own guest's first instants, as a timeline on an engine.
func recorded(t *testing.T, fresh func() vmm.Engine) *timeline.Timeline {
	t.Helper()
	m := guestRun(t, interp.New()).Machine
	secs, ram := m.Save(), bytes.Clone(m.Mem.B)
	var out bytes.Buffer
	rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 1 << 15})
	ok(t, err)
	for m.Now() < 400_000 {
		switch e := m.Run(400_000); e {
		case vmm.Beat:
			rec.Beat()
		case vmm.Control:
			m.TakeControl()
		case vmm.Reached:
		default:
			t.Fatalf("exit %d: %v", e, m.Err())
		}
	}
	_, err = rec.Stop(true, false, "enough")
	ok(t, err)
	again := func() (*timeline.Run, error) {
		b := pc.New(mem.New(bytes.Clone(ram)), pc.Options{Hz: hz, Epoch: 1_790_000_000, DebugExit: true})
		m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: fresh()}
		if err := m.Load(secs); err != nil {
			return nil, err
		}
		in, err := tape.NewReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			return nil, err
		}
		p, err := tape.NewPlayer(m, in)
		return &timeline.Run{Machine: m, Player: p, Close: m.Engine.Close}, err
	}
	line, err := timeline.Open(t.Context(), again, timeline.Options{End: m.Position()})
	ok(t, err)
	t.Cleanup(func() { ok(t, line.Close()) })
	return line
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Machines side by side write what one writes, wherever their legs meet: within
// a REP too, of which the guest's beginning has many, and right before a fault.
func TestLegs(t *testing.T) {
	for name, e := range engines() {
		line := recorded(t, e)
		for _, o := range []Options{
			{What: Insn, To: vmm.Position{At: 9000}},
			{What: Insn, From: vmm.Position{At: 60_000}, To: vmm.Position{At: 75_000}, Regs: true, Mem: true},
			{What: Insn, From: vmm.Position{At: 100_000}, To: vmm.Position{At: 350_000}, Format: NDJSON},
			{What: Block, To: vmm.Position{At: 200_000, Inputs: tape.All}},
		} {
			var want bytes.Buffer
			ok(t, Write(t.Context(), guestRun(t, interp.New()), o, &want))
			for _, n := range []vmm.Instant{vmm.Instant(o.To.At-o.From.At)/40 + 1, 4999} {
				for o.Machines = range 4 {
					var got bytes.Buffer
					ok(t, inLegs(t.Context(), line, o, &got, n))
					if !bytes.Equal(got.Bytes(), want.Bytes()) || want.Len() == 0 {
						t.Errorf("%s, %s to %s in legs of %d on %d machines: %d bytes, want %d; %s", name, o.What, o.To, n, o.Machines, got.Len(), want.Len(),
							difference(got.Bytes(), want.Bytes()))
					}
				}
			}
		}
	}
}

// difference shows where two texts part.
func difference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%.300q instead of %.300q", a[max(0, i-200):], b[max(0, i-200):])
		}
	}
	return ""
}

// Window is Write, of every kind and format, and leaves the timeline of use.
func TestWindow(t *testing.T) {
	line := recorded(t, engines()["interp"])
	for _, f := range Formats() {
		for _, w := range []What{Insn, Block, Call, IRQ, IO} {
			o := Options{What: w, From: vmm.Position{At: 50_000}, To: vmm.Position{At: 90_000}, Format: f, Hz: hz}
			var want, got bytes.Buffer
			ok(t, Write(t.Context(), guestRun(t, interp.New()), o, &want))
			for range 2 {
				got.Reset()
				ok(t, Window(t.Context(), line, o, &got))
				if got.String() != want.String() {
					t.Errorf("%s as %s: %d bytes, want %d", w, f, got.Len(), want.Len())
				}
			}
		}
	}
}

// A failing tests' writer takes some bytes.
type failing int

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if *f -= failing(len(b)); *f < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// Where the output fails, or nobody wants it any more, all machines end.
func TestLegsEnd(t *testing.T) {
	line := recorded(t, engines()["interp"])
	o := Options{What: Insn, To: vmm.Position{At: 300_000}, Machines: 2}
	for _, room := range []failing{0, 1 << 16, 1 << 21} {
		if err := inLegs(t.Context(), line, o, &room, 3000); !errors.Is(err, errFull) {
			t.Errorf("%v, want %v", err, errFull)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(uint64, uint64) { cancel() }
	if err := inLegs(ctx, line, o, new(bytes.Buffer), 3000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
