package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/tape"
)

// A stageClock lets time pass as it is waited for; at the given wait somebody
// presses a key, and it stands until that has come.
type stageClock struct {
	now   time.Duration
	waits int
	press int // counted from 1
	key   func()
}

func (c *stageClock) Now() time.Duration { return c.now }

func (c *stageClock) Wait(t time.Duration, wake <-chan struct{}) {
	if c.waits++; c.waits == c.press {
		c.key()
	}
	if c.waits == c.press || t-c.now > time.Hour { // nothing but a key will come
		<-wake
		return
	}
	c.now = max(c.now, t)
}

// A stage is what the guest prints, and who answers it.
type stage struct {
	mu    sync.Mutex
	text  strings.Builder
	heard func(p []byte)
}

func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard != nil {
		s.heard(p)
	}
	return s.text.Write(p)
}

func (s *stage) when(heard func(p []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = heard
}

// A key at any point goes live at that instant: the state there is that of a
// replay straight to it, and the guest echoes the key. What happens then is
// recorded, and replays.
func TestTakeOver(t *testing.T) {
	const seed = 20_261_123
	branches(t)
	m := newMade(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	points := map[vmm.Position]bool{}
	for i := range 20 {
		press := 10 + rng.IntN(130) // of pieces of 0.1 ms
		name := fmt.Sprint("point-", i)
		at := takeOver(t, m.file, name, press)
		points[at] = true
		if i%7 == 0 {
			vmbundle(t, "", "replay", name).want(t, 0, "identical: ")
		}
		if t.Failed() {
			t.Fatalf("seed %d, point %d: at wait %d", seed, i, press)
		}
	}
	if len(points) < 15 {
		t.Errorf("only %d different points: %v", len(points), points)
	}
}

// takeOver replays at a hundredth of the guest's speed, presses a key at a wait,
// and sees the branch to its end.
func takeOver(t *testing.T, file, name string, press int) vmm.Position {
	t.Helper()
	b, err := open(file)
	ok(t, err)
	defer b.Close()
	in, typed, err := os.Pipe()
	ok(t, err)
	defer in.Close()
	defer typed.Close()
	say := func(k string) { _, err := typed.WriteString(k); ok(t, err) }
	out := new(stage)
	c := replayCommand()
	c.SetOut(out)
	c.SetErr(new(stage))
	clock := &stageClock{press: press, key: func() { say("z") }}
	br, err := newBranch(c, liveFlags{serial: "stdio", record: name}, file, b, in, clock)
	ok(t, err)
	var free func()
	r, err := replay.Open(b, machine.Replayed(machine.Auto, &free))
	ok(t, err)
	defer func() { free() }()
	br.pump()
	p := pilot{0.01, br.door}
	res, taken, err := p.play(context.Background(), r, replay.Options{Console: br.console})
	ok(t, err)
	here, hash := r.Machine().Position(), tape.EndHash(r.Machine())
	if !taken || clock.waits != press || res.Ended {
		t.Fatalf("taken %t after %d waits of %d: %+v", taken, clock.waits, press, res)
	}
	if straight := hashAt(t, file, here); straight != hash {
		t.Errorf("taken over at %s: %x, a straight replay %x", here, hash, straight)
	}
	once := sync.OnceFunc(func() { say("q") })
	echoed := false
	out.when(func(p []byte) {
		if strings.Contains(string(p), "z") { // no other text of the guest's has it
			echoed = true
			once()
		}
	})
	e, err := br.run(r.GoLive(br.door), "")
	ok(t, err)
	ok(t, br.close())
	if e.Outcome != "power-off" || !echoed {
		t.Errorf("taken over at %s: %+v, echo %t\n%s", here, e, echoed, out.text.String())
	}
	return here
}

// hashAt is the state's hash where a replay stands that went straight to a
// position.
func hashAt(t *testing.T, file string, at vmm.Position) [32]byte {
	t.Helper()
	b, err := open(file)
	ok(t, err)
	defer b.Close()
	var free func()
	r, err := replay.Open(b, machine.Replayed(machine.Auto, &free))
	ok(t, err)
	defer func() { free() }()
	_, err = r.Run(context.Background(), replay.Options{Until: &at})
	ok(t, err)
	return tape.EndHash(r.Machine())
}

// The speed is the guest's time on the wall clock, and nothing else changes.
func TestSpeed(t *testing.T) {
	m := newMade(t)
	for _, c := range []struct {
		speed string
		scale float64 // wall time for the guest's
	}{{"1x", 1}, {"0.5x", 2}, {"4x", 0.25}, {"max", 0}} {
		b, err := open(m.file)
		ok(t, err)
		defer b.Close()
		var s speed
		ok(t, s.Set(c.speed))
		if s.String() != c.speed {
			t.Errorf("%s reads %s", c.speed, &s)
		}
		var free func()
		r, err := replay.Open(b, machine.Replayed(machine.Auto, &free))
		ok(t, err)
		defer func() { free() }()
		clock := &stageClock{now: time.Hour}
		p := pilot{s, host.NewDoor(host.Config{Clock: clock})}
		res, taken, err := p.play(context.Background(), r, replay.Options{})
		ok(t, err)
		tp := b.Manifest().Tape
		want := time.Duration(c.scale * float64(tp.End.At-tp.Start.At) / float64(b.Manifest().Machine.Hz) * float64(time.Second))
		if took := clock.now - time.Hour; taken || !res.Identical || took < want-time.Microsecond || took > want+time.Microsecond {
			t.Errorf("%s: %s, want %s; %+v", c.speed, took, want, res)
		}
	}
	for _, bad := range []string{"", "x", "0", "-1x", "0.001x", "101x", "NaN", "1y"} {
		if new(speed).Set(bad) == nil {
			t.Errorf("%q is taken for a speed", bad)
		}
	}
}

// The verb: the first key, here one that waits already, goes live; without one
// the recording is played to its end.
func TestTakeOverVerb(t *testing.T) {
	branches(t)
	m := newMade(t)
	vmbundle(t, "zzq", "replay", m.file, "--takeover", "--record", "taken").want(t, 0, "● REPLAY at 1x", "● LIVE from ", "equal to the recording so far", "z", "● recorded taken")
	vmbundle(t, "", "replay", "taken").want(t, 0, "identical: ")
	vmbundle(t, "", "replay", m.file, "--takeover", "--speed", "4x").want(t, 0, "● REPLAY at 4x", "identical: ")
	vmbundle(t, "", "replay", m.file, "--speed", "4x").want(t, 0, "identical: ")
	for _, c := range []struct{ args, why string }{
		{"--record x", "--takeover"}, {"--seed 1", "--takeover"}, {"--speed 0x", "4x"}, {"--takeover --json", "looks on"},
	} {
		vmbundle(t, "", append([]string{"replay", m.file}, strings.Fields(c.args)...)...).want(t, 2, c.why)
	}
}
