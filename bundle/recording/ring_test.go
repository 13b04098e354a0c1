package recording

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

const (
	ringAge   = 30_000
	ringEpoch = 10_000
	ringTail  = 4000
)

func ringOptions(every time.Duration) RingOptions {
	return RingOptions{Options: Options{Meta: meta, Period: 1000, Every: every}, MinAge: ringAge, Epoch: ringEpoch, After: ringTail}
}

// A ringed is a guest with a ring.
type ringed struct {
	*guest
	ring *Ring
	told []News
	err  error
}

func newRinged(t testing.TB, s *Shelf, seed uint64, o RingOptions) *ringed {
	g := &ringed{guest: newGuest(seed)}
	var err error
	if g.ring, err = s.StartRing(g.Machine, o); err != nil {
		t.Fatal(err)
	}
	g.OnOutput("com1/tx", func(p []byte) { g.ring.Console(p) })
	return g
}

// run is the appliance's loop: n more instants.
func (g *ringed) run(n vmm.Instant) {
	for end := g.Now() + n; g.Now() < end && g.err == nil; {
		if e := g.Run(min(end, g.Now()+500)); e == vmm.Beat {
			g.ring.Beat()
		}
		_, g.err = g.ring.Slice()
		news, _ := g.ring.News()
		g.told = append(g.told, news...)
		for ok := true; ok; ok = len(g.ring.jobs) > 0 { // a guest that is not far ahead of the disk
			runtime.Gosched()
		}
	}
}

// save marks a moment and has it saved.
func (g *ringed) save(why string, failure bool) {
	if failure {
		g.ring.Fail(why)
	} else {
		g.ring.Mark(why)
	}
	g.ring.Save(why)
}

// stop ends the ring, and waits for what comes of it.
func (g *ringed) stop() {
	g.ring.Stop()
	g.told = append(g.told, g.ring.Wait()...)
}

// saved are the recordings that the ring told of.
func (g *ringed) saved(t testing.TB) (all []Summary) {
	t.Helper()
	for _, n := range g.told {
		if n.Err != nil {
			t.Errorf("a save failed: %v", n.Err)
		}
		if n.Saved.Name != "" {
			all = append(all, n.Saved)
		}
	}
	return all
}

// Whenever a save is asked for, it gives one recording that begins at least
// ringAge before, ends with its tail, replays from end to end, and is listed as
// any other.
func TestRingSaves(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	o, age := ringOptions(time.Millisecond), 0
	o.Tail = new(Tail)
	o.Renew = func(m *Meta) {
		age++
		m.Created, m.Facts = int64(age), map[string]string{"age": fmt.Sprint(age)}
	}
	g := newRinged(t, s, 30, o)
	rng := rand.New(rand.NewPCG(30, 30))
	var at []vmm.Instant
	for i := range 8 {
		g.run(vmm.Instant(rng.IntN(3 * ringEpoch)))
		at = append(at, g.Now())
		o.Tail.Write(fmt.Appendf(nil, "line %d\n", i))
		g.save(fmt.Sprint("reason ", i), i%2 == 1)
		if i != 7 {
			for n := len(g.saved(t)); len(g.saved(t)) == n; {
				g.run(500)
			}
		}
	}
	g.run(1000)
	g.stop() // before the tail is over
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	saved := g.saved(t)
	entries, err := List(dir)
	if err != nil || len(entries) != len(at) || len(saved) != len(at) {
		t.Fatalf("%d saves, %d told, %d listed: %v", len(at), len(saved), len(entries), err)
	}
	for i, sum := range saved {
		p, frames := replay(t, filepath.Join(dir, sum.Name))
		if p.Truncated || fmt.Sprintf("%x", p.End) != sum.EndHash || p.Inputs != sum.Inputs || frames != sum.Frames {
			t.Errorf("%d: replayed %+v, saved %+v", i, p, sum)
		}
		why := fmt.Sprint("reason ", i)
		if sum.Why != why || i%2 == 1 && sum.Failure != why || !sum.Kept || entries[i].Summary != sum || entries[i].Err != "" {
			t.Errorf("%d: listed %+v, saved %+v", i, entries[i], sum)
		}
		told, _ := strconv.Atoi(entries[i].Meta.Facts["age"])
		if m := entries[i].Meta; m.Created < 1 || told <= int(m.Created) || !strings.HasSuffix(sum.Last, fmt.Sprintf("line %d", i)) || sum.First == sum.Last {
			t.Errorf("%d: %+v, from %q to %q", i, m, sum.First, sum.Last)
		}
		if sum.Start.At > at[i]-min(at[i], ringAge) || i < 7 && sum.End.At < at[i]+ringTail {
			t.Errorf("%d: asked for at %d, it reaches from %v to %v", i, at[i], sum.Start, sum.End)
		}
	}
	if dirs, err := ringDirs(dir); len(dirs) != 0 || err != nil {
		t.Errorf("left of the ring: %v, %v", dirs, err)
	}
}

// A ring forgets: what dropped epochs had for themselves is given back. Where
// MaxBytes is met first, it is told once how far the ring reaches.
func TestRingForgets(t *testing.T) {
	for _, most := range []int64{1, 1 << 40} {
		dir := t.TempDir()
		s := openTest(t, dir, Limits{}, store.Disk{})
		o := ringOptions(time.Millisecond)
		o.MaxBytes = most
		g := newRinged(t, s, 31, o)
		ever, epochs := map[store.Hash]bool{}, 0
		for range 18 {
			g.run(ringEpoch)
			dirs, err := ringDirs(dir)
			if err != nil {
				t.Fatal(err)
			}
			epochs = max(epochs, len(dirs))
			for _, h := range g.ring.cur.rec.w.hashes {
				ever[h] = true
			}
		}
		g.ring.Save("now")
		g.stop()
		var reach []vmm.Instant
		for _, n := range g.told {
			if n.Reach > 0 {
				reach = append(reach, n.Reach)
			}
		}
		sum := g.saved(t)[0]
		if replay(t, s.Dir(sum.Name)); (len(reach) == 1) != (most == 1) || (sum.End.At-sum.Start.At < ringAge) != (most == 1) {
			t.Errorf("at most %d bytes: reach %v, saved %+v", most, reach, sum)
		}
		// As many as cover the age, one under way, and those that wait for the disk.
		if limit := ringAge/ringEpoch + 2 + queueJobs + 2; epochs > limit {
			t.Errorf("at most %d bytes: %d epochs at a time", most, epochs)
		}
		s.Sweep()
		live := map[store.Hash]bool{}
		pages, err := readPages(s.Dir(sum.Name))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range append(pages, s.last...) {
			live[h] = true
		}
		left := 0
		for h := range ever {
			if h != store.Zero() && s.pages.Has(h) {
				left++
			}
		}
		// A pack goes, or is written anew, when less than half of it is wanted.
		if left > 2*len(live) || len(ever) < 3*len(live) {
			t.Errorf("at most %d bytes: %d pages left of %d, %d are wanted", most, left, len(ever), len(live))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An epoch of a guest that hardly works lasts as long as a save reaches back.
func TestIdleEpoch(t *testing.T) {
	g := newGuest(38)
	g.run(2 * ringAge)
	const little, enough = ringEpoch/idleWork - 1, ringEpoch / idleWork
	for _, c := range []struct {
		age  vmm.Instant
		work uint64
		over bool
	}{
		{ringEpoch - 1, enough, false}, {ringEpoch, enough, true}, {ringEpoch, little, false},
		{ringAge - 1, little, false}, {ringAge, little, true}, {ringAge, 0, true},
	} {
		rec := &Recording{start: vmm.Position{At: g.Now() - c.age}, from: g.Retired() - c.work}
		r := &Ring{m: g.Machine, o: ringOptions(0), cur: &epoch{rec: rec}}
		if r.over() != c.over {
			t.Errorf("%d instants, %d instructions: over %v", c.age, c.work, !c.over)
		}
	}
}

// What a ring records besides changes nothing for the guest.
func TestRingedGuestDoesNotNotice(t *testing.T) {
	s := openTest(t, t.TempDir(), Limits{}, store.Disk{})
	a, b := newRinged(t, s, 0, ringOptions(time.Millisecond)), newGuest(0)
	var in []vmm.Input
	for i := range vmm.Instant(100) {
		in = append(in, vmm.Input{At: 997 * i, Inlet: "com1/rx", Data: []byte("key")})
	}
	a.Door, b.Door = &vmm.Scripted{Left: in}, &vmm.Scripted{Left: in}
	for range 5 {
		a.run(15_000)
		a.save("now", true)
		b.run(15_000)
	}
	a.ring.Stop()
	if tape.EndHash(a.Machine) != tape.EndHash(b.Machine) {
		t.Error("the recorded guest went another way")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A crash is a copy of the shelf while it is in use. All epochs that reached the
// disk become one recording, once, whatever recovery was cut short before.
func TestRingRecovery(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	g := newRinged(t, s, 33, ringOptions(time.Millisecond))
	var epochs []string
	for quiet := false; !quiet; quiet = g.Now() > 45_000 && len(epochs) == 4 && g.ring.Status().Durable > 0 {
		if g.Now() < 45_000 || g.ring.Status().Durable == 0 {
			g.run(500)
		}
		var err error
		if epochs, err = ringDirs(dir); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*"+dropExt)); len(left) > 0 {
			epochs = nil
		}
	}
	last := strings.TrimSuffix(filepath.Base(epochs[len(epochs)-1]), ringExt)
	for _, c := range []struct {
		name   string
		damage func(dir string) error
		want   string // recordings
	}{
		{"as it was left", func(string) error { return nil }, last},
		{"half a save", func(d string) error { return os.MkdirAll(filepath.Join(d, last+saveExt, tapeDir), 0o700) }, last},
		{"half a drop", func(d string) error {
			return os.Rename(filepath.Join(d, filepath.Base(epochs[0])), filepath.Join(d, filepath.Base(epochs[0])+dropExt))
		}, last},
		{"an epoch without state", func(d string) error {
			return os.Remove(filepath.Join(d, filepath.Base(epochs[0]), sectionFile))
		}, last},
		{"no place for the last tape", func(d string) error {
			return os.RemoveAll(filepath.Join(d, last+ringExt, tapeDir))
		}, filepath.Base(strings.TrimSuffix(epochs[2], ringExt))},
		{"nothing of the last tape", func(d string) error {
			return os.RemoveAll(filepath.Join(d, last+ringExt, tapeDir, "000001"+partExt))
		}, filepath.Base(strings.TrimSuffix(epochs[2], ringExt))},
		{"saved already", func(d string) error {
			if err := os.CopyFS(filepath.Join(d, last), os.DirFS(filepath.Join(d, filepath.Base(epochs[0])))); err != nil {
				return err
			}
			return os.RemoveAll(filepath.Join(d, filepath.Base(epochs[0])))
		}, last},
		{"one is missing", func(d string) error {
			return os.RemoveAll(filepath.Join(d, filepath.Base(epochs[1])))
		}, "each"},
	} {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := c.damage(copied); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			all, err := Settle(copied)
			if err != nil && !strings.Contains(err.Error(), "does not go on") {
				t.Fatalf("%s: %v", c.name, err)
			}
			if err != nil {
				continue // that is told once
			}
			var names []string
			for _, e := range all {
				names = append(names, e.Name)
				if replay(t, filepath.Join(copied, e.Name)); e.Open {
					t.Errorf("%s: %+v", c.name, e)
				}
			}
			if got := strings.Join(names, " "); got != c.want && (c.want != "each" || len(names) != len(epochs)-1) {
				t.Errorf("%s: recordings %s, want %s", c.name, got, c.want)
			}
			if left, _ := ringDirs(copied); len(left) != 0 {
				t.Errorf("%s: %v left", c.name, left)
			}
		}
	}
	g.ring.Stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Whichever write fails, the guest goes on, the ring says so, what was told to
// be saved is there and replays, and what could not be saved is recovered, as
// far as it was durable, when the disk is better.
func TestRingOnFailingDisk(t *testing.T) {
	var kept, refused, recovered int
	for n, failed := 0, true; failed; n += 1 + n/3 {
		dir := t.TempDir()
		s := openTest(t, dir, Limits{}, newFaulty(n))
		g, durable := newRinged(t, s, 34, ringOptions(time.Hour)), false
		for i := 0; i < 8 && g.err == nil; i++ {
			g.run(5000)
			for st := g.ring.Status(); st.Err == nil && !st.Snapshot; st = g.ring.Status() {
				g.run(20)
			}
			for st := g.ring.Status(); st.Err == nil && st.Durable == 0; st = g.ring.Status() {
				g.ring.cur.rec.w.wake()
				g.run(20)
			}
			durable = durable || g.ring.Status().Durable > 0
			if i == 4 {
				g.ring.Save("saved")
			}
		}
		g.ring.Save("at the end")
		g.stop()
		g.guest.run(1000)
		failed = s.Close() != nil || g.err != nil
		names, unsaved := map[string]bool{}, false
		for _, x := range g.told {
			if x.Err != nil {
				failed, unsaved = true, true
				refused++
			} else if x.Saved.Name != "" {
				names[x.Saved.Name] = true
				kept++
			}
		}
		all, err := Settle(dir)
		if err != nil {
			t.Fatalf("operation %d failed: %v", n, err)
		}
		for _, e := range all {
			p, _ := replay(t, filepath.Join(dir, e.Name))
			if !names[e.Name] {
				recovered++
			} else if p.Truncated && e.Summary.Cause == "" {
				t.Errorf("operation %d failed: %+v", n, e)
			}
			delete(names, e.Name)
		}
		if len(names) > 0 || unsaved && durable && len(all) == 0 {
			t.Errorf("operation %d failed: told to be saved %v, there is %v", n, names, all)
		}
	}
	t.Logf("%d kept, %d refused, %d recovered", kept, refused, recovered)
	if kept < 2 || refused < 4 || recovered < 2 {
		t.Errorf("%d kept, %d refused, %d recovered: too few to mean anything", kept, refused, recovered)
	}
}

const ringChildEnv = "VMRECORD_TEST_RING"

// ringChild records for ever, saves now and then and prints what was saved, and
// "-" when an epoch has become durable.
func ringChild(dir string) {
	s, err := OpenShelf(dir, Limits{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	o := ringOptions(time.Millisecond)
	g := newGuest(35)
	r, err := s.StartRing(g.Machine, o)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	g.OnOutput("com1/tx", r.Console)
	for i, durable := 0, false; ; i++ {
		if g.Run(g.Now()+500) == vmm.Beat {
			r.Beat()
		}
		if i%40 == 39 {
			r.Save("again")
		}
		_, err := r.Slice()
		news, _ := r.News()
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		for _, n := range news {
			fmt.Println(n.Saved.Name)
		}
		if was := durable; !was {
			if durable = r.Status().Durable > 0; durable {
				fmt.Println("-")
			}
		}
	}
}

// Kill -9 at any point: what was reported saved is there and replays, and so is
// what the ring had on disk.
func TestRingKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(36, 36))
	root, saves, rings := t.TempDir(), 0, 0
	for i := range 6 {
		dir := filepath.Join(root, fmt.Sprint(i))
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), ringChildEnv+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var told []string
		lines := bufio.NewScanner(out)
		for n := rng.IntN(5); n > 0 && lines.Scan(); n-- {
			told = append(told, lines.Text())
		}
		time.Sleep(time.Duration(rng.IntN(5)) * time.Millisecond)
		c.Process.Kill()
		for lines.Scan() { // what it had still printed
			told = append(told, lines.Text())
		}
		c.Wait()
		s, err := OpenShelf(dir, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("after a kill: %v", err)
		}
		all, err := List(dir)
		if err != nil {
			t.Fatal(err)
		}
		whole := map[string]bool{}
		for _, e := range all {
			p, _ := replay(t, filepath.Join(dir, e.Name))
			whole[e.Name] = !p.Truncated
			if e.Open || e.Summary.Lost != "" || p.Truncated != e.Summary.Truncated {
				t.Errorf("listed %+v", e)
			}
			if p.Truncated {
				rings++
			}
		}
		for _, name := range told {
			switch {
			case strings.HasPrefix(name, "error"):
				t.Fatalf("child: %s", name)
			case name == "-" && len(all) == 0:
				t.Error("an epoch was durable, and nothing is there")
			case name != "-" && !whole[name]:
				t.Errorf("%s was saved, there is %v", name, whole)
			case name != "-":
				saves++
			}
		}
	}
	t.Logf("%d saves survived, %d rings were recovered", saves, rings)
	if saves < 3 || rings < 3 {
		t.Errorf("%d saves, %d rings: too few to mean anything", saves, rings)
	}
}

// A full shelf takes no save, and says so.
func TestRingAtTheLimit(t *testing.T) {
	s := openTest(t, t.TempDir(), Limits{Kept: 1}, store.Disk{})
	g := newRinged(t, s, 37, ringOptions(time.Millisecond))
	var limit *LimitError
	for i := range 2 {
		g.ring.Save("now")
		for n := len(g.told); len(g.told) == n; {
			g.run(500)
		}
		if err := g.told[i].Err; errors.As(err, &limit) != (i == 1) {
			t.Errorf("save %d: %v", i, err)
		}
	}
	g.ring.Stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
