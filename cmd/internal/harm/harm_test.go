package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestMain lets the test binary be what becomes a program under a filter.
func TestMain(m *testing.M) {
	if os.Args[0] == entered {
		fmt.Fprintln(os.Stderr, "harm:", enter(os.Args[1:]))
		os.Exit(exitFailed)
	}
	os.Exit(m.Run())
}

// realDir is a folder's name as the kernel tells it.
func realDir(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A few of what the command does: nothing acknowledged is lost or by halves, and
// all goes on.
func TestHarm(t *testing.T) {
	const seed = 20_261_123
	dir := realDir(t)
	// Not rig.Programs: what other tests have compiled is used again.
	if out, err := exec.Command("go", "build", "-o", dir, "../../vmappliance", "../../vmbundle").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := newBench(dir, dir, stages)
	if err != nil {
		t.Fatal(err)
	}
	kills, share := 10, 3
	if testing.Short() {
		kills, share = 5, 1
	}
	tell := func(s string) { t.Error(s) }
	t.Run("kills", func(t *testing.T) {
		sum := row{}
		for _, r := range b.kills(stages, seed, kills, 4, tell) {
			sum.add(r)
		}
		if sum.kills < kills-2 || sum.acked < kills/2 {
			t.Errorf("seed %d: %d kills, of which %d came after something was acknowledged", seed, sum.kills, sum.acked)
		}
	})
	t.Run("calls", func(t *testing.T) {
		some := func(n int) (at []int) { // the first, and others up to the last
			for i := range share {
				at = append(at, 1+i*(n-1)/max(1, share-1))
			}
			return at
		}
		rows, err := b.failures(stages, some, 4, tell)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.calls == 0 || r.told == 0 || len(r.kinds) < 3 {
				t.Errorf("%+v: too little to mean anything", r)
			}
		}
	})
	t.Run("finds", func(t *testing.T) { finds(t, b) })
}

// finds: what is spoiled behind a program's back is found.
func finds(t *testing.T, b *bench) {
	for i, c := range []struct {
		s     stage
		spoil func(r *room) error
		want  wrongs
	}{
		{packerStage, func(r *room) error { return os.Truncate(r.path("out.vmb"), 100) }, wrongs{half: 1}},
		{packerStage, func(r *room) error { return os.Remove(r.path("out.vmb")) }, wrongs{lost: 1}},
		{senderStage, func(r *room) error { return os.RemoveAll(r.path("state", "outbox", "spool")) }, wrongs{lost: 1}},
		{packerStage, func(r *room) error { return os.RemoveAll(r.path("recs")) }, wrongs{stuck: 1}},
		{inboxStage, func(r *room) error { return os.RemoveAll(r.path("in", "reports")) }, wrongs{lost: 1}},
		{recorderStage, func(r *room) error { return os.RemoveAll(r.path("recs", "000001")) }, wrongs{lost: 1}},
		{recorderStage, func(r *room) error { return os.Truncate(r.path("recs", "pages", "000000.vmp"), 100) }, wrongs{lost: 1}},
	} {
		r, w, err := b.open(c.s, fmt.Sprintf("finds-%d", i), true)
		if err != nil {
			t.Fatal(err)
		}
		args, _ := w.program()
		p, err := r.start(nil, args)
		if err != nil {
			t.Fatal(err)
		}
		w.beside(p)
		if err := c.spoil(r); err != nil {
			t.Fatal(err)
		}
		err = w.check(p, false)
		w.close()
		var got wrongs
		if got.add(err); got != c.want {
			t.Errorf("%s: %v, want %+v", c.s.name, err, c.want)
		}
		if err := os.RemoveAll(r.dir); err != nil {
			t.Fatal(err)
		}
	}
}

// Calls are counted where they are about the folder, and fail as told.
func TestFault(t *testing.T) {
	const script = "echo one >a && echo two >../b && cd sub && mv ../a c && echo three >>c"
	want := []string{"open a", "write a", "rename a", "open sub/c", "write sub/c"}
	for at := range len(want) + 2 {
		for _, on := range []bool{false, true} {
			dir := realDir(t)
			r := &room{dir: filepath.Join(dir, "room"), bin: "/bin"}
			if err := os.MkdirAll(r.path("sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			f := &fault{dir: r.dir, at: at, errno: syscall.EDQUOT, on: on}
			p, err := r.start(f, []string{"sh", "-c", script})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.wait(patience), f.wait()); err != nil {
				t.Fatal(err)
			}
			n, fails := len(want), 0 < at && at <= len(want)
			if fails {
				n = at
			}
			if got := p.status(); !slices.Equal(f.calls, want[:n]) || (got != 0) != fails {
				t.Errorf("call %d fails: %q, status %d, %s", at, f.calls, got, p.said.String())
			}
		}
	}
}
