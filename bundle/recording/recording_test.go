package recording

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

const ramPages = 200

var meta = Meta{Feature: "toy", Machine: "toy = true", Console: tapetest.Outlet}

// A guest is a machine with a live door, and what it wrote to its console.
type guest struct {
	*vmm.Machine
	rec   *Recording
	text  bytes.Buffer
	every time.Duration // between syncs
}

func newGuest(seed uint64) *guest {
	g := &guest{Machine: tapetest.New(ramPages), every: time.Millisecond}
	g.Door = tapetest.NewLive(seed)
	g.OnOutput(tapetest.Outlet, func(p []byte) {
		g.text.Write(p)
		if g.rec != nil {
			g.rec.Console(p)
		}
	})
	return g
}

// run is the appliance's loop: n more instants.
func (g *guest) run(n vmm.Instant) {
	for end := g.Now() + n; g.Now() < end; {
		e := g.Run(min(end, g.Now()+500))
		if g.rec == nil {
			continue
		}
		if e == vmm.Beat {
			g.rec.Beat()
		}
		g.rec.Slice()
		runtime.Gosched() // to the writer, on a host with one processor
	}
}

func (g *guest) start(t testing.TB, s *Shelf) {
	var err error
	if g.rec, err = s.Start(g.Machine, Options{Meta: meta, Period: 1000, Every: g.every}); err != nil {
		t.Fatal(err)
	}
}

// stop ends the recording, and with it its claim on the guest.
func (g *guest) stop(keep bool) (Summary, error) {
	r := g.rec
	g.rec = nil
	return r.Stop(keep, "why")
}

// replay plays a recording from disk to its end.
func replay(t testing.TB, dir string) (tape.Played, uint64) {
	t.Helper()
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ram := make([]byte, len(r.Pages)*mem.PageBytes)
	for i, h := range r.Pages {
		if err := r.Page(h, ram[i*mem.PageBytes:(i+1)*mem.PageBytes]); err != nil {
			t.Fatal(err)
		}
	}
	m := tapetest.Over(mem.New(ram), vmm.Config{Epoch: 1_700_000_000})
	if err := m.Load(r.Sections); err != nil {
		t.Fatal(err)
	}
	in, err := r.Tape()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	tr, err := tape.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	console := sha256.New()
	m.OnOutput(tapetest.Outlet, func(p []byte) { console.Write(p) })
	p, err := tape.NewPlayer(m, tr)
	if err == nil {
		_, err = p.Run(vmm.Position{At: vmm.Never - 1, Inputs: tape.All})
	}
	if f := p.Played().Footer; f != nil && f.Console != mem.Hash(console.Sum(nil)) {
		t.Errorf("replay %s: the console is not what the footer says", dir)
	}
	if err != nil || p.Played().Heartbeats == 0 {
		t.Fatalf("replay %s: %+v, %v", dir, p.Played(), err)
	}
	return p.Played(), tr.Frames
}

func openTest(t testing.TB, dir string, l Limits, f store.Files) *Shelf {
	t.Helper()
	s, err := openShelf(dir, l, f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeptAndDropped(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	g := newGuest(1)
	var kept []Summary
	for i := range 6 {
		g.run(3000)
		g.start(t, s)
		g.run(15_000)
		g.rec.Mark("middle")
		g.run(15_000)
		sum, err := g.stop(i%2 == 1)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			kept = append(kept, sum)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := List(dir)
	if err != nil || len(entries) != len(kept) {
		t.Fatalf("%d recordings on the shelf, %d kept: %v", len(entries), len(kept), err)
	}
	for i, sum := range kept {
		if e := entries[i]; e.Summary != sum || e.Open || e.Err != "" || e.Meta.Feature != "toy" || !sum.Kept || sum.Truncated {
			t.Errorf("listed %+v, made %+v", e, sum)
		}
		p, frames := replay(t, filepath.Join(dir, sum.Name))
		if fmt.Sprintf("%x", p.End) != sum.EndHash || p.Inputs != sum.Inputs || p.Heartbeats != sum.Heartbeats || frames != sum.Frames || p.Truncated {
			t.Errorf("replayed %+v, %d frames; recorded %+v", p, frames, sum)
		}
		sum.First, sum.Last = "first", "last" // which no tape holds
		if err := saveSummary(s.Dir(sum.Name), sum); err != nil {
			t.Fatal(err)
		}
		again, err := salvage(s.Dir(sum.Name))
		if err != nil || again != sum {
			t.Errorf("recovering a sealed recording gives %+v, was %+v: %v", again, sum, err)
		}
	}
	s = openTest(t, dir, Limits{}, store.Disk{})
	defer s.Close()
	if err := s.Drop(kept[0].Name); err != nil {
		t.Fatal(err)
	}
	if entries, _ = List(dir); len(entries) != 2 || s.Drop("../x") == nil || s.Drop("000099") == nil {
		t.Errorf("after Drop: %d", len(entries))
	}
}

// The recording changes nothing for the guest, and what does not change
// between recordings is stored once.
func TestGuestDoesNotNotice(t *testing.T) {
	s := openTest(t, t.TempDir(), Limits{}, store.Disk{})
	defer s.Close()
	var in []vmm.Input
	for i := range vmm.Instant(100) {
		in = append(in, vmm.Input{At: 997 * i, Inlet: tapetest.Inlet, Data: []byte("key")})
	}
	a, b := newGuest(0), newGuest(0)
	a.Door, b.Door = &vmm.Scripted{Left: in}, &vmm.Scripted{Left: in}
	for i := range 4 {
		a.start(t, s)
		a.run(20_000)
		if i%2 == 0 {
			a.rec.Mark("here")
		}
		if _, err := a.stop(i%2 == 0); err != nil {
			t.Fatal(err)
		}
		b.run(20_000)
	}
	if tape.EndHash(a.Machine) != tape.EndHash(b.Machine) || a.text.String() != b.text.String() || a.text.Len() == 0 {
		t.Error("the recorded guest went another way")
	}
	a.start(t, s)
	a.stop(true)
	before := s.pages.Bytes()
	a.start(t, s)
	if a.stop(true); s.pages.Bytes() != before {
		t.Errorf("the same memory again took %d bytes", s.pages.Bytes()-before)
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{Kept: 1}, store.Disk{})
	g := newGuest(2)
	g.start(t, s)
	g.run(5000)
	sum, err := g.stop(true)
	if err != nil {
		t.Fatal(err)
	}
	var l *LimitError
	if _, err := s.Start(g.Machine, Options{Meta: meta}); !errors.As(err, &l) || !strings.Contains(err.Error(), "recordings drop "+sum.Name) {
		t.Errorf("second recording: %v", err)
	}
	s.Drop(sum.Name)
	s.limits = Limits{Bytes: s.pages.Bytes() + 3000}
	s.tidy()
	s.limits.Bytes = s.pages.Bytes() + s.tapes + 4000
	g.start(t, s)
	for i := 0; i < 2000 && g.rec.Status().Err == nil; i++ {
		g.run(2000)
	}
	sum, err = g.stop(true)
	if errors.Is(err, ErrLost) && errors.As(err, &l) {
		err = nil // the limit was met before the snapshot was whole
	} else if !sum.Truncated || !strings.Contains(sum.Cause, "the limit is") {
		t.Errorf("%+v, %v", sum, err)
	}
	if err != nil || s.Close() != nil {
		t.Error(err)
	}
}

// faulty fails from the n-th operation on, writes by half.
type faulty struct {
	store.Disk
	left chan int
}

func newFaulty(n int) *faulty {
	f := &faulty{left: make(chan int, 1)}
	f.left <- n
	return f
}

func (f *faulty) err() error {
	n := <-f.left - 1
	f.left <- n
	if n < 0 {
		return errors.New("no space left on device")
	}
	return nil
}

func (f *faulty) Create(name string) (store.File, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	w, err := f.Disk.Create(name)
	return &faultyFile{w, f}, err
}

func (f *faulty) Rename(a, b string) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Disk.Rename(a, b)
}
func (f *faulty) SyncDir(string) error { return f.err() }

type faultyFile struct {
	store.File
	f *faulty
}

func (w *faultyFile) Write(p []byte) (int, error) {
	if err := w.f.err(); err != nil {
		n, _ := w.File.Write(p[:len(p)/2])
		return n, err
	}
	return w.File.Write(p)
}
func (w *faultyFile) Sync() error { return w.f.err() }

// Whichever write fails, the guest goes on as ever, and the recording is whole,
// or truncated with the reason, or lost with the reason.
func TestFailingDisk(t *testing.T) {
	var whole, truncated, lost int
	for n := 0; whole == 0; n++ {
		dir := t.TempDir()
		s := openTest(t, dir, Limits{}, newFaulty(n))
		g := newGuest(3)
		g.every = time.Hour // tape is written when this test wants it
		g.start(t, s)
		// The snapshot first and the tape after it: the same operations each time.
		for st := g.rec.Status(); st.Err == nil && !st.Snapshot; st = g.rec.Status() {
			g.run(20)
		}
		for range 6 {
			g.run(1500)
			want := g.rec.Status().Frames
			for st := g.rec.Status(); st.Err == nil && st.Durable < want; st = g.rec.Status() {
				g.rec.w.wake()
				g.run(20)
			}
		}
		durable := g.rec.Status().Durable
		g.run(5000)
		sum, err := g.stop(true)
		s.Close()
		switch {
		case errors.Is(err, ErrLost) && strings.Contains(err.Error(), "no space left"):
			lost++
			if e, _ := List(dir); len(e) != 0 || durable != 0 {
				t.Errorf("operation %d failed: lost, %d left, %d frames were durable", n, len(e), durable)
			}
		case err != nil:
			t.Fatalf("operation %d failed: %v", n, err)
		case sum.Truncated:
			truncated++
			if _, frames := replay(t, filepath.Join(dir, sum.Name)); frames < durable || sum.Cause == "" {
				t.Errorf("operation %d failed: %d frames of %d durable, %+v", n, frames, durable, sum)
			}
		default:
			whole++
			if p, _ := replay(t, filepath.Join(dir, sum.Name)); p.Truncated {
				t.Error("whole, but truncated")
			}
		}
	}
	t.Logf("%d lost, %d truncated, then whole", lost, truncated)
	if lost < 5 || truncated < 3 {
		t.Errorf("%d lost, %d truncated: too few to mean anything", lost, truncated)
	}
}

const childEnv = "VMRECORD_TEST_SHELF"

// TestMain is the child that gets killed, if asked.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	if dir := os.Getenv(ringChildEnv); dir != "" {
		ringChild(dir)
		return
	}
	os.Exit(m.Run())
}

// child records for ever and prints how many frames are durable.
func child(dir string) {
	s, err := OpenShelf(dir, Limits{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	seed, _ := strconv.ParseUint(filepath.Base(dir), 10, 64)
	g := newGuest(seed)
	g.run(1000)
	if g.rec, err = s.Start(g.Machine, Options{Meta: meta, Period: 2000, Every: time.Millisecond}); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for last := uint64(0); ; {
		g.run(1000)
		if st := g.rec.Status(); st.Durable != last {
			last = st.Durable
			fmt.Println(last)
		}
	}
}

// Kill -9 at any point: what was reported durable is there and replays.
func TestKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 20))
	root, found := t.TempDir(), 0
	for i := range 20 {
		dir := filepath.Join(root, strconv.Itoa(i))
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		reports := rng.IntN(30) // 0: at once
		durable := uint64(0)
		lines := bufio.NewScanner(out)
		for n := 0; n < reports && lines.Scan(); n++ {
			v, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("child: %s", lines.Text())
			}
			durable = v
		}
		c.Process.Kill()
		for lines.Scan() { // what it had still printed
			if v, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				durable = v
			}
		}
		c.Wait()
		if durable == 0 {
			continue
		}
		found++
		openTest(t, dir, Limits{}, store.Disk{}).Close()
		p, frames := replay(t, filepath.Join(dir, dirName(1)))
		if !p.Truncated || frames < durable {
			t.Errorf("killed after %d reports: %d frames, %d were durable; %+v", reports, frames, durable, p)
		}
		if e, err := List(dir); err != nil || len(e) != 1 || !e[0].Summary.Truncated || e[0].Summary.Frames != frames {
			t.Errorf("listed: %+v %v", e, err)
		}
	}
	if found < 15 {
		t.Errorf("only %d kills of 20 found frames", found)
	}
}

// crash is a disk that forgets what was not synced when the power goes.
type crash struct {
	store.Disk
	synced map[string]int64
}

type crashFile struct {
	store.File
	c    *crash
	name string
	n    int64
}

func (c *crash) Create(name string) (store.File, error) {
	f, err := c.Disk.Create(name)
	c.synced[name] = 0
	return &crashFile{File: f, c: c, name: name}, err
}

func (c *crash) Rename(a, b string) error {
	c.synced[b] = c.synced[a]
	delete(c.synced, a)
	return c.Disk.Rename(a, b)
}

func (f *crashFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.n += int64(n)
	return n, err
}

func (f *crashFile) Sync() error {
	f.c.synced[f.name] = f.n
	return nil
}

// After a power cut only what was synced is there, and that is enough.
func TestPowerCut(t *testing.T) {
	for round := range 12 {
		dir := t.TempDir()
		c := &crash{synced: map[string]int64{}}
		s := openTest(t, dir, Limits{}, c)
		g := newGuest(uint64(round))
		g.start(t, s)
		for g.rec.Status().Durable == 0 || g.Now() < vmm.Instant(round)*4000 {
			g.run(500)
		}
		durable := g.rec.Status().Durable
		// The writer goroutine stands still from here on.
		g.rec.w.fail(errors.New("power cut"))
		g.stop(true)
		s.Close()
		for name, n := range c.synced {
			os.Truncate(name, n)
		}
		openTest(t, dir, Limits{}, store.Disk{}).Close()
		if p, frames := replay(t, filepath.Join(dir, dirName(1))); frames < durable || !p.Truncated {
			t.Errorf("round %d: %d frames, %d were durable", round, frames, durable)
		}
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	if _, err := OpenShelf(dir, Limits{}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Error(err)
	}
	s.Close()
	openTest(t, dir, Limits{}, store.Disk{}).Close()
}

func FuzzSections(f *testing.F) {
	f.Add(AppendSections(nil, tapetest.New(4).Save()))
	f.Add([]byte{1, 1, 'a', 0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		secs, err := ParseSections(b)
		if err == nil && len(AppendSections(nil, secs)) > len(b) {
			t.Fatal("grew")
		}
	})
}

func FuzzPages(f *testing.F) {
	z := store.Zero()
	f.Add(appendPages(nil, []store.Hash{z, z, {1}, {2}, z}, z))
	f.Add([]byte{5, 10})
	f.Fuzz(func(t *testing.T, b []byte) {
		pages, err := parsePages(b, z)
		if err != nil {
			return
		}
		again, err := parsePages(appendPages(nil, pages, z), z)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(pages) {
			t.Fatal(err)
		}
	})
}

func TestTapeSegments(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"000001.seg 000002.part", ""},
		{"000002.seg", "segment 1"},
		{"000001.part 000002.seg", "segment 1"},
		{"000001.seg 000003.seg", "segment 2"},
		{"000001.seg 000001.part", "segment"},
		{"x.seg", "segment 1"},
		{"", ""},
	} {
		dir := t.TempDir()
		os.Mkdir(filepath.Join(dir, tapeDir), 0o700)
		for _, n := range strings.Fields(c.names) {
			os.WriteFile(filepath.Join(dir, tapeDir, n), nil, 0o600)
		}
		in, err := openTape(dir)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.names, err)
		}
		if err == nil {
			io.Copy(io.Discard, in)
			in.Close()
		}
	}
}

// What two recordings of a shelf share is counted as shared by both, what was
// written in between as the own of each; a label changes nothing else.
func TestWeighAndLabel(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	g := newGuest(14)
	for i := range 2 {
		g.run(3000)
		g.start(t, s)
		g.run(3000)
		g.rec.Fail(fmt.Sprint("failure ", i))
		if _, err := g.stop(true); err != nil {
			t.Fatal(err)
		}
	}
	if err := SetLabel(s.Dir("000001"), Label{"first", "a note"}); err != nil {
		t.Fatal(err)
	}
	w, err := Weigh(dir) // in use
	if err != nil {
		t.Fatal(err)
	}
	a, b := w["000001"], w["000002"]
	if len(w) != 2 || a.Shared == 0 || a.Shared != b.Shared || a.Own == 0 || b.Own == 0 {
		t.Errorf("%+v", w)
	}
	r, err := Read(s.Dir("000001"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Bytes(); n != a.Own+a.Shared || err != nil {
		t.Errorf("%d bytes, %v; %+v", n, err, a)
	}
	r.Close()
	all, err := List(dir)
	if err != nil || all[0].Label != (Label{"first", "a note"}) || all[1].Label != (Label{}) || all[1].Summary.Failure != "failure 1" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := s.Drop("000002"); err != nil {
		t.Fatal(err)
	}
	before := s.pages.Bytes()
	s.Sweep()
	if w, err = Weigh(dir); err != nil || len(w) != 1 || w["000001"].Shared != 0 || s.pages.Bytes() > before {
		t.Errorf("alone: %+v, %v; %d bytes were %d", w, err, s.pages.Bytes(), before)
	}
	replay(t, s.Dir("000001"))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a killed program left is recovered by the next that lists it, but not
// while it is being made.
func TestSettle(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Limits{}, store.Disk{})
	g := newGuest(15)
	g.start(t, s)
	for g.rec.Status().Durable == 0 {
		g.run(1000)
	}
	if all, err := Settle(dir); err != nil || len(all) != 1 || !all[0].Open {
		t.Errorf("in use: %+v, %v", all, err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil { // as it was left
		t.Fatal(err)
	}
	if all, err := Settle(copied); err != nil || len(all) != 1 || all[0].Open || !all[0].Summary.Truncated {
		t.Errorf("left: %+v, %v", all, err)
	}
	if _, err := g.stop(false); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
