package checkpoints_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"vmrecord/bundle/checkpoints"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
	"vmrecord/vmm/timeline"
)

// TestMain lets the test binary be a child process that a signal ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("VMRECORD_TEST_CHILD"); dir != "" {
		fmt.Println(child(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	uuid = "0c3bdc4e-28bd-8f2c-a1d6-6a7ecbd1d3ab"
	ram  = 64 * mem.PageBytes
)

func toy() *vmm.Machine { return tapetest.Over(mem.New(make([]byte, ram)), vmm.Config{}) }

// line is the timeline of a toy's recording, a checkpoint every so many
// instructions.
func line(every uint64) (*timeline.Timeline, error) {
	m := toy()
	m.Door = tapetest.NewLive(3)
	start := m.Save()
	var out bytes.Buffer
	rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 1000})
	if err != nil {
		return nil, err
	}
	for m.Now() < 20_000 {
		switch m.Run(20_000) {
		case vmm.Beat:
			rec.Beat()
		case vmm.Control:
			m.TakeControl()
		}
	}
	if _, err := rec.Stop(true, false, "off"); err != nil {
		return nil, err
	}
	return timeline.Open(context.Background(), func() (*timeline.Run, error) {
		m := toy()
		if err := m.Load(start); err != nil {
			return nil, err
		}
		in, err := tape.NewReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			return nil, err
		}
		p, err := tape.NewPlayer(m, in)
		return &timeline.Run{Machine: m, Player: p}, err
	}, timeline.Options{End: m.Position(), Every: every})
}

// played is a timeline that was at its end.
func played(t testing.TB, every uint64) *timeline.Timeline {
	t.Helper()
	l, err := line(every)
	ok(t, err)
	ok(t, l.Seek(t.Context(), l.End()))
	return l
}

// child saves more than the host lets it write.
func child(dir string) error {
	most, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err != nil {
		return err
	}
	l, err := line(500)
	if err != nil {
		return err
	}
	if err := l.Seek(context.Background(), l.End()); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	return checkpoints.Folder{Dir: dir, Most: 1 << 20}.Save(l, uuid)
}

// What was saved serves the next one; a recording of which nothing is kept has
// nothing.
func TestKept(t *testing.T) {
	told := map[string][2]int64{}
	f := checkpoints.Folder{Dir: filepath.Join(t.TempDir(), "made", "here"), Most: 1 << 20,
		Told: func(what string, done, total int64) { told[what] = [2]int64{done, total} }}
	a := played(t, 500)
	ok(t, f.Save(a, uuid))
	b, err := line(500)
	ok(t, err)
	ok(t, f.Load(b, "another"))
	if b.Checkpoints() != 1 {
		t.Errorf("another recording has %d checkpoints", b.Checkpoints())
	}
	ok(t, f.Load(b, uuid))
	if b.Checkpoints() < 10 || b.Unsaved() != 0 {
		t.Errorf("%d checkpoints, %d not saved", b.Checkpoints(), b.Unsaved())
	}
	ok(t, b.Seek(t.Context(), b.End()))
	_, want := a.Machine().Digests()
	if _, got := b.Machine().Digests(); got != want {
		t.Errorf("at the end %x, want %x", got, want)
	}
	if r, w, size := told["reading checkpoints"], told["keeping checkpoints"], files(t, f.Dir)[0].size; r != [2]int64{size, size} || w[0] < size || w[1] != 0 {
		t.Errorf("told %v of a file of %d bytes", told, size)
	}
}

// However a program ends while it writes, what was there before is there, and is
// good.
func TestKilled(t *testing.T) {
	f := checkpoints.Folder{Dir: t.TempDir(), Most: 1 << 20}
	old := played(t, 3000)
	ok(t, f.Save(old, uuid))
	there := func() int {
		l, err := line(500)
		ok(t, err)
		ok(t, f.Load(l, uuid))
		return l.Checkpoints()
	}
	want := there()
	whole := files(t, f.Dir)[0].size
	for _, most := range []int64{0, 1, 100, whole / 2} {
		c := exec.Command(os.Args[0], fmt.Sprint(most))
		c.Env = append(os.Environ(), "VMRECORD_TEST_CHILD="+f.Dir)
		if out, err := c.CombinedOutput(); err == nil {
			t.Errorf("with %d bytes it ended well: %s", most, out)
		}
		if got := there(); got != want || got < 3 {
			t.Errorf("after %d bytes %d checkpoints, want %d", most, got, want)
		}
	}
	left := filepath.Join(f.Dir, ".what-nobody-finished")
	ok(t, os.WriteFile(left, nil, 0o600))
	ok(t, os.Chtimes(left, time.Now(), time.Now().Add(-2*time.Hour)))
	ok(t, f.Save(old, uuid))
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left is still there: %v", err)
	}
}

// A kept is a file of checkpoints.
type kept struct {
	name string
	size int64
}

func files(t testing.TB, dir string) (all []kept) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.ckpt"))
	ok(t, err)
	for _, n := range names {
		i, err := os.Stat(n)
		ok(t, err)
		all = append(all, kept{n, i.Size()})
	}
	return all
}

// What is damaged or somebody else's is refused and goes away.
func TestDamaged(t *testing.T) {
	f := checkpoints.Folder{Dir: t.TempDir(), Most: 1 << 20}
	ok(t, f.Save(played(t, 500), uuid))
	name := files(t, f.Dir)[0].name
	good, err := os.ReadFile(name)
	ok(t, err)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	ok(t, f.Save(played(t, 700), "another"))
	for what, b := range map[string][]byte{"empty": {}, "cut off": good[:len(good)/2], "a flipped bit": flipped, "no zstd": []byte("hello"), "another": another(t, f, name)} {
		ok(t, os.WriteFile(name, b, 0o600))
		l, err := line(500)
		ok(t, err)
		if err := f.Load(l, uuid); err == nil || l.Checkpoints() != 1 {
			t.Errorf("%s: %v, %d checkpoints", what, err, l.Checkpoints())
		}
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it is still there", what)
		}
	}
}

// another is the content of the folder's other file.
func another(t testing.TB, f checkpoints.Folder, not string) []byte {
	t.Helper()
	for _, k := range files(t, f.Dir) {
		if k.name != not {
			b, err := os.ReadFile(k.name)
			ok(t, err)
			return b
		}
	}
	t.Fatal("there is none")
	return nil
}

// Of many recordings' files those stay that were used last.
func TestBound(t *testing.T) {
	f := checkpoints.Folder{Dir: t.TempDir(), Most: 1 << 20}
	l := played(t, 500)
	ok(t, f.Save(l, "0"))
	size := files(t, f.Dir)[0].size
	f.Most = 3*size + size/2
	for n := range 6 {
		ok(t, f.Save(l, fmt.Sprint(n)))
		for _, k := range files(t, f.Dir) { // an hour goes by
			i, err := os.Stat(k.name)
			ok(t, err)
			ok(t, os.Chtimes(k.name, i.ModTime(), i.ModTime().Add(-time.Hour)))
		}
		b, err := line(500)
		ok(t, err)
		ok(t, f.Load(b, "0"))
	}
	for n, want := range []bool{true, false, false, false, true, true} {
		b, err := line(500)
		ok(t, err)
		ok(t, f.Load(b, fmt.Sprint(n)))
		if got := b.Checkpoints() > 1; got != want {
			t.Errorf("recording %d: kept %v, want %v", n, got, want)
		}
	}
}
