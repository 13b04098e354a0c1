package timeline_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
	"vmrecord/vmm/timeline"
)

var ops = flag.Int("ops", 500, "random operations for each engine and budget")

// state is everything about a machine.
func state(m *vmm.Machine) string {
	_, total := m.Digests()
	return fmt.Sprintf("retired %d, total %016x, memory %x", m.Retired(), total, m.Mem.Root())
}

// A visit is where a timeline was, and what it showed there.
type visit struct {
	at    vmm.Position
	state string
	op    string
}

// visited is the visit where a timeline stands.
func visited(l *timeline.Timeline, op string) visit {
	return visit{l.Position(), fmt.Sprintf("%s, console %q", state(l.Machine()), l.Text()), op}
}

// straight compares visits with a replay that only goes forward.
func straight(t *testing.T, r *made, visits []visit) {
	t.Helper()
	run, err := r.fresh(engines()["interp"])()
	ok(t, err)
	slices.SortFunc(visits, func(a, b visit) int { return a.at.Compare(b.at) })
	last := vmm.Position{At: vmm.Never}
	want, text := "", []byte{}
	run.Machine.OnOutput(r.console, func(b []byte) { text = append(text, b...) })
	for _, v := range visits {
		if v.at != last {
			_, err := run.Player.Run(v.at)
			ok(t, err)
			last, want = v.at, fmt.Sprintf("%s, console %q", state(run.Machine), text[max(0, len(text)-timeline.TextBytes):])
		}
		if run.Machine.Position() != v.at || v.state != want {
			t.Fatalf("%s: at %v %s\nstraight at %v %s", v.op, v.at, v.state, run.Machine.Position(), want)
		}
	}
}

// Wherever one goes, and however, the machine is what it is in a straight
// replay: seeks, steps, steps back, on each engine, with room for checkpoints
// and without.
func TestAnyWayEqualsStraight(t *testing.T) {
	r := record(t, 2, 60)
	for name, e := range engines() {
		for _, o := range []timeline.Options{{Every: 40_000}, {Every: 5000, Memory: 2 << 20}, {Every: 40_000, Memory: 1}} {
			t.Run(fmt.Sprint(name, o.Memory), func(t *testing.T) {
				l := r.open(t, e, o)
				n := *ops
				if testing.Short() {
					n /= 5
				}
				switch o.Memory {
				case 0:
				case 1:
					n /= 10 // each from the start
				default:
					n /= 3
				}
				straight(t, r, wander(t, l, rand.New(rand.NewPCG(uint64(o.Every), 4)), n))
				if o.Memory == 1 && l.Checkpoints() != 1 || o.Memory > 1 && l.Bytes() > o.Memory {
					t.Errorf("%d checkpoints of %d bytes", l.Checkpoints(), l.Bytes())
				}
			})
		}
	}
}

// meter is one that says at each look that so much more was used.
func meter(tick time.Duration) func() time.Duration {
	used := time.Duration(0)
	return func() time.Duration { used += tick; return used }
}

// Where instructions take long, checkpoints stand closer, and where memory is short
// every second one goes all the same; everything can still be reached.
func TestCostlyStretches(t *testing.T) {
	r := record(t, 2, 60)
	const every = 160_000
	for _, c := range []struct {
		tick   time.Duration
		memory int64
		part   uint64 // of every between two of them, in 16ths
	}{{0, 0, 16}, {time.Millisecond, 0, 16}, {70 * time.Millisecond, 0, 4}, {time.Second, 0, 1}, {time.Second, 2 << 20, 1}} {
		l := r.open(t, engines()["interp"], timeline.Options{Every: every, Memory: c.memory, Used: meter(c.tick)})
		first := l.Machine().Retired()
		if _, err := l.Next(t.Context(), timeline.Query{Input: func(vmm.Input) bool { return false }}); !errors.Is(err, timeline.ErrNone) {
			t.Fatal(err)
		}
		n := uint64(l.Checkpoints())
		if want := 1 + (l.Machine().Retired()-first)/(c.part*every/16); c.memory == 0 && n != want || c.memory > 0 && (l.Bytes() > c.memory || n < 3) {
			t.Errorf("%+v: %d checkpoints of %d bytes, want %d", c, n, l.Bytes(), want)
		}
		straight(t, r, wander(t, l, rand.New(rand.NewPCG(every, 5)), *ops/25))
	}
}

// wander makes n random operations, and checks where they lead.
func wander(t *testing.T, l *timeline.Timeline, rng *rand.Rand, n int) (visits []visit) {
	ctx, span := t.Context(), uint64(l.End().At-l.Start().At)
	for range n {
		was, retired := l.Position(), l.Machine().Retired()
		near := 1 + rng.Int64N([]int64{2, 60, 5000}[rng.IntN(3)])
		if rng.IntN(2) == 0 {
			near = -near
		}
		var op string
		switch rng.IntN(4) {
		case 0:
			to := vmm.Position{At: l.Start().At + vmm.Instant(rng.Uint64N(span+1)), Inputs: tape.All}
			op = fmt.Sprint("seek ", to)
			ok(t, l.Seek(ctx, to))
			if now := l.Position(); now.At < to.At {
				t.Fatalf("%s: now at %v", op, now)
			}
		case 1, 2:
			op = fmt.Sprintf("step %d from %v", near, was)
			ok(t, l.Step(ctx, near))
			now := l.Position()
			want := int64(was.At) + near
			if near > 0 && now != l.End() && int64(now.At) < want || near < 0 && now != l.Start() && int64(now.At) > want {
				t.Fatalf("%s: now at %v", op, now)
			}
		case 3:
			op = fmt.Sprintf("step %d instructions from %v", near, was)
			ok(t, l.StepInsn(ctx, near))
			if now, want := l.Position(), int64(retired)+near; now != l.Start() && now != l.End() && int64(l.Machine().Retired()) != want {
				t.Fatalf("%s: now at %v, %d retired, want %d", op, now, l.Machine().Retired(), want)
			}
		}
		visits = append(visits, visited(l, op))
	}
	return visits
}

// Back into a leap is back to right before it, whatever inputs came at its end.
func TestBackOverLeap(t *testing.T) {
	r := record(t, 2, 60)
	fs, err := tapetest.Frames(bytes.NewReader(r.tape))
	ok(t, err)
	l, leaps := r.open(t, engines()["interp"], timeline.Options{Every: 50_000}), 0
	for _, f := range fs {
		if f.Input.Inlet != vmm.InletLeap || binary.LittleEndian.Uint64(f.Input.Data) < 2 {
			continue
		}
		n := vmm.Instant(binary.LittleEndian.Uint64(f.Input.Data))
		for _, inputs := range []uint64{f.Pos.Inputs + 1, tape.All} {
			for _, back := range []vmm.Instant{1, n - 1} {
				ok(t, l.Seek(t.Context(), vmm.Position{At: f.Pos.At + n, Inputs: inputs}))
				ok(t, l.Step(t.Context(), -int64(l.Position().At-f.Pos.At-n+back)))
				if leaps++; l.Position() != f.Pos {
					t.Errorf("%d back from the end of the leap at %v: at %v", back, f.Pos, l.Position())
				}
			}
		}
	}
	if leaps < 20 {
		t.Errorf("%d leaps", leaps)
	}
}

// Stepping back one by one from anywhere and forward again passes the same states.
func TestThereAndBack(t *testing.T) {
	r := record(t, 3, 30)
	for name, e := range engines() {
		l := r.open(t, e, timeline.Options{Every: 1 << 20})
		rng := rand.New(rand.NewPCG(5, 5))
		for range 5 {
			at := l.Start().At + 20_000 + vmm.Instant(rng.Uint64N(uint64(l.End().At-l.Start().At)-20_000))
			ok(t, l.Seek(t.Context(), vmm.Position{At: at, Inputs: tape.All}))
			var way []string
			for range 100 {
				ok(t, l.StepInsn(t.Context(), -1))
				way = append(way, fmt.Sprint(l.Position(), state(l.Machine())))
			}
			for _, want := range slices.Backward(way[:99]) {
				ok(t, l.StepInsn(t.Context(), 1))
				if got := fmt.Sprint(l.Position(), state(l.Machine())); got != want {
					t.Fatalf("%s from %v: %s\nwant %s", name, at, got, want)
				}
			}
		}
	}
}

// A divergence stops where it is seen, again and again, and does not spoil what
// lies before.
func TestDivergence(t *testing.T) {
	r := record(t, 4, 20)
	fs, err := tapetest.Frames(bytes.NewReader(r.tape))
	ok(t, err)
	i := slices.IndexFunc(fs, func(f tape.Frame) bool { return f.Pos.Inputs >= 10 && f.Input.Inlet == "com1/rx" })
	fs[i].Input.Data[0] ^= 1
	wrong := *r
	wrong.tape, err = tapetest.Rewrite(fs)
	ok(t, err)
	l := wrong.open(t, engines()["interp"], timeline.Options{Every: 10_000})
	for range 3 {
		err := l.Seek(t.Context(), l.End())
		if d := (*tape.Divergence)(nil); !errors.As(err, &d) || !fs[i].Pos.Before(d.Bad) || l.Position() != d.Bad {
			t.Fatalf("at %v: %v", l.Position(), err)
		}
		ok(t, l.Seek(t.Context(), fs[i].Pos))
		straight(t, r, []visit{visited(l, "before the divergence")})
	}
	if _, err := timeline.Open(t.Context(), wrong.fresh(engines()["interp"]), timeline.Options{End: r.end}); err != nil {
		t.Error(err)
	}
	wrong.ram = bytes.Clone(r.ram)
	wrong.ram[len(wrong.ram)-1]++
	_, err = timeline.Open(t.Context(), wrong.fresh(engines()["interp"]), timeline.Options{End: r.end})
	if d := (*tape.Divergence)(nil); !errors.As(err, &d) || d.Section != "ram" {
		t.Errorf("another memory: %v", err)
	}
}

// Of a long text the end is kept, wherever one comes from; and what there is of
// a way is told, to its end.
func TestLongText(t *testing.T) {
	r := ticking(t, 300)
	l := r.open(t, engines()["interp"], timeline.Options{Every: 3000})
	var told [2]uint64
	l.OnProgress(func(done, total uint64) {
		if done > total {
			t.Errorf("%d of %d", done, total)
		}
		told = [2]uint64{done, total}
	})
	visits := wander(t, l, rand.New(rand.NewPCG(6, 6)), 100)
	ok(t, l.Seek(t.Context(), l.End()))
	straight(t, r, append(visits, visited(l, "end")))
	if len(r.text) < 2*timeline.TextBytes || len(l.Text()) != timeline.TextBytes || told[0] == 0 || told[0] != told[1] {
		t.Errorf("%d bytes of %d, told %d", len(l.Text()), len(r.text), told)
	}
	run, err := l.Release()
	ok(t, err)
	if run.Machine.Position() != r.end {
		t.Errorf("the machine is at %v", run.Machine.Position())
	}
}

// A fragile engine gives up at an instant, for good.
type fragile struct {
	vmm.Engine
	at  vmm.Instant
	err error
}

func (f *fragile) Run(s *cpu.State, b *vmm.Board) vmm.Exit {
	if f.err != nil || b.Now() >= f.at {
		f.err = errors.New("enough")
		return vmm.Unknown
	}
	return f.Engine.Run(s, b)
}

func (f *fragile) Err() error { return f.err }

// Where an engine gave up another machine takes over.
func TestEngineGivesUp(t *testing.T) {
	r := record(t, 4, 10)
	made := 0
	l := r.open(t, func() vmm.Engine {
		if made++; made > 1 {
			return interp.New()
		}
		return &fragile{Engine: interp.New(), at: r.end.At / 2}
	}, timeline.Options{Every: 10_000})
	if err := l.Seek(t.Context(), l.End()); err == nil {
		t.Fatal("it did not")
	}
	ok(t, l.Seek(t.Context(), l.End()))
	straight(t, r, []visit{visited(l, "on another machine")})
	if made != 2 {
		t.Errorf("%d machines", made)
	}
}

// A context that ends does not spoil the timeline.
func TestCancel(t *testing.T) {
	r := record(t, 4, 20)
	l := r.open(t, engines()["interp"], timeline.Options{Every: 10_000})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Seek(ctx, l.End()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ok(t, l.Seek(t.Context(), l.End()))
	q := timeline.Query{Input: func(vmm.Input) bool { return true }}
	if _, err := l.Prev(ctx, q); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	_, err := l.Prev(t.Context(), q)
	ok(t, err)
	ok(t, l.Step(t.Context(), -1000))
	straight(t, r, []visit{visited(l, "after a cancelled seek and search")})
}

// There is nothing before the start, and behind the end is the end.
func TestEnds(t *testing.T) {
	r := record(t, 4, 5)
	l := r.open(t, engines()["interp"], timeline.Options{})
	var e *timeline.RangeError
	if err := l.Seek(t.Context(), vmm.Position{At: l.Start().At - 1, Inputs: tape.All}); !errors.As(err, &e) {
		t.Error(err)
	}
	if _, err := timeline.Open(t.Context(), r.fresh(engines()["interp"]), timeline.Options{}); !errors.As(err, &e) {
		t.Errorf("without an end: %v", err)
	}
	for _, c := range []struct {
		op   func() error
		want vmm.Position
	}{
		{func() error { return l.Step(t.Context(), -1) }, l.Start()},
		{func() error { return l.StepInsn(t.Context(), -1) }, l.Start()},
		{func() error { return l.StepInsn(t.Context(), math.MaxInt64) }, l.End()},
		{func() error { return l.StepInsn(t.Context(), 1) }, l.End()},
		{func() error { return l.Step(t.Context(), math.MaxInt64) }, l.End()},
		{func() error { return l.StepInsn(t.Context(), math.MinInt64) }, l.Start()},
		{func() error { return l.Seek(t.Context(), vmm.Position{At: vmm.Never}) }, l.End()},
		{func() error { return l.Step(t.Context(), math.MinInt64) }, l.Start()},
	} {
		if err := c.op(); err != nil || l.Position() != c.want {
			t.Fatalf("at %v, want %v: %v", l.Position(), c.want, err)
		}
	}
}
