package tape_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

// A made is a recording in memory.
type made struct {
	secs   []vmm.Section
	ram    []byte
	tape   []byte
	foot   tape.Footer
	marks  string
	middle vmm.Position
}

const pages = 96

// record runs a machine for a while, then records it for about n instants.
func record(t testing.TB, seed uint64, n vmm.Instant) *made {
	m := tapetest.New(pages)
	d := tapetest.NewLive(seed)
	m.Door = d
	m.Run(5000)
	r := new(made)
	r.secs, r.ram = m.Save(), bytes.Clone(m.Mem.B)
	var out bytes.Buffer
	rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 1000, Keys: func(in vmm.Input) uint64 {
		if in.Inlet == tapetest.Inlet {
			return uint64(len(in.Data))
		}
		return 0
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.OnOutput(tapetest.Outlet, rec.Console)
	end, asked := m.Now()+n, false
	for m.Now() < end {
		if !asked && m.Now() > end-n/2 {
			d.Ask, asked = []byte{tapetest.Control}, true
		}
		switch e := m.Run(min(end, m.Now()+777)); e {
		case vmm.Beat:
			rec.Beat()
		case vmm.Control:
			m.TakeControl()
			rec.Mark("here")
			rec.Attr("k", "v")
			r.middle = m.Position()
			r.marks += "mark here attr k=v "
		case vmm.Reached:
		default:
			t.Fatal("exit", e)
		}
	}
	rec.Fail("oops")
	r.marks += "fail oops "
	if r.foot, err = rec.Stop(true, false, "failed"); err != nil {
		t.Fatal(err)
	}
	r.tape = out.Bytes()
	return r
}

// machine is a fresh one in the state at the start.
func (r *made) machine(t testing.TB) *vmm.Machine {
	m := tapetest.Over(mem.New(bytes.Clone(r.ram)), vmm.Config{Epoch: 1_700_000_000})
	if err := m.Load(r.secs); err != nil {
		t.Fatal(err)
	}
	return m
}

// play replays to the end.
func (r *made) play(t testing.TB, log []byte, slice vmm.Instant) (tape.Played, error) {
	m := r.machine(t)
	m.Slice = slice
	tr, err := tape.NewReader(bytes.NewReader(log))
	if err != nil {
		return tape.Played{}, err
	}
	p, err := tape.NewPlayer(m, tr)
	if err != nil {
		return tape.Played{}, err
	}
	var marks string
	p.OnMark = func(k tape.MarkKind, s string) { marks += fmt.Sprintf("%v %s ", k, s) }
	for err == nil && !p.Ended() {
		_, err = p.Run(vmm.Position{At: m.Now() + 4321, Inputs: tape.All})
	}
	if err == nil && !p.Played().Truncated && marks != r.marks {
		t.Errorf("marks %q, want %q", marks, r.marks)
	}
	return p.Played(), err
}

func TestReplayEqualsRecording(t *testing.T) {
	for seed := range uint64(6) {
		r := record(t, seed, 60_000)
		if r.middle.At == 0 || r.foot.Frames.Inputs < 20 || r.foot.Frames.Heartbeats < 20 || r.foot.Frames.Keys < 20 {
			t.Fatalf("seed %d: dull recording %+v", seed, r.foot)
		}
		for _, slice := range []vmm.Instant{0, 1, 3, 97, 5000} {
			p, err := r.play(t, r.tape, slice)
			if err != nil {
				t.Fatalf("seed %d, slices of %d: %v", seed, slice, err)
			}
			if p.End != r.foot.End || p.Heartbeats != r.foot.Frames.Heartbeats || p.Inputs != r.foot.Frames.Inputs || p.Truncated {
				t.Errorf("seed %d, slices of %d: %+v, recorded %+v", seed, slice, p, r.foot)
			}
		}
	}
}

func TestStopAtPosition(t *testing.T) {
	r := record(t, 1, 30_000)
	frames := readAll(t, r.tape)
	for _, f := range frames[1:] {
		m := r.machine(t)
		tr, _ := tape.NewReader(bytes.NewReader(r.tape))
		p, err := tape.NewPlayer(m, tr)
		if err != nil {
			t.Fatal(err)
		}
		if f.Pos.At == 0 {
			continue
		}
		if _, err = p.Run(f.Pos); err != nil || m.Position() != f.Pos {
			t.Fatalf("at %v, want %v: %v", m.Position(), f.Pos, err)
		}
		if _, err = p.Run(vmm.Position{At: vmm.Never - 1, Inputs: tape.All}); err != nil || p.Played().End != r.foot.End {
			t.Fatalf("continued from %v: %v", f.Pos, err)
		}
	}
}

func readAll(t testing.TB, b []byte) []tape.Frame {
	fs, err := tapetest.Frames(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func rewrite(t testing.TB, fs []tape.Frame) []byte {
	b, err := tapetest.Rewrite(fs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRewriteIsIdentity(t *testing.T) {
	r := record(t, 3, 30_000)
	fs := readAll(t, r.tape)
	if !bytes.Equal(rewrite(t, fs), r.tape) {
		t.Error("reading and writing a tape changed it")
	}
}

func TestRemovedInputDiverges(t *testing.T) {
	r := record(t, 3, 30_000)
	fs := readAll(t, r.tape)
	tried := 0
	for i, f := range fs {
		if f.Kind != tape.KindInput {
			continue
		}
		tried++
		_, err := r.play(t, rewrite(t, append(append([]tape.Frame(nil), fs[:i]...), fs[i+1:]...)), 0)
		var d *tape.Divergence
		if !errors.As(err, &d) || d.Section == "" || d.Bad.At < d.Good.At || d.Good.At > f.Pos.At {
			t.Errorf("without the input at %v: %v", f.Pos, err)
		}
	}
	t.Logf("%d inputs removed, one at a time", tried)
}

func TestFlippedBitDiverges(t *testing.T) {
	r := record(t, 4, 30_000)
	for _, at := range []int{8, 5 * mem.PageBytes, 63*mem.PageBytes + 800, pages*mem.PageBytes - 1} {
		bad := *r
		bad.ram = bytes.Clone(r.ram)
		bad.ram[at] ^= 1
		// The snapshot's own digests: the RAM root in the first heartbeat.
		root := mem.New(bytes.Clone(bad.ram)).Root()
		fs := readAll(t, r.tape)
		fs[1].Beat.Root = root
		_, err := bad.play(t, rewrite(t, fs), 0)
		var d *tape.Divergence
		if !errors.As(err, &d) || d.Section == "" {
			t.Errorf("bit flipped at %#x: %v", at, err)
		}
		t.Log(err)
	}
}

func TestDivergenceNamesField(t *testing.T) {
	r := record(t, 5, 10_000)
	fs := readAll(t, r.tape)
	for i, f := range fs {
		if f.Kind == tape.KindState && f.Footer == nil {
			f.State[0][8] ^= 4 // R[1], little-endian
			fs[i] = f
			break
		}
	}
	_, err := r.play(t, rewrite(t, fs), 0)
	var d *tape.Divergence
	if !errors.As(err, &d) || d.Section != "cpu" || d.Field != "R[1]" || d.Want == d.Got {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(err.Error(), "cpu.R[1]: recorded 0x") {
		t.Error(err)
	}
}

// A flipped byte anywhere is a named error; the tape up to it still plays.
func TestFlippedBytes(t *testing.T) {
	r := record(t, 6, 20_000)
	rng := rand.New(rand.NewPCG(6, 6))
	for range 200 {
		at := rng.IntN(len(r.tape))
		b := bytes.Clone(r.tape)
		b[at] ^= byte(1 + rng.IntN(255))
		_, err := r.play(t, b, 0)
		var d *tape.Divergence
		var dam *tape.DamageError
		var v *tape.VersionError
		// A length grown by the flip may reach past the end.
		if !errors.As(err, &d) && !errors.As(err, &dam) && !errors.As(err, &v) {
			if p, err := r.play(t, b, 0); err != nil || !p.Truncated {
				t.Errorf("byte %d flipped: %v", at, err)
			}
		}
	}
}

func TestTruncatedPlaysToItsLastWholeFrame(t *testing.T) {
	r := record(t, 7, 20_000)
	for n := len(r.tape) - 1; n > 0; n -= 61 {
		p, err := r.play(t, r.tape[:n], 0)
		if errors.Is(err, tape.ErrTruncated) { // within the header
			continue
		}
		if err != nil || !p.Truncated || p.Footer != nil {
			t.Fatalf("cut at %d: %+v, %v", n, p, err)
		}
	}
}

func TestWrongMachine(t *testing.T) {
	r := record(t, 8, 3000)
	fs := readAll(t, r.tape)
	for _, c := range []struct {
		name, want string
		f          func(*tape.Header)
	}{
		{"model", "recorded on model", func(h *tape.Header) { h.Model++ }},
		{"rate", "Hz", func(h *tape.Header) { h.Hz++ }},
		{"memory", "bytes of memory", func(h *tape.Header) { h.Memory *= 2 }},
		{"inlets", "other devices", func(h *tape.Header) { h.Inlets = append(h.Inlets, "x/y") }},
		{"retired", "retired", func(h *tape.Header) { h.Retired++ }},
		{"position", "Now", func(h *tape.Header) { h.Start.At-- }},
	} {
		h := *fs[0].Header
		c.f(&h)
		_, err := r.play(t, rewrite(t, append([]tape.Frame{{Header: &h}}, fs[1:2]...)), 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The processor's inlet stands on tapes that may need it, and only there.
func TestEntropyOnTape(t *testing.T) {
	for _, c := range []struct {
		stirs, stirred bool
		err            string
	}{{false, false, ""}, {true, false, ""}, {true, true, ""}, {false, true, "cpu/entropy"}} {
		m := tapetest.New(9)
		m.Door = tapetest.NewLive(9)
		start, ram := m.Save(), bytes.Clone(m.Mem.B)
		var out bytes.Buffer
		rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 500, Stirs: c.stirs})
		if err != nil {
			t.Fatal(err)
		}
		if c.stirred {
			in := vmm.Input{At: m.Now(), Inlet: vmm.InletEntropy, Data: []byte("fresh")}
			m.OnInput(in)
			m.Deliver(in)
		}
		for m.Now() < 3000 {
			if m.Run(3000) == vmm.Beat {
				rec.Beat()
			}
		}
		rand := m.CPU.Rand
		if _, err = rec.Stop(true, false, ""); c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		again := tapetest.New(9)
		copy(again.Mem.B, ram)
		if err := errors.Join(err, again.Load(start)); err != nil {
			t.Fatal(err)
		}
		in, err := tape.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tape.NewPlayer(again, in)
		if err == nil {
			_, err = p.Run(vmm.Position{At: vmm.Never - 1, Inputs: tape.All})
		}
		if err != nil || !p.Ended() || p.Played().Footer == nil || again.CPU.Rand != rand {
			t.Errorf("%+v: %+v, %v", c, p, err)
		}
	}
}

// A failing disk makes a writer silent, not the guest.
func TestWriteErrorStays(t *testing.T) {
	m := tapetest.New(8)
	m.Door = tapetest.NewLive(1)
	rec, err := tape.NewRecorder(m, &limited{n: 700}, tape.Options{Period: 500})
	if err != nil {
		t.Fatal(err)
	}
	for m.Now() < 20_000 {
		if m.Run(20_000) == vmm.Beat {
			rec.Beat()
		}
	}
	if _, err := rec.Stop(true, false, ""); err == nil || rec.Err() == nil {
		t.Error("no error")
	}
}

type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if l.n -= len(p); l.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func FuzzReader(f *testing.F) {
	r := record(f, 9, 2000)
	f.Add(r.tape)
	f.Add(r.tape[:len(r.tape)/2])
	f.Add([]byte("VMTAPE1\n\x01\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := tape.NewReader(bytes.NewReader(b))
		for n := 0; err == nil; n++ {
			if _, err = tr.Next(); n > len(b) {
				t.Fatal("more frames than bytes")
			}
		}
	})
}

// FuzzFrames damages payloads behind correct CRCs.
func FuzzFrames(f *testing.F) {
	f.Add(uint8(3), []byte{1, 2, 3, 4})
	f.Add(uint8(7), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		var out bytes.Buffer
		w, err := tape.NewWriter(&out, tape.Header{Period: 1, Hz: 1, Sections: []string{"a", "b"}, Inlets: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		w.Raw(tape.Kind(kind), payload)
		if binary.MaxVarintLen64+len(payload) > 1<<20 {
			return
		}
		r, err := tape.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		r.Next()
	})
}
