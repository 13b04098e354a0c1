package inbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle/mail"
)

// whole puts a complete report into the inbox, the nth.
func whole(t testing.TB, b *Inbox, n int) (id string) {
	t.Helper()
	s := split(noise(byte(n), 2000+n), 4000)
	s.ID, s.UUID = fmt.Sprintf("R-0000-%04d", n), fmt.Sprintf("%s%04d", testUUID[:32], n)
	m, err := s.Message(mail.Letter{From: "agent@beta.example", To: "inbox@vendor.example", Date: now()}, bytes.NewReader(noise(byte(n), 2000+n)), 1)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := b.Accept(bytes.NewReader(m), "agent@beta.example"); err != nil || !a.Complete {
		t.Fatalf("%+v, %v", a, err)
	}
	return s.ID
}

// told is what the index says, a word for each report.
func told(t testing.TB, b *Inbox, f Filter) string {
	t.Helper()
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	all, err := x.Entries(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		w := e.ID[len(e.ID)-1:]
		if e.State != Complete {
			w = e.State
		}
		out = append(out, w+strings.Join(e.Tags, "+"))
	}
	return strings.Join(out, " ")
}

func counted(t testing.TB, b *Inbox) string {
	t.Helper()
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	all, err := x.Buckets()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range all {
		w := fmt.Sprintf("%s:%d:%s", k.Name, k.Count, k.Status)
		if k.Of != "" {
			w += " of " + k.Of
		}
		if k.Again {
			w += " again"
		}
		out = append(out, w)
	}
	return strings.Join(out, ", ")
}

var (
	loss   = Crash{Program: "ledger", BuildID: "ab12", Frames: []string{"main.post", "main.run"}, Text: "total is 1"}
	upset  = Crash{Program: "ledger", BuildID: "ab12", Frames: []string{"main.load", "main.run"}}
	lossID = loss.Bucket()
)

// The index is what the folders are, whatever was done to either.
func TestIndexFollowsFolders(t *testing.T) {
	b := open(t, Options{})
	is := func(want string) {
		t.Helper()
		if got := told(t, b, Filter{}); got != want {
			t.Errorf("index: %q, want %q", got, want)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is("")
	one, two, three := whole(t, b, 1), whole(t, b, 2), whole(t, b, 3)
	is("1 2 3")
	_, err := b.Tag(two, []string{"db", "beta"}, nil)
	check(err)
	is("1 2beta+db 3")
	_, err = b.Tag(two, nil, []string{"db", "none"})
	check(err)
	is("1 2beta 3")
	if got := told(t, b, Filter{Tag: "beta"}); got != "2beta" {
		t.Errorf("by tag: %q", got)
	}
	if got := told(t, b, Filter{Tag: "' OR 1=1 --"}); got != "" {
		t.Errorf("by a hostile tag: %q", got)
	}
	for _, spoil := range []func(path string) error{
		os.Remove,
		func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("no database "), 1000), 0o600) },
		func(p string) error { return os.Truncate(p, 5000) },
		func(p string) error { // another version's
			x, err := b.Index()
			if err == nil {
				_, err = x.db.Exec("PRAGMA user_version=99; DROP TABLE tags")
				x.Close()
			}
			return err
		},
	} {
		check(spoil(b.path("index.sqlite")))
		is("1 2beta 3")
	}
	check(os.WriteFile(b.path("reports", key(mustShow(t, b, three).Bundle), "verdict.json"), []byte("{"), 0o600))
	is("damaged 1 2beta")
	check(os.Remove(b.path("reports", key(mustShow(t, b, three).Bundle), "verdict.json")))
	r, err := b.Purge(one)
	check(err)
	if _, err := os.Stat(r.File); err == nil {
		t.Error("the purged file is there")
	}
	is("2beta 3")
	used := b.kept.all()
	if again, err := Open(b.dir, b.opt); err != nil || again.kept.all() != used {
		t.Errorf("%d bytes used after purge, want %d (%v)", again.kept.all(), used, err)
	}
	if gone, err := b.PurgeBefore(now()); len(gone) != 0 || err != nil {
		t.Errorf("purged what is not old: %v, %v", gone, err)
	}
	if gone, err := b.PurgeBefore(now().Add(time.Second)); len(gone) != 2 || err != nil {
		t.Errorf("purge: %v, %v", gone, err)
	}
	is("")
	if left, _ := filepath.Glob(b.path("tmp", "*")); len(left) > 0 || b.kept.all() != 0 {
		t.Errorf("left %s, %d bytes", left, b.kept.all())
	}
}

func mustShow(t *testing.T, b *Inbox, id string) Report {
	t.Helper()
	r, err := b.Show(id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Equal crashes are counted together, and what is decided holds for all of them.
func TestBuckets(t *testing.T) {
	at := now()
	b := open(t, Options{})
	b.opt.Now = func() time.Time { return at }
	later := func() { at = at.Add(time.Microsecond) }
	is := func(want string) {
		t.Helper()
		if got := counted(t, b); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	check := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	judge := func(n int, c Crash) {
		t.Helper()
		check("", b.Judge(whole(t, b, n), Verdict{State: Reproduced, Replays: 2, Crash: &c}))
		later()
	}
	judge(1, loss)
	other := loss
	other.Text = "total is 2" // its words do not part a crash
	judge(2, other)
	is(lossID + ":2:open")
	judge(3, upset)
	is(upset.Bucket() + ":1:open, " + lossID + ":2:open")
	whole(t, b, 4)
	is("R-0000-0004:1:open, " + upset.Bucket() + ":1:open, " + lossID + ":2:open")
	check(b.Fix("R-0000-0001", "", "0.9.1", false))
	is("R-0000-0004:1:open, " + upset.Bucket() + ":1:open, " + lossID + ":2:fixed")
	later()
	judge(5, loss)
	is(lossID + ":3:fixed again, R-0000-0004:1:open, " + upset.Bucket() + ":1:open")
	check(b.Fix(lossID, "", "", true))
	dup := func(ref, of string) error { _, _, err := b.Dup(ref, of); return err }
	check("", dup("R-0000-0004", upset.Bucket()))
	check("", dup("R-0000-0003", lossID))
	is(lossID + ":3:open, R-0000-0004:1:dup of " + upset.Bucket() + ", " + upset.Bucket() + ":1:dup of " + lossID)
	for _, c := range [][2]string{{lossID, "R-0000-0004"}, {lossID, lossID}, {"R-0000-0001", "R-0000-0002"}, {"R-9999-9999", lossID}, {lossID, "../../etc"}, {"B-../../../x", lossID}} {
		if dup(c[0], c[1]) == nil {
			t.Errorf("dup %s of %s passes", c[0], c[1])
		}
	}
}

// Which of two reports was first does not hang on their names.
func TestFirst(t *testing.T) {
	at := now()
	b := open(t, Options{})
	b.opt.Now = func() time.Time { at = at.Add(time.Microsecond); return at }
	for _, n := range []int{9, 1} {
		if err := b.Judge(whole(t, b, n), Verdict{State: Reproduced, Replays: 2, Crash: &loss}); err != nil {
			t.Fatal(err)
		}
	}
	if got := told(t, b, Filter{}); got != "9 1" {
		t.Errorf("listed as %s", got)
	}
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for id, want := range map[string]mail.Status{"R-0000-0009": mail.Reproduced, "R-0000-0001": mail.DuplicateOf("R-0000-0009")} {
		e, err := b.Entry(id)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.Status(e); got != want || err != nil {
			t.Errorf("%s is %s (%v), want %s", id, got, err, want)
		}
	}
}

func TestTagRefuses(t *testing.T) {
	b := open(t, Options{})
	id := whole(t, b, 1)
	for _, bad := range []string{"", " ", "a b", "-x", "a\n", strings.Repeat("a", 41), "é"} {
		if _, err := b.Tag(id, []string{bad}, nil); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	for n := range maxTags + 1 {
		if _, err := b.Tag(id, []string{fmt.Sprint("t", n)}, nil); (err != nil) != (n == maxTags) {
			t.Errorf("tag %d: %v", n, err)
		}
	}
	b.Accept(bytes.NewReader(messages(t, noise(9, 10_000), 2500)[0]), "")
	if _, err := b.Tag(testID, []string{"x"}, nil); err == nil {
		t.Error("a report in parts can be tagged")
	}
}

// A verdict comes from a process that looked into a stranger's machine.
func FuzzVerdict(f *testing.F) {
	b := open(f, Options{})
	r := Report{State: Complete, Bundle: split(noise(1, 2000), 4000).Bundle}
	dir := b.path("reports", key(r.Bundle))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	r.File = filepath.Join(dir, r.ID+".vmb")
	f.Add([]byte(`{"schema":"vmbundle.verdict/1","state":"reproduced","crash":{"program":"a","frames":["b","c"]}}`))
	f.Add([]byte(`{"schema":"vmbundle.verdict/2"}`))
	f.Add([]byte("{\"schema\":\"vmbundle.verdict/1\",\"crash\":{\"program\":\"\x1b[2J\"}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, verdictName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := b.entry(r)
		if !bucketForm.MatchString(e.Bucket) {
			t.Errorf("bucket %q", e.Bucket)
		}
		if err == nil && e.Verdict.Crash != nil {
			for _, s := range append(e.Verdict.Crash.Frames, e.Verdict.Crash.Program) {
				if strings.ContainsAny(s, "\x1b\n\x00") || len(s) > 4*maxText {
					t.Errorf("%q can be printed", s)
				}
			}
		}
	})
}
