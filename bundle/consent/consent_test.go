package consent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func book(t *testing.T) *Book {
	return &Book{t.TempDir(), func() time.Time { return time.Unix(1e9, 0) }}
}

// Who is asked, told, sent to: what was decided, against what is proposed now.
func TestMode(t *testing.T) {
	here := Party{Appliance: "a", To: "x@y.example", Submit: "smtps://y.example", Keys: []string{"age1x"}}
	other, ringed, open := here, here, here
	other.To, ringed.Ring, open.Mode = "z@y.example", 60, Always
	for _, c := range []struct {
		name     string
		proposed Mode
		told     *Party // whom the decision was made about
		decided  Mode
		want     Mode
	}{
		{"nothing decided, ask", Ask, nil, "", Ask},
		{"told of nothing, always", Always, nil, "", Ask},
		{"told only", Always, &open, "", Always},
		{"told of asking, always", Always, &here, "", Ask},
		{"told of always, reports", Report, &open, "", Ask},
		{"told of always, ask", Ask, &open, "", Ask},
		{"told of another recipient", Always, &other, "", Ask},
		{"given, and proposed then", Always, &here, Always, Always},
		{"given", Ask, &here, Always, Always},
		{"given for another recipient", Ask, &other, Always, Ask},
		{"reports only", Ask, &here, Report, Report},
		{"reports only, to another recipient", Ask, &other, Report, Ask},
		{"given for more", Ask, &ringed, Always, Ask},
		{"asked for", Always, &here, Ask, Ask},
		{"refused", Always, &here, Never, Never},
		{"refused to another recipient", Always, &other, Never, Never},
		{"the vendor wants nothing", Never, &here, Always, Never},
	} {
		b := book(t)
		if c.told != nil {
			if first, err := b.Told(*c.told); err != nil || !first {
				t.Fatal(first, err)
			}
			if err := b.Decide(c.told.Appliance, c.decided); err != nil {
				t.Fatal(err)
			}
		}
		p := here
		p.Mode = c.proposed
		if got, err := b.Mode(p); err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", c.name, got, err, c.want)
		}
	}
}

// A notice is shown once for each recipient; with another one what was given is asked for again.
func TestTold(t *testing.T) {
	for _, decided := range []Mode{Always, Report, Never} {
		b, p := book(t), Party{Appliance: "a", To: "x@y.example"}
		for i, want := range []bool{true, false} {
			if first, err := b.Told(p); err != nil || first != want {
				t.Fatalf("time %d: %v %v", i, first, err)
			}
		}
		if err := b.Decide("a", decided); err != nil {
			t.Fatal(err)
		}
		p.To = "z@y.example"
		if first, err := b.Told(p); err != nil || !first {
			t.Fatal(first, err)
		}
		all, err := b.List()
		if err != nil || len(all) != 1 || all[0].Mode != map[Mode]Mode{Always: Ask, Report: Ask, Never: Never}[decided] || all[0].Text != TextVersion || all[0].At.Unix() != 1e9 {
			t.Errorf("after %s: %+v %v", decided, all, err)
		}
	}
}

// Who has not decided is told again when more is to go unasked, and who has is not.
func TestToldOfMore(t *testing.T) {
	b, p := book(t), Party{Appliance: "a", To: "x@y.example"}
	for _, c := range []struct {
		proposed, decided Mode
		first             bool
		want              Mode
	}{{Ask, "", true, Ask}, {Always, "", true, Always}, {Always, "", false, Always}, {Report, Ask, true, Ask}, {Always, "", false, Ask}} {
		p.Mode = c.proposed
		if first, err := b.Told(p); err != nil || first != c.first {
			t.Errorf("%+v: told %v %v", c, first, err)
		}
		if c.decided != "" {
			if err := b.Decide("a", c.decided); err != nil {
				t.Fatal(err)
			}
		}
		if m, err := b.Mode(p); err != nil || m != c.want {
			t.Errorf("%+v: %q %v", c, m, err)
		}
	}
}

// A refusal is known to whom asks about a consent given before it.
func TestRefused(t *testing.T) {
	b, at := book(t), time.Unix(1e9, 0)
	for _, c := range []struct {
		decided Mode
		after   time.Time
		want    bool
	}{{Always, time.Time{}, false}, {Never, time.Time{}, true}, {Never, at.Add(-time.Microsecond), true}, {Never, at, false}} {
		if err := b.Decide("a", c.decided); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Refused("a", c.after); err != nil || got != c.want {
			t.Errorf("%+v: %v %v", c, got, err)
		}
		if got, err := b.Refused("b", c.after); err != nil || got {
			t.Errorf("another: %v %v", got, err)
		}
	}
}

// A file that cannot be read means that nothing is sent.
func TestDamaged(t *testing.T) {
	for _, text := range []string{"", "{", `{"schema":"vmrecord.consent/2"}`, `{"schema":"vmrecord.consent/1","decisions":[{"mode":"yes"}]}`} {
		b := book(t)
		if err := os.WriteFile(filepath.Join(b.Dir, fileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := b.Mode(Party{Mode: Always}); m != Never || err == nil || !strings.Contains(err.Error(), "nothing is sent") {
			t.Errorf("%q: %q %v", text, m, err)
		}
		if err := b.Decide("a", Always); err == nil {
			t.Errorf("%q was written over", text)
		}
	}
}

func TestNotice(t *testing.T) {
	p := Party{Appliance: "a", To: "x@y.example", Features: []string{"import", "sync"}, Mode: Ask}
	for _, c := range []struct {
		keys []string
		mode Mode
		want string
	}{
		{nil, Ask, "x@y.example, readable by whoever carries it, only after you said yes"},
		{[]string{"age1x"}, Always, "x@y.example, sealed so that only they can read it, without asking"},
		{nil, Report, "a report of a failure, with the last lines on the console, is sent to x@y.example, readable by whoever carries it, without asking; its recording only after"},
	} {
		p.Keys, p.Mode = c.keys, c.mode
		n := p.Notice()
		if !strings.Contains(n[0], "import, sync") || !strings.Contains(n[1], c.want) || !strings.Contains(n[2], "consent revoke") {
			t.Errorf("%q", n)
		}
	}
	p.Ring = 60
	if n := p.Notice(); !strings.Contains(n[0], "what is typed, always, to keep the last 60 s of a failure, and during: import, sync") {
		t.Errorf("%q", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema":"vmrecord.consent/1","decisions":[{"appliance":"a","mode":"never"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parse(text)
		for _, d := range all {
			if err == nil && d.Mode != "" && d.Mode != Ask && d.Mode != Report && d.Mode != Always && d.Mode != Never {
				t.Errorf("accepted %+v", d)
			}
		}
	})
}

// TestSigner: who signed first is who signs, until a key follows or all is forgotten.
func TestSigner(t *testing.T) {
	p := func(signer string) Party { return Party{Appliance: "a", To: "x@y.example", Signer: signer} }
	for _, c := range []struct {
		name       string
		known, now string
		follows    bool
		refused    bool
	}{
		{"the first", "", "RW1", false, false},
		{"the same", "RW1", "RW1", false, false},
		{"not signed, as before", "", "", false, false},
		{"not signed any more", "RW1", "", true, true},
		{"another", "RW1", "RW2", false, true},
		{"another that follows", "RW1", "RW2", true, false},
	} {
		b := book(t)
		follows := func(string, string) bool { return c.follows }
		if err := b.Meet(p(c.known)); err != nil {
			t.Fatal(err)
		}
		if err := b.Decide("a", Never); err != nil {
			t.Fatal(err)
		}
		err := b.Check(p(c.now), follows)
		if refused := err != nil; refused != c.refused || refused && !strings.Contains(err.Error(), `vmappliance consent forget "a"`) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.refused {
			if err := b.Forget("a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Meet(p(c.now)); err != nil {
			t.Fatal(err)
		}
		all, err := b.List()
		switch {
		case err != nil:
			t.Error(err)
		case c.refused && c.now == "" && len(all) != 0:
			t.Errorf("%s: not forgotten: %+v", c.name, all)
		case c.now != "" && (len(all) != 1 || all[0].Signer != c.now || all[0].At.IsZero() || (all[0].Mode == Never) == c.refused):
			t.Errorf("%s: %+v", c.name, all)
		}
	}
}
