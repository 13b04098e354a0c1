package linuxtest

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/jit"
)

// TestRecordBoot records the first part of a boot, from the first instant.
func TestRecordBoot(t *testing.T) {
	for _, c := range []struct {
		pace    host.Pace
		retired uint64
		inputs  uint64 // at least
	}{{host.Virtual, 250e6, 2}, {host.Real, 100e6, 20}} {
		t.Run(c.pace.String(), func(t *testing.T) {
			g := boot(t, quick)
			keys := g.connect(c.pace)
			keys.Play([]host.Key{{At: 10 * time.Millisecond, Data: []byte("one")}, {At: 30 * time.Millisecond, Data: []byte("two")},
				{At: 50 * time.Millisecond, Data: []byte("three")}}, 0)
			same(t, g, 1<<22, func() bool { return g.Retired() >= c.retired }, c.inputs)
		})
	}
}

// TestAhead boots two machines, and hashes the memory of one ahead of a recording:
// they are in the same state.
func TestAhead(t *testing.T) {
	a, b := boot(t, quick), boot(t, quick)
	a.Door, b.Door = new(vmm.Scripted), new(vmm.Scripted)
	var ahead recording.Ahead
	for at := vmm.Instant(piece); at < 250e6; at += piece {
		ahead.Slice(a.Machine)
		a.to(t, at)
		b.to(t, at)
	}
	if got, want := a.state(), b.state(); got != want {
		t.Errorf("hashed ahead:\n%s\nwant\n%s", got, want)
	}
}

// TestRingBoot saves a piece out of the middle of a boot that is always recorded.
func TestRingBoot(t *testing.T) {
	g := boot(t, quick)
	g.connect(host.Virtual)
	shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := shelf.StartRing(g.Machine, recording.RingOptions{MinAge: 30e6, Epoch: 10e6, After: 10e6, MaxBytes: 1 << 30,
		Options: recording.Options{Period: 1 << 22, Seed: seed, Meta: recording.Meta{Machine: spec.Text(), Console: machine.ConsoleOut}}})
	if err != nil {
		t.Fatal(err)
	}
	g.OnOutput(machine.ConsoleOut, func(p []byte) { g.tx.Write(p); r.Console(p) })
	var saved []recording.News
	for asked := false; len(saved) == 0; {
		switch e := g.Run(g.Now() + piece); e {
		case vmm.Beat:
			r.Beat()
		case vmm.Reached:
		default:
			t.Fatalf("exit %d at %s: %v\n%s", e, g.Position(), g.Err(), tail(g.tx.Bytes()))
		}
		if _, err := r.Slice(); err != nil {
			t.Fatal(err)
		}
		if !asked && g.Retired() >= 100e6 {
			asked = true
			r.Save("here")
		}
		saved, _ = r.News()
	}
	if s := saved[0].Saved; saved[0].Err != nil || s.End.At-s.Start.At < 40e6 {
		t.Fatalf("%+v", saved)
	}
	r.Stop()
	r.Wait()
	replays(t, shelf, saved[0].Saved, 0)
}

// recorded records, at real pace, a user who types, until the guest is off.
func recorded(t *testing.T, ready *guest) {
	g := ready.fork(t)
	var keys []host.Key
	for i, k := range "some keys, then O" {
		keys = append(keys, host.Key{At: time.Duration(i) * 20 * time.Millisecond, Data: []byte(string(k))})
	}
	g.connect(host.Real).Play(keys, 0)
	same(t, g, 1<<15, func() bool { return false }, uint64(len(keys)))
}

// same records g until it is done or stops, with a heartbeat every so many
// instructions, and replays the bundle.
func same(t *testing.T, g *guest, period uint64, done func() bool, inputs uint64) {
	t.Helper()
	shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := shelf.Start(g.Machine, recording.Options{Period: period, Seed: seed,
		Meta: recording.Meta{Machine: spec.Text(), Console: machine.ConsoleOut}})
	if err != nil {
		t.Fatal(err)
	}
	g.OnOutput(machine.ConsoleOut, func(p []byte) { g.tx.Write(p); r.Console(p) })
	for !done() {
		e := g.Run(g.Now() + piece)
		if e == vmm.Beat {
			r.Beat()
		}
		if r.Slice(); e == vmm.Stopped {
			break
		}
		if e != vmm.Beat && e != vmm.Reached {
			t.Fatalf("exit %d at %s: %v\n%s", e, g.Position(), g.Err(), tail(g.tx.Bytes()))
		}
	}
	sum, err := r.Stop(true, "the test has what it wants")
	if err != nil {
		t.Fatal(err)
	}
	replays(t, shelf, sum, inputs)
}

// replays packs a recording of at least so many inputs and replays the bundle,
// on both engines, the translating one also as on the poorest and strangest host.
func replays(t *testing.T, shelf *recording.Shelf, sum recording.Summary, inputs uint64) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "linux.vmb")
	p, err := bundle.Pack(shelf.Dir(sum.Name), name, bundle.PackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := shelf.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d M instants, %d M instructions, %d inputs, %d heartbeats, tape and bundle %d bytes",
		(sum.End.At-sum.Start.At)/1e6, sum.Retired/1e6, sum.Inputs, sum.Heartbeats, p.Bytes)
	if sum.Inputs < inputs || sum.Heartbeats < 10 {
		t.Errorf("%d inputs and %d heartbeats, want %d and 10 or more", sum.Inputs, sum.Heartbeats, inputs)
	}
	poorest := machine.EngineFlags{Options: jit.Options{Without: jit.AllFeatures, Poison: 1}}
	for _, on := range []struct {
		engine machine.Maker
		slice  vmm.Instant
	}{{machine.Auto, 0}, {machine.Interp, 100_009}, {poorest, 1009}} {
		res := play(t, name, on.engine, on.slice)
		if !res.Identical || res.EndHash != sum.EndHash || res.InputsDelivered != sum.Inputs ||
			res.HeartbeatsCompared != sum.Heartbeats || res.ConsoleBytes != sum.ConsoleBytes {
			t.Errorf("%+v: %+v, want %+v", on, res, sum)
		}
	}
}

// play replays a bundle in a new machine.
func play(t *testing.T, name string, engine machine.Maker, slice vmm.Instant) replay.Result {
	t.Helper()
	b, err := bundle.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var free func()
	r, err := replay.Open(b, machine.Replayed(engine, &free))
	t.Cleanup(free)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Run(context.Background(), replay.Options{Slice: slice})
	if err != nil {
		t.Errorf("slices of %d: %v", slice, err)
	}
	return res
}
