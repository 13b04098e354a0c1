package main

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
	"vmrecord/vmm/timeline"
)

var ops = flag.Int("ops", 250, "random operations for each engine")

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorded is our bare guest and a user who types whatever comes, recorded in
// memory.
func recorded(t testing.TB) *recording {
	t.Helper()
	spec := machine.Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("07", 16), Control: true, MaxRecordings: 1 << 20}
	m, free, err := spec.Build(1_790_000_000, 7)
	ok(t, err)
	defer free()
	ok(t, pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{APIC: true, Keys: true, Work: 20_000})}))
	door := tapetest.NewLive(5)
	door.Often = 20_000
	m.Door = door
	ram, start := bytes.Clone(m.Mem.B), m.Save()
	var out bytes.Buffer
	rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 100_000})
	ok(t, err)
	m.OnOutput(machine.ConsoleOut, rec.Console)
	for end := vmm.Instant(4_000_000); m.Now() < end; {
		switch e := m.Run(end); e {
		case vmm.Beat:
			rec.Beat()
		case vmm.Control:
			m.TakeControl()
			rec.Mark("asked")
		case vmm.Reached:
		default:
			end = m.Now()
		}
	}
	_, err = rec.Stop(true, false, "off")
	ok(t, err)
	return &recording{end: m.Position(), fresh: func(e machine.Maker) (*timeline.Run, error) {
		m, free, err := spec.BuildOn(e, 1_790_000_000, 7)
		if err != nil {
			return nil, err
		}
		m.Mem.Write(0, ram)
		if err := m.Load(start); err != nil {
			return nil, err
		}
		in, err := tape.NewReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			return nil, err
		}
		p, err := tape.NewPlayer(m, in)
		return &timeline.Run{Machine: m, Player: p, Console: machine.ConsoleOut, Close: func() error { free(); return nil }}, err
	}}
}

// Wherever one goes in a recording of our bare guest, all is as it is on the way
// straight through; and what is not is noticed.
func TestWalk(t *testing.T) {
	r := recorded(t)
	for _, e := range []machine.Engine{machine.Interp, machine.Auto} {
		o := options{every: 200_000, memory: timeline.DefaultMemory, engine: machine.EngineFlags{Engine: e}}
		l, err := o.line(t.Context(), r)
		ok(t, err)
		w := &walk{t: l, rng: rand.New(rand.NewPCG(1, 0)), reach: 100_000}
		ok(t, w.run(t.Context(), *ops, func(int) {}))
		ok(t, l.Close())
		wrong, err := r.straight(w.visits)
		if err != nil || len(wrong) > 0 {
			t.Fatalf("%s: %v %s", e, err, strings.Join(wrong, "\n"))
		}
		some := map[string]int{} // seek, step, next, last
		for _, v := range w.visits {
			some[strings.Fields(v.op)[0]]++
		}
		if len(some) != 4 {
			t.Errorf("not all kinds of operations: %v", some)
		}
		for i, spoil := range []func(*visit){
			func(v *visit) { v.state.memory[5] ^= 1 },
			func(v *visit) { v.state.total++ },
			func(v *visit) { v.state.retired-- },
			func(v *visit) { v.state.console[0]++ },
			func(v *visit) { v.pos.Inputs += 1000 },
		} {
			v := w.visits[len(w.visits)/2]
			spoil(&v)
			if wrong, err := r.straight([]visit{w.visits[0], v}); err != nil || len(wrong) != 1 {
				t.Errorf("spoiled %d is not noticed: %v %v", i, err, wrong)
			}
		}
	}
}
