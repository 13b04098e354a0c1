package host

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"vmrecord/vmm"
)

// A fakeClock moves only when it is told to, or waited for.
type fakeClock struct {
	now   time.Duration
	waits []time.Duration
	woken func() // what happens during a Wait; it then ends early
}

func (c *fakeClock) Now() time.Duration { return c.now }

func (c *fakeClock) Wait(t time.Duration, _ <-chan struct{}) {
	c.waits = append(c.waits, t)
	if c.woken != nil {
		f := c.woken
		c.woken = nil
		c.now += ms // the input comes 1 ms into the wait
		f()
		return
	}
	if t == forever {
		panic("waits forever")
	}
	c.now = t
}

const (
	ms  = time.Millisecond
	ims = vmm.DefaultHz / 1000 // instants in a millisecond
)

func newDoor(p Pace) (*Door, *fakeClock) {
	c := &fakeClock{now: time.Hour}
	return NewDoor(Config{Pace: p, Clock: c}), c
}

// all drains the door at one boundary and shows what came.
func all(d *Door, now vmm.Instant) string {
	var out []string
	for in, ok := d.Next(now); ok; in, ok = d.Next(now) {
		if in.Inlet == vmm.InletLeap {
			n := binary.LittleEndian.Uint64(in.Data)
			out = append(out, fmt.Sprintf("leap %d", n))
			now += vmm.Instant(n)
			continue
		}
		out = append(out, fmt.Sprintf("%s %q", in.Inlet, in.Data))
	}
	return strings.Join(out, ", ")
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestLaggingGuestLeaps(t *testing.T) {
	d, c := newDoor(Real)
	want(t, "at the start", all(d, 0), "")
	for _, s := range []struct {
		wall time.Duration
		now  vmm.Instant
		want string
	}{
		{100 * time.Microsecond, 1000, ""}, // too little to be worth an input
		{ms, 1000, fmt.Sprintf("leap %d", ims-1000)},
		{ms, ims, ""}, // caught up
		{10 * ms, ims, fmt.Sprintf("leap %d", 2*ims)},
		{10 * ms, 3 * ims, fmt.Sprintf("leap %d", 2*ims)}, // one a turn
	} {
		c.now = time.Hour + s.wall
		d.Horizon(s.now)
		want(t, fmt.Sprint("at ", s.wall), all(d, s.now), s.want)
	}
	want(t, "same turn", all(d, 5*ims), "")
}

// Who is woken a little late does not leap: the next sleep is shorter.
func TestLateSleeper(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		busy time.Duration // behind that
		want string
	}{
		{0, ms, fmt.Sprintf("leap %d", ims)},
		{ms, 0, ""},
		{maxLate, 0, ""},
		{ms, ms, fmt.Sprintf("leap %d", 2*ims)},
		{maxLate + ms, 0, fmt.Sprintf("leap %d", 2*ims)},
		{time.Minute, 0, fmt.Sprintf("leap %d", 2*ims)},
	} {
		d, clock := newDoor(Real)
		clock.woken = func() { clock.now += 4*ms + c.late } // and one before
		want(t, fmt.Sprint("Idle, woken late by ", c.late), d.Idle(0, 5*ims), vmm.Instant(5*ims))
		clock.now += c.busy
		d.Horizon(5 * ims)
		want(t, fmt.Sprintf("late by %v, busy for %v", c.late, c.busy), all(d, 5*ims), c.want)
		if c.want != "" {
			continue
		}
		want(t, "Idle again", d.Idle(5*ims, 20*ims), vmm.Instant(20*ims))
		want(t, "waited until", clock.now, time.Hour+20*ms+1)
	}
}

// A guest that ran ahead does not pay it back: from there it waits as long as
// it asks for.
func TestGuestAheadIsTiedAnew(t *testing.T) {
	d, c := newDoor(Real)
	all(d, 0)
	c.now += ms
	all(d, 50*ims) // 49 ms ahead
	want(t, "Idle", d.Idle(50*ims, 53*ims), vmm.Instant(53*ims))
	want(t, "waited until", c.now, time.Hour+4*ms+1)
}

func TestIdle(t *testing.T) {
	for _, c := range []struct {
		pace  Pace
		until vmm.Instant
		want  vmm.Instant
		waits int
	}{
		{Real, 5 * ims, 5 * ims, 1},
		{Real, vmm.Never, vmm.Never, 0}, // nothing will ever come
		{Free, 5 * ims, 5 * ims, 0},
		{Free, vmm.Never, vmm.Never, 0},
		{Virtual, 5 * ims, 5 * ims, 0},
		{Virtual, vmm.Never, vmm.Never, 0},
	} {
		d, clock := newDoor(c.pace)
		want(t, fmt.Sprint(c.pace, " Idle until ", c.until), d.Idle(0, c.until), c.want)
		want(t, fmt.Sprint(c.pace, " waits"), len(clock.waits), c.waits)
	}
}

func TestInputEndsIdle(t *testing.T) {
	for _, c := range []struct {
		pace  Pace
		until vmm.Instant
		want  vmm.Instant
	}{
		{Real, 50 * ims, ims},
		{Real, vmm.Never, ims},
		{Free, vmm.Never, 0},
	} {
		d, clock := newDoor(c.pace)
		d.Hold()
		clock.woken = func() { d.Send("x/y", []byte("hi")) }
		want(t, fmt.Sprint(c.pace, " until ", c.until), d.Idle(0, c.until), c.want)
		want(t, "then", all(d, c.want), `x/y "hi"`)
	}
}

// Guest time stands still in a Halt: nothing leaps behind it, and keys of the
// script come as much later.
func TestHalt(t *testing.T) {
	d, c := newDoor(Real)
	s := d.Stream("x/y")
	s.Open()
	s.Announce([]byte{1})
	s.After(2*ms, []byte("k"))
	all(d, 0)
	c.now += ms
	d.Halt(func() { c.now += time.Minute })
	d.Horizon(ims)
	want(t, "behind the halt", all(d, ims), "")
	c.now += ms
	d.Horizon(2 * ims)
	want(t, "a millisecond later", all(d, 2*ims), `x/y "k"`)
}

// Call ends a sleep and is made once, at the next boundary.
func TestCall(t *testing.T) {
	for _, p := range []Pace{Real, Free, Virtual} {
		d, c := newDoor(p)
		d.Hold()
		n := 0
		call := func() { d.Call(func() { n++ }) }
		if c.woken = call; p == Virtual {
			call() // virtual sleep does not wait
		}
		d.Idle(0, vmm.Never)
		all(d, 0)
		all(d, 0)
		want(t, fmt.Sprint("calls at pace ", p), n, 1)
	}
}

// A source that ends without an input leaves a machine that nothing can wake.
func TestLastSourceGone(t *testing.T) {
	d, clock := newDoor(Real)
	s := d.Stream("com1/rx").Open()
	clock.woken = func() { _ = s.Close() }
	want(t, "Idle", d.Idle(0, vmm.Never), vmm.Never)
}

func TestStreamKeepsToTheSpace(t *testing.T) {
	d, _ := newDoor(Free)
	s := d.Stream("com1/rx")
	want(t, "nothing written", all(d, 0), "")
	if _, err := s.Write([]byte("abcdefgh")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		space int // announced before; -1: nothing
		want  string
	}{
		{-1, `com1/rx ""`}, // asks once
		{-1, ``},
		{0, ``},
		{3, `com1/rx "abc"`},
		{-1, ``},
		{1, `com1/rx "d"`},
		{16, `com1/rx "efgh"`},
		{16, ``},
	} {
		if c.space >= 0 {
			s.Announce([]byte{byte(c.space)})
		}
		want(t, fmt.Sprint("space ", c.space), all(d, 0), c.want)
	}
}

// A writer is held up while much is waiting, and let go when it is taken.
func TestStreamHoldsWriterUp(t *testing.T) {
	d, _ := newDoor(Free)
	s := d.Stream("com1/rx")
	if _, err := s.Write(make([]byte, maxWaiting+1)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { _, err := s.Write([]byte("x")); done <- err }()
	select {
	case <-done:
		t.Fatal("not held up")
	default:
	}
	for n := 0; n < 8; n++ {
		s.Announce([]byte{255})
		all(d, 0)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	d.Close()
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("writes after Close")
	}
}

func TestVirtualTakesTheScriptOnly(t *testing.T) {
	d, c := newDoor(Virtual)
	s := d.Stream("com1/rx")
	s.At(30, []byte("b"))
	s.At(20, []byte("a"))
	s.Announce([]byte{16})
	want(t, "Send", d.Send("x/y", nil), false)
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("a host's key enters a virtual run")
	}
	c.now += time.Hour // and no clock
	want(t, "before", all(d, 19), "")
	want(t, "horizon", d.Horizon(19), vmm.Instant(20))
	want(t, "idle", d.Idle(19, vmm.Never), vmm.Instant(20))
	want(t, "first", all(d, 20), `com1/rx "a"`)
	want(t, "second, late", all(d, 35), `com1/rx "b"`)
	want(t, "end", d.Idle(35, vmm.Never), vmm.Never)
}

func TestPlay(t *testing.T) {
	sc, err := ParseScript("2ms \"a\"\n+1ms \"b\"")
	if err != nil {
		t.Fatal(err)
	}
	d, c := newDoor(Real)
	s := d.Stream("com1/rx")
	s.Announce([]byte{16})
	s.Play(sc.Keys, 0)
	want(t, "idle for the first", d.Idle(0, vmm.Never), vmm.Instant(2*ims))
	want(t, "wall", c.now, time.Hour+2*ms)
	want(t, "first", all(d, 2*ims), `com1/rx "a"`)
	d, _ = newDoor(Free)
	s = d.Stream("com1/rx")
	s.Announce([]byte{16})
	s.Play(sc.Keys, 100)
	want(t, "fixed", d.Idle(100, vmm.Never), vmm.Instant(100+2*ims))
}

// The turn grows with the measured speed, is not fooled by leaps or sleep, and
// stays within bounds.
func TestTurnFollowsSpeed(t *testing.T) {
	run := func(perMS vmm.Instant) vmm.Instant {
		d, c := newDoor(Real)
		now := vmm.Instant(0)
		for range 200 {
			for in, ok := d.Next(now); ok; in, ok = d.Next(now) {
				now += vmm.Instant(binary.LittleEndian.Uint64(in.Data))
			}
			n := d.Horizon(now) - now
			c.now += time.Duration(uint64(n) * uint64(ms) / uint64(perMS))
			now += n
			if d.turn > maxTurn || d.turn < minTurn {
				t.Fatalf("turn %d", d.turn)
			}
		}
		return d.turn
	}
	for _, v := range []vmm.Instant{60_000, 150_000, 2_000_000} {
		if got := run(v); got < v*9/10 || got > v*11/10 {
			t.Errorf("at %d a millisecond the turn is %d", v, got)
		}
	}
	want(t, "fast", run(1e9), vmm.Instant(maxTurn))
	want(t, "slow", run(10), vmm.Instant(minTurn))
}

func TestQuit(t *testing.T) {
	d, clock := newDoor(Real)
	d.Hold()
	stopped := false
	d.OnQuit(func() { stopped = true })
	all(d, 0)
	want(t, "before", stopped, false)
	clock.woken = d.Quit
	d.Idle(0, vmm.Never)
	all(d, 0)
	want(t, "after", stopped && d.Quitting(), true)
}

func TestQueueIsBounded(t *testing.T) {
	d, _ := newDoor(Free)
	n := 0
	for d.Send("x/y", nil) {
		n++
	}
	want(t, "queued", n, maxQueue)
}

// What comes first comes first, at every pace, and the machine's clock is tied
// behind it.
func TestFirst(t *testing.T) {
	for p, want := range map[Pace]string{Real: `a "1", leap 400, b "2", com1/rx "", c "3"`, Virtual: `a "1", leap 400, b "2", com1/rx ""`} {
		d, _ := newDoor(p)
		d.First(vmm.Input{Inlet: "a", Data: []byte("1")},
			vmm.Input{Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, 400)},
			vmm.Input{Inlet: "b", Data: []byte("2")})
		d.Stream("com1/rx").At(0, []byte("x"))
		d.Send("c", []byte("3"))
		if got := all(d, 5); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
		if got := all(d, 500); got != "" {
			t.Errorf("%s: then %s", p, got)
		}
	}
}

// Before a machine knows its door, its owner waits for what comes, or for a time.
func TestAwait(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(d *Door, s *Stream)
		want bool
	}{
		{"nothing", nil, false},
		{"a key", func(_ *Door, s *Stream) { s.Write([]byte("k")) }, true},
		{"an input", func(d *Door, _ *Stream) { d.Send("a", nil) }, true},
		{"the end", func(d *Door, _ *Stream) { d.Quit() }, true},
		{"somebody who may type", func(_ *Door, s *Stream) { s.Open() }, false},
	} {
		d, clock := newDoor(Real)
		s := d.Stream("com1/rx")
		until := clock.now + 10*ms
		if c.do != nil {
			clock.woken = func() { c.do(d, s) }
		}
		if got := d.Await(until); got != c.want || !got && clock.now != until || got && clock.now != until-9*ms {
			t.Errorf("%s: %t at %s", c.name, got, clock.now-until)
		}
		if got := d.Await(clock.now - ms); got != c.want {
			t.Errorf("%s, asked again: %t", c.name, got)
		}
	}
}
