package inbox

import (
	"context"
	"testing"
	"time"
)

// Who waits for a change is woken by what another program did, by what is due, and by
// its own end.
func TestAwait(t *testing.T) {
	b := open(t, Options{})
	other, err := Open(b.dir, b.opt)
	if err != nil {
		t.Fatal(err)
	}
	seen := b.Touched()
	id := whole(t, other, 1)
	if !b.Await(t.Context(), seen, time.Time{}) || b.Touched() == seen {
		t.Error("a report that came does not show")
	}
	at := now()
	other.opt.Now = func() time.Time { at = at.Add(time.Second); return at }
	for name, do := range map[string]func() error{
		"judged": func() error { return other.Judge(id, Verdict{State: Hung}) },
		"tagged": func() error { _, err := other.Tag(id, []string{"x"}, nil); return err },
		"fixed":  func() error { _, err := other.Fix(id, "", "", false); return err },
	} {
		seen := b.Touched()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if b.Touched() == seen {
			t.Errorf("%s: it does not show", name)
		}
	}
	seen = b.Touched()
	if !b.Await(t.Context(), seen, now()) {
		t.Error("what is due is waited for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Await(ctx, seen, time.Time{}) {
		t.Error("it goes on after the end")
	}
}
