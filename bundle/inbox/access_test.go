package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle/enrol"
)

// take has a computer of this key taken in by a code.
func take(t testing.TB, b *Inbox, code, key string) (enrol.Grant, error) {
	t.Helper()
	return b.admit(enrol.Opening{Code: code, Key: key})
}

// TestForeign: a bundle that is not signed by the computer that sent it is told from
// the others, once somebody has opened it.
func TestForeign(t *testing.T) {
	b := open(t, Options{})
	for n, c := range []struct {
		install string
		verdict Verdict
		want    bool
	}{
		{enrol.Name("RW1"), Verdict{State: Reproduced, Signer: "RW1", Replays: 2}, false},
		{enrol.Name("RW1"), Verdict{State: Reproduced, Signer: "RW2", Replays: 2}, true},
		{enrol.Name("RW1"), Verdict{State: Diverged, Signer: "RW2"}, true},
		{enrol.Name("RW1"), Verdict{State: Reproduced, Replays: 2}, true},
		{enrol.Name("RW1"), Verdict{State: Broken, Reason: "no key opens it"}, false},
		{"", Verdict{State: Reproduced, Signer: "RW1", Replays: 2}, false},
	} {
		m := messages(t, noise(byte(60+n), 1000), 4000)[0]
		m = bytes.ReplaceAll(m, []byte(testID), []byte("R-0000-000"+string(rune('0'+n))))
		a, err := b.accept(bytes.NewReader(m), c.install, func(*parsed) string { return "agent@beta.example" })
		if err != nil || !a.Complete {
			t.Fatal(a, err)
		}
		if err := b.Judge(a.Receipt.ID, c.verdict); err != nil {
			t.Fatal(err)
		}
		if e, err := b.Entry(a.Receipt.ID); err != nil || e.Foreign != c.want {
			t.Errorf("%+v: foreign %v, %v", c, e.Foreign, err)
		}
	}
}

// TestAccess: revoking and forgetting, by name; names that there are not.
func TestAccess(t *testing.T) {
	b := open(t, Options{})
	if guarded, err := b.Guarded(); err != nil || guarded {
		t.Errorf("a new inbox is guarded: %v", err)
	}
	c, code, err := b.NewCode(0, time.Time{}, "beta\x1b[2J")
	if err != nil || strings.Contains(c.Note, "\x1b") || enrol.CheckCode(code) != nil {
		t.Fatalf("%+v %q %v", c, code, err)
	}
	g, err := take(t, b, code, "RW1")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.authenticate(g.Name, g.Token); err != nil {
		t.Error(err)
	}
	again, err := take(t, b, code, "RW1")
	if err != nil || again.Name != g.Name || b.authenticate(g.Name, g.Token) == nil || b.authenticate(g.Name, again.Token) != nil {
		t.Errorf("again: %v, %v: the old token is to end, the new one to count", again, err)
	}
	for _, err := range []error{b.RevokeCode("C-00000000"), b.RevokeInstall("I-0", false), b.RevokeInstall("I-0", true)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	if err := errors.Join(b.RevokeCode(c.Name), b.standing(g.Name), b.RevokeInstall(g.Name, false)); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, b, code, "RW2"); err == nil || !strings.Contains(err.Error(), "the enrolment code "+c.Name+" was revoked") {
		t.Error(err)
	}
	for _, err := range []error{b.standing(g.Name), b.authenticate(g.Name, again.Token)} {
		if r := (*Refusal)(nil); !errors.As(err, &r) || r.Code/100 != 5 || !strings.Contains(r.Text, g.Name+" was revoked") {
			t.Error(err)
		}
	}
	if err := b.RevokeInstall(g.Name, true); err != nil {
		t.Fatal(err)
	}
	if err := b.standing(g.Name); err == nil || !strings.Contains(err.Error(), "was forgotten") {
		t.Error(err)
	}
	if guarded, err := b.Guarded(); err != nil || !guarded {
		t.Errorf("an inbox with a code is not guarded: %v", err)
	}
}

// TestAccessAnew: who may send is read once, and again when another program changed it.
func TestAccessAnew(t *testing.T) {
	b := open(t, Options{})
	other, err := Open(b.dir, b.opt)
	if err != nil {
		t.Fatal(err)
	}
	c, code, err := b.NewCode(0, time.Time{}, "")
	if err != nil {
		t.Fatal(err)
	}
	was, err := b.access()
	if again, _ := b.access(); err != nil || again != was {
		t.Errorf("read twice (%v)", err)
	}
	g, err := take(t, other, code, "RW1")
	if err != nil || b.authenticate(g.Name, g.Token) != nil {
		t.Errorf("who was taken in by another program is not known (%v)", err)
	}
	if err := errors.Join(other.RevokeCode(c.Name), other.RevokeInstall(g.Name, false)); err != nil || b.standing(g.Name) == nil {
		t.Errorf("who was revoked by another program may send (%v)", err)
	}
	if err := os.Remove(b.path(accessName)); err != nil {
		t.Fatal(err)
	}
	if guarded, err := b.Guarded(); guarded || err != nil {
		t.Errorf("without the file: guarded %v, %v", guarded, err)
	}
}

// TestAccessDamaged: with a file that cannot be read nobody gets in, and it is not
// written over.
func TestAccessDamaged(t *testing.T) {
	for _, text := range []string{"", "{}", `{"schema":"vmbundle.access/2"}`, "[1]", strings.Repeat(" ", maxAccess+1)} {
		b := open(t, Options{})
		if err := os.WriteFile(b.path(accessName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := messages(t, noise(70, 1000), 4000)[0]
		if got := send(t, serve(t, b, ServerOptions{}), m); !strings.HasPrefix(got, "451 [4 3 0]") {
			t.Errorf("%.20q: %s", text, got)
		}
		if _, _, err := b.NewCode(0, time.Time{}, ""); err == nil || !strings.Contains(err.Error(), accessName) {
			t.Errorf("%.20q: %v", text, err)
		}
		if now, err := os.ReadFile(b.path(accessName)); err != nil || string(now) != text {
			t.Errorf("%.20q was changed: %v", text, err)
		}
	}
}

// TestOpenInbox: where there are codes, others may send all the same if it is said so.
func TestOpenInbox(t *testing.T) {
	b := open(t, Options{})
	if _, _, err := b.NewCode(1, time.Time{}, ""); err != nil {
		t.Fatal(err)
	}
	ms := messages(t, noise(71, 1000), 4000)
	if got := send(t, serve(t, b, ServerOptions{}), ms[0]); !strings.HasPrefix(got, "530 [5 7 0] Authentication required") {
		t.Error(got)
	}
	if got := send(t, serve(t, b, ServerOptions{Open: true}), ms[0]); !strings.HasPrefix(got, "2.6.0 VMB1") {
		t.Error(got)
	}
}

// FuzzAccess: a file with anything in it gives an error or an Access.
func FuzzAccess(f *testing.F) {
	text, err := json.Marshal(Access{Schema: accessSchema, Codes: []Code{{Name: "C-00000000"}}, Installs: []Install{{Name: "I-0"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := &Inbox{dir: t.TempDir()}
		if err := os.WriteFile(b.path(accessName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := b.access()
		if err == nil && a.Schema != accessSchema {
			t.Errorf("%+v", a)
		}
		if b.authenticate("I-0", "") == nil {
			t.Error("no token counts")
		}
	})
}
