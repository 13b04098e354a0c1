package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
)

// received is an inbox with the bundle in it.
func received(t *testing.T, m made) (*inbox.Inbox, inbox.Entry) {
	t.Helper()
	in, err := inbox.Open(filepath.Join(t.TempDir(), "in"), inbox.Options{Now: time.Now, Identify: bundle.Identify})
	ok(t, err)
	got, err := in.Ingest(m.file)
	ok(t, err)
	e, err := in.Entry(got[0].ID)
	ok(t, err)
	return in, e
}

// Whatever a bundle is, its worker ends and the report says how.
func TestCheck(t *testing.T) {
	m := newMade(t)
	for _, c := range []struct {
		name   string
		limit  time.Duration
		spoil  func(file string) error
		state  string
		reason string
	}{
		{"as it was made", time.Hour, func(string) error { return nil }, inbox.Reproduced, ""},
		{"damaged since", time.Hour, func(f string) error { return overwrite(f, "tape/000001.seg") }, inbox.Broken, "damaged"},
		{"no bundle at all", time.Hour, func(f string) error { return overwrite(f, "vmbundle.txt") }, inbox.Broken, ""},
		{"too slow", time.Nanosecond, func(string) error { return nil }, inbox.Hung, "not done after 1ns"},
	} {
		in, e := received(t, m)
		ok(t, c.spoil(e.File))
		k := checker{in: in, limit: c.limit, say: t.Logf}
		ok(t, k.due(t.Context(), false))
		e, err := in.Entry(e.ID)
		ok(t, err)
		v := e.Verdict
		if v == nil || v.State != c.state || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %+v, want %s, %q", c.name, v, c.state, c.reason)
			continue
		}
		if c.state != inbox.Reproduced {
			continue
		}
		if v.Replays != 2 || v.EndHash == "" || v.Crash == nil || v.Crash.Text != "late" || len(v.Crash.Frames) == 0 || e.Bucket != v.Crash.Bucket() {
			t.Errorf("%+v, %+v", v, v.Crash)
		}
		left, _ := filepath.Glob(filepath.Join(filepath.Dir(e.File), besideName, "*.ckpt"))
		if len(left) != 1 {
			t.Errorf("checkpoints beside it: %q", left)
		}
	}
}

// overwrite spoils a bundle where a part's header or contents stand, and leaves
// its size.
func overwrite(file, part string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	at := strings.LastIndex(string(b), part)
	for i := range b[max(at, 0):][:600] {
		b[max(at, 0)+i] ^= 0x55
	}
	return os.WriteFile(file, b, 0o600)
}

// What a worker writes does not fill the memory of who reads it.
func TestBounded(t *testing.T) {
	var b bounded
	n, err := io.Copy(&b, strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil || n != 1<<20 || len(b.kept) != 64<<10 {
		t.Errorf("%d taken, %d kept, %v", n, len(b.kept), err)
	}
}

// A report without its recording (L0) has nothing to replay, and is no failure of the
// check.
func TestCheckReportOnly(t *testing.T) {
	m := newMade(t)
	p, err := bundle.Pack(m.dir, t.TempDir(), bundle.PackOptions{Report: "what happened"})
	ok(t, err)
	in, e := received(t, made{m.dir, p.Path})
	k := checker{in: in, limit: time.Hour, say: t.Logf}
	ok(t, k.due(t.Context(), false))
	e, err = in.Entry(e.ID)
	ok(t, err)
	if e.Verdict == nil || e.Verdict.State != inbox.ReportOnly || e.Bucket != e.ID {
		t.Errorf("%+v", e.Verdict)
	}
}
