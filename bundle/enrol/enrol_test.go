package enrol

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
)

func newPass(t testing.TB) *Pass {
	t.Helper()
	_, key, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Pass{File: filepath.Join(t.TempDir(), "tokens", "x.json"), Code: NewCode(), Key: &key}
}

// TestExchange is the whole of it, and what either side refuses of the other.
func TestExchange(t *testing.T) {
	grant := Grant{Name("RW"), NewToken()}
	for _, c := range []struct {
		name   string
		change func(step int, message []byte) []byte // 0, 2 and 4 are the client's
		want   string
	}{
		{"as it should be", nil, ""},
		{"no code", swap(0, "E-", "e-"), "is no code"},
		{"no key", swap(0, " RW", " RX"), "is no public key"},
		{"later version", swap(0, "1 ", "2 "), `version "2"; this program knows 1`},
		{"a word more", swap(0, " ", "  "), "words, not 3"},
		{"too long", swap(0, "1", strings.Repeat("1", maxBytes)), "at most 1024"},
		{"no nonce", swap(1, "1 ", "1 \n"), "which is no nonce"},
		{"no signature", swap(2, "untrusted", "trusted"), "was not signed by RW"},
		{"about something else", swap(2, "\ntrusted comment: "+about, "\ntrusted comment: vmrecord"), "was not signed by"},
		{"no token", swap(3, " T-", " t-"), "the inbox gave it is no name and no token"},
		{"no name", swap(3, " I-", " ../"), "the inbox gave it is no name"},
		{"not kept", swap(4, "kept", "lost"), "instead of"},
	} {
		p := newPass(t)
		taken, enrolled := "", false
		s := &Server{Admit: func(o Opening) (Grant, error) { taken = o.Key; return grant, nil }, Enrolled: func(Opening) { enrolled = true }}
		err := exchange(p.Client(), s, c.change)
		g, ok := p.Grant()
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want ...%s...", c.name, err, c.want)
		case c.want != "" && enrolled:
			t.Errorf("%s: enrolled all the same", c.name)
		case c.want == "" && (err != nil || !ok || g != grant || !enrolled || taken != p.public()):
			t.Errorf("%s: %v, kept %v %v", c.name, err, g, ok)
		}
	}
}

func swap(step int, old, new string) func(int, []byte) []byte {
	return func(at int, m []byte) []byte {
		if at == step {
			return []byte(strings.Replace(string(m), old, new, 1))
		}
		return m
	}
}

func exchange(c *Client, s *Server, change func(int, []byte) []byte) error {
	if change == nil {
		change = func(_ int, m []byte) []byte { return m }
	}
	_, m, err := c.Start()
	for step := 0; err == nil; step += 2 {
		var done bool
		if m, done, err = s.Next(change(step, m)); done || err != nil {
			return err
		}
		m, err = c.Next(change(step+1, m))
	}
	return err
}

// A nonce is not answered to another inbox, nor twice.
func TestReplay(t *testing.T) {
	p := newPass(t)
	s := &Server{Admit: func(Opening) (Grant, error) { return Grant{}, nil }, Enrolled: func(Opening) {}}
	_, opening, _ := p.Client().Start()
	if _, _, err := s.Next(opening); err != nil {
		t.Fatal(err)
	}
	for _, old := range [][]byte{prove(p.Key, p.Code, NewCode()[2:]), prove(p.Key, NewCode(), s.nonce)} {
		again := *s
		if _, _, err := again.Next(old); err == nil {
			t.Error("a signature of another nonce or code passes")
		}
	}
	if _, _, err := s.Next(prove(p.Key, p.Code, s.nonce)); err != nil {
		t.Error(err)
	}
}

// What is kept counts for its key only, and nobody else can read it.
func TestGrantFile(t *testing.T) {
	p := newPass(t)
	want := Grant{Name(p.public()), NewToken()}
	if err := p.keep(want); err != nil {
		t.Fatal(err)
	}
	if g, ok := p.Grant(); !ok || g != want {
		t.Errorf("%v, %v", g, ok)
	}
	if i, err := os.Stat(p.File); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	if _, ok := (&Pass{File: p.File, Key: newPass(t).Key}).Grant(); ok {
		t.Error("it counts for another key")
	}
	for _, text := range []string{"", "{}", strings.Repeat(" ", maxFile+1), `{"schema":"vmrecord.token/2"}`} {
		if _, ok := parseToken([]byte(text), p.public()); ok {
			t.Errorf("%.40q is a token", text)
		}
	}
}

// Who waits for another program's enrolment can be told to stop.
func TestLock(t *testing.T) {
	p := newPass(t)
	unlock, err := p.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := p.Lock(ctx); err == nil {
		t.Error("two have it")
	}
	unlock()
	unlock, err = p.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// FuzzServer: whatever a stranger says, nobody is taken in whose key did not sign.
func FuzzServer(f *testing.F) {
	p := newPass(f)
	_, opening, _ := p.Client().Start()
	f.Add(opening, prove(p.Key, p.Code, "x"), []byte(kept))
	f.Add([]byte("1 a b"), []byte{}, []byte("1 kept"))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		s := &Server{Admit: func(Opening) (Grant, error) { t.Fatal("taken in"); return Grant{}, nil }, Enrolled: func(Opening) {}}
		for _, m := range [][]byte{a, b, c} {
			if _, _, err := s.Next(m); err != nil {
				return
			}
		}
	})
}

// FuzzClient: whatever an inbox says, only a name and a token are kept.
func FuzzClient(f *testing.F) {
	p := newPass(f)
	f.Add([]byte("1 "+NewCode()[2:]), Grant{Name("x"), NewToken()}.text())
	f.Add([]byte("1 x"), []byte("1 I-0 T-0"))
	f.Fuzz(func(t *testing.T, nonce, token []byte) {
		os.Remove(p.File)
		c := p.Client()
		_, err := c.Next(nonce)
		if err == nil {
			_, err = c.Next(token)
		}
		if _, ok := p.Grant(); ok != (err == nil) {
			t.Errorf("kept %v, %v", ok, err)
		}
	})
}

// FuzzTokenFile: a damaged file is no token.
func FuzzTokenFile(f *testing.F) {
	f.Add([]byte(`{"schema":"vmrecord.token/1","name":"I-0123456789abcdef","token":"T-ABCDEFGHIJKLMNOPQRSTUVWXYZ","key":"k"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, ok := parseToken(b, "k"); ok && (!nameForm.MatchString(g.Name) || !tokenForm.MatchString(g.Token)) {
			t.Errorf("%q", g)
		}
	})
}
