package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	testID   = "R-7K2M-93QF"
	testUUID = "0190a5c4-7b1e-7cc3-98c4-dc0c0c07398f"
)

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

func bundleOf(data []byte) Bundle {
	sum := sha256.Sum256(data)
	return Bundle{testID, testUUID, int64(len(data)), hex.EncodeToString(sum[:])}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		add  []Range
		want string
	}{
		{nil, ""},
		{[]Range{{1, 2}}, "1"},
		{[]Range{{1, 4}, {5, 6}}, "1-3,5"},
		{[]Range{{5, 6}, {1, 4}}, "1-3,5"},
		{[]Range{{1, 4}, {4, 6}}, "1-5"},
		{[]Range{{1, 3}, {5, 7}, {2, 6}}, "1-6"},
		{[]Range{{1, 3}, {9, 9}, {1, 3}}, "1-2"},
		{[]Range{{3, 4}, {1, 2}, {7, 9}}, "1,3,7-8"},
	} {
		var s Ranges
		for _, r := range c.add {
			s = s.With(r)
		}
		if s.String() != c.want {
			t.Errorf("%v: %q, want %q", c.add, s, c.want)
		}
		if err := s.check(10); err != nil {
			t.Errorf("%v: %v", c.add, err)
		}
	}
	for _, bad := range []Ranges{{{1, 1}}, {{3, 2}}, {{-1, 2}}, {{0, 11}}, {{0, 2}, {2, 3}}, {{4, 5}, {1, 2}}} {
		if bad.check(10) == nil {
			t.Errorf("%v passes", bad)
		}
	}
}

func TestReceipt(t *testing.T) {
	split := Split{bundleOf(noise(1, 10_000)), 2000}
	for _, c := range []struct {
		have Ranges // bytes
		text string
	}{
		{nil, "VMB1 id=R-7K2M-93QF need=1-5"},
		{Ranges{{0, 1999}}, "VMB1 id=R-7K2M-93QF need=1-5"},
		{Ranges{{0, 6000}, {8000, 10_000}}, "VMB1 id=R-7K2M-93QF have=1-3,5 need=4"},
		{Ranges{{0, 10_000}}, "VMB1 id=R-7K2M-93QF have=1-5"},
	} {
		r := NewReceipt(split, c.have)
		if r.String() != c.text {
			t.Errorf("%v: %q, want %q", c.have, r, c.text)
		}
		back, ok, err := ParseReceipt("2.6.0 "+c.text+" and=more words", 5)
		if !ok || err != nil || back.String() != c.text {
			t.Errorf("%q reads back as %q, %v, %v", c.text, back, ok, err)
		}
	}
	for _, bad := range []string{"id=R-7K2M-93Q", "have=0", "have=6", "have=2-1", "have=1-", "have=1,,2", "need=x", "have=" + strings.Repeat("1,", 600)} {
		if _, ok, err := ParseReceipt("2.6.0 VMB1 "+bad, 5); !ok || err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if _, ok, _ := ParseReceipt("2.0.0 OK: queued", 5); ok {
		t.Error("an ordinary reply passes for a receipt")
	}
}

func TestReceiptFitsReplyLine(t *testing.T) {
	split := Split{bundleOf(noise(1, 1<<20)), 1024}
	var every2nd Ranges
	for n := 1; n <= split.Parts(); n += 2 {
		every2nd.push(split.Range(n))
	}
	line := "250 2.6.0 " + NewReceipt(split, every2nd).String()
	if len(line) > 510 {
		t.Errorf("reply line is %d long", len(line))
	}
	r, ok, err := ParseReceipt(line, split.Parts())
	if !ok || err != nil || !r.More || !r.Have.Covers(Range{1, 2}) {
		t.Errorf("%q reads as %v, %v, %v", line, r, ok, err)
	}
}

// Same input, same bytes; and every line fits SMTP.
func TestMessage(t *testing.T) {
	data := noise(2, 5000)
	s := Split{bundleOf(data), 2000}
	l := Letter{"agent@example.com", "beta@vendor.example", time.Unix(1_790_000_000, 0)}
	a, err := s.Message(l, bytes.NewReader(data), 2)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := s.Message(l, bytes.NewReader(data), 2)
	if !bytes.Equal(a, b) {
		t.Error("two renderings differ")
	}
	for _, want := range []string{
		"Message-Id: <R-7K2M-93QF." + s.SHA256[:16] + ".2000.2@example.com>\r\n",
		"References: <R-7K2M-93QF." + s.SHA256[:16] + ".2000.1@example.com>\r\n",
		"Auto-Submitted: auto-generated\r\n", "X-Vmb: 1; id=R-7K2M-93QF; part=2/3\r\n",
		"Subject: [R-7K2M-93QF] problem report, part 2 of 3\r\n", "\"part_bytes\": 2000",
	} {
		if !bytes.Contains(a, []byte(want)) && !bytes.Contains(bytes.ToLower(a), []byte(strings.ToLower(want))) {
			t.Errorf("message lacks %q", want)
		}
	}
	for line := range bytes.SplitSeq(a, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line not fit for mail: %.60q (%d)", line, len(line))
		}
	}
}

func TestMessageSizeWithinEstimate(t *testing.T) {
	data := noise(3, 700_000)
	s := Split{bundleOf(data), 700_000}
	l := Letter{"agent@example.com", "beta@vendor.example", time.Unix(1_790_000_000, 0)}
	m, err := s.Message(l, bytes.NewReader(data), 1)
	if err != nil {
		t.Fatal(err)
	}
	if limit := int(1.3685 * float64(len(data)+8<<10)); len(m) > limit {
		t.Errorf("message of %d bytes, estimate %d", len(m), limit)
	}
}

func TestEnvelopeRefused(t *testing.T) {
	good := `{"schema":"vmbundle.envelope/1","id":"R-7K2M-93QF","uuid":"` + testUUID + `","size":5000,"sha256":"` + strings.Repeat("a", 64) +
		`","part":2,"parts":3,"part_bytes":2000,"offset":2000,"length":2000,"part_sha256":"` + strings.Repeat("b", 64) + `","later":1}`
	if _, err := ParseEnvelope([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`envelope/1`, `envelope/2`}, {`R-7K2M-93QF`, `../../etc`}, {`"size":5000`, `"size":-1`}, {`"size":5000`, `"size":99999999999999`},
		{`"part":2`, `"part":0`}, {`"part":2`, `"part":4`}, {`"parts":3`, `"parts":4`}, {`"part_bytes":2000`, `"part_bytes":0`},
		{`"part_bytes":2000`, `"part_bytes":-2000`}, {`"offset":2000`, `"offset":0`}, {`"length":2000`, `"length":2001`},
		{`aaaa`, `AAAA`}, {`bbbb"`, `bbb"`}, {`0190a5c4-`, `0190a5c4/`}, {`{"schema"`, `{}{"schema"`}, {`1}`, `1} {}`}, {`1}`, `1`},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if _, err := ParseEnvelope([]byte(bad)); err == nil || bad == good {
			t.Errorf("%s for %s passes", c[1], c[0])
		}
	}
}

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		submit, user string
		plain        bool
		want         string // server, or a piece of the error after "!"
	}{
		{"smtp://127.0.0.1:2525", "", false, "smtp 127.0.0.1:2525"},
		{"smtp://127.0.0.1:2525", "u", false, "smtp 127.0.0.1:2525"},
		{"smtp://localhost:25", "", false, "smtp localhost:25"},
		{"smtp://[::1]:25", "", false, "smtp [::1]:25"},
		{"smtp://mail.example.com:25", "", false, "!without encryption"},
		{"smtp://mail.example.com:25", "", true, "smtp mail.example.com:25"},
		{"smtp://mail.example.com:25", "u", true, "!password without encryption"},
		{"smtp://localhost.example.com:25", "", false, "!without encryption"},
		{"smtp://127.0.0.1", "", false, "!port is missing"},
		{"smtps://mail.example.com", "u", false, "smtps mail.example.com:465"},
		{"smtp+starttls://mail.example.com", "u", false, "smtp mail.example.com:587"},
		{"smtp+starttls://mail.example.com:25/", "", false, "smtp mail.example.com:25"},
		{"smtps://u:p@mail.example.com", "", false, "!settings of their own"},
		{"smtps://mail.example.com/x", "", false, "!only HOST and PORT"},
		{"http://mail.example.com", "", false, "!want smtps://"},
		{"mail.example.com", "", false, "!want smtps://"},
		{"", "", false, "!want smtps://"},
	} {
		srv, err := Route{Submit: c.submit, From: "a@b.example", To: "c@d.example", User: c.user, AllowPlain: c.plain}.server()
		got := srv.String()
		if err != nil {
			got = "!" + err.Error()
		}
		if e, isErr := strings.CutPrefix(c.want, "!"); got != c.want && !(isErr && strings.HasPrefix(got, "!") && strings.Contains(got, e)) {
			t.Errorf("%q user %q plain %v: %s, want %s", c.submit, c.user, c.plain, got, c.want)
		}
	}
	for _, a := range []string{"", "x", "A <a@b.example>", "a@b.example\r\nRCPT TO:<x@y>", "ä@b.example", "a@b.example, c@d.example"} {
		if (Route{Submit: "smtp://127.0.0.1:25", From: "a@b.example", To: a}).Check() == nil {
			t.Errorf("address %q passes", a)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	for _, c := range []struct {
		n      int
		jitter float64
		want   string
	}{
		{1, 0.5, "1m0s"}, {2, 0.5, "5m0s"}, {3, 0.5, "15m0s"}, {4, 0.5, "30m0s"}, {5, 0.5, "1h0m0s"}, {6, 0.5, "2h0m0s"},
		{7, 0.5, "4h0m0s"}, {8, 0.5, "4h0m0s"}, {1000, 0.5, "4h0m0s"}, {0, 0.5, "1m0s"}, {2, 0, "4m30s"}, {2, 1, "5m30s"},
	} {
		if got := RetryAfter(c.n, c.jitter).String(); got != c.want {
			t.Errorf("try %d, jitter %v: %s, want %s", c.n, c.jitter, got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		stage string
		code  int
		enh   [3]int
		want  Kind
	}{
		{"mail", 552, [3]int{}, KindTooBig}, {"mail", 552, [3]int{5, 3, 4}, KindTooBig}, {"data", 554, [3]int{5, 3, 4}, KindTooBig},
		{"data", 552, [3]int{5, 2, 3}, KindTooBig}, {"data", 552, [3]int{5, 2, 2}, KindBusy}, {"data", 552, [3]int{5, 7, 0}, KindPolicy},
		{"rcpt", 450, [3]int{4, 7, 1}, KindBusy}, {"mail", 452, [3]int{4, 3, 1}, KindBusy}, {"connect", 421, [3]int{}, KindBusy},
		{"auth", 454, [3]int{4, 7, 0}, KindBusy}, {"auth", 535, [3]int{5, 7, 8}, KindAuth}, {"auth", 535, [3]int{5, 7, 30}, KindAuth},
		{"mail", 530, [3]int{5, 7, 0}, KindAuth}, {"rcpt", 550, [3]int{5, 1, 1}, KindAddress}, {"rcpt", 550, [3]int{}, KindAddress},
		{"rcpt", 554, [3]int{5, 7, 1}, KindPolicy}, {"data", 554, [3]int{5, 7, 1}, KindPolicy}, {"connect", 554, [3]int{}, KindPolicy},
	} {
		if got := kindOf(c.stage, &smtp.SMTPError{Code: c.code, EnhancedCode: smtp.EnhancedCode(c.enh)}); got != c.want {
			t.Errorf("%s %d %v: %s, want %s", c.stage, c.code, c.enh, got, c.want)
		}
	}
}

func testSpool(t *testing.T, now *time.Time) *Spool {
	s, err := OpenSpool(filepath.Join(t.TempDir(), "spool"), Options{
		Now: func() time.Time { return *now }, Jitter: func() float64 { return 0.5 }, MaxBytes: 100_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writeFile(t *testing.T, data []byte) string {
	p := filepath.Join(t.TempDir(), testID+".vmb")
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSpoolVerbs(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	s := testSpool(t, &now)
	data := noise(4, 5000)
	path := writeFile(t, data)
	it, err := s.Add(path, testID, testUUID)
	if err != nil || it.State != Queued || it.Bundle != bundleOf(data) {
		t.Fatalf("%+v, %v", it, err)
	}
	if again, err := s.Add(path, testID, testUUID); err != nil || again.Bundle != it.Bundle {
		t.Errorf("add again: %+v, %v", again, err)
	}
	if _, err := s.Add(writeFile(t, noise(5, 5000)), testID, testUUID); err == nil {
		t.Error("another file under the same name passes")
	}
	if _, err := s.Add(writeFile(t, noise(5, 100_000)), testID, strings.Replace(testUUID, "0", "1", 1)); err == nil || !strings.Contains(err.Error(), "at most 100000 bytes") {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := s.Cancel(testID); err != nil {
		t.Error(err)
	}
	if its, _ := s.List(); len(its) != 1 || its[0].State != Cancelled {
		t.Errorf("after cancel: %+v", its)
	}
	out := filepath.Join(t.TempDir(), "out.vmb")
	if _, err := s.Export(testUUID, out); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(out); !bytes.Equal(got, data) {
		t.Error("exported file differs")
	}
	if _, err := s.Export(testUUID, out); err == nil {
		t.Error("export overwrites")
	}
	now = now.Add(time.Hour)
	if it, err := s.Retry(testID); err != nil || it.State != Queued || !it.GiveUpAt.Equal(now.Add(DefaultExpire)) {
		t.Errorf("retry: %+v, %v", it, err)
	}
	if _, err := s.Retry("R-0000-0000"); err == nil {
		t.Error("retry of nothing passes")
	}
	if gone, err := s.Prune(now.Add(time.Hour)); len(gone) != 0 || err != nil {
		t.Errorf("prune of a queued item: %v, %v", gone, err)
	}
	s.Cancel(testID)
	if gone, err := s.Prune(now.Add(-2 * time.Hour)); len(gone) != 0 || err != nil {
		t.Errorf("prune before its time: %v, %v", gone, err)
	}
	lock, err := lockItem(filepath.Join(s.dir, testID+"."+testUUID))
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Prune(now.Add(time.Hour)); len(gone) != 0 || err != nil {
		t.Errorf("prune of what is at work: %v, %v", gone, err)
	}
	lock.Close()
	if gone, err := s.Prune(now.Add(time.Hour)); len(gone) != 1 || gone[0].ID != testID || err != nil {
		t.Errorf("prune: %v, %v", gone, err)
	}
	if its, err := s.List(); len(its) != 0 || err != nil {
		t.Errorf("after prune: %v, %v", its, err)
	}
}

// A damaged entry is named, with what is wrong, and left as it is.
func TestSpoolDamaged(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(dir string) error
		want  string
	}{
		{"no item", func(d string) error { return os.Remove(d + "/item.json") }, "no such file"},
		{"cut item", func(d string) error { return os.Truncate(d+"/item.json", 40) }, "read item.json"},
		{"no bundle", func(d string) error { return os.Remove(d + "/bundle.vmb") }, "no such file"},
		{"cut bundle", func(d string) error { return os.Truncate(d+"/bundle.vmb", 40) }, "not the file of 5000 bytes"},
		{"huge item", func(d string) error { return os.Truncate(d+"/item.json", 10<<20) }, "longer than"},
		{"other name", func(d string) error { return os.Rename(d, d[:len(d)-1]+"e") }, "is about"},
		{"link", func(d string) error { os.Remove(d + "/bundle.vmb"); return os.Symlink("/etc/passwd", d+"/bundle.vmb") }, "not the file"},
	} {
		now := time.Unix(1_790_000_000, 0)
		s := testSpool(t, &now)
		if _, err := s.Add(writeFile(t, noise(4, 5000)), testID, testUUID); err != nil {
			t.Fatal(err)
		}
		if err := c.spoil(filepath.Join(s.dir, testID+"."+testUUID)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSpool(s.dir, s.opt); err != nil {
			t.Errorf("%s: open: %v", c.name, err)
		}
		its, err := s.List()
		if err != nil || len(its) != 1 || its[0].State != Damaged || !strings.Contains(its[0].Reason, c.want) {
			t.Errorf("%s: %+v, %v", c.name, its, err)
		}
		if _, err := s.Retry(testID); err == nil {
			t.Errorf("%s: retry passes", c.name)
		}
		if _, err := s.DeliverDue(t.Context(), func(Item) (*Sender, error) { return new(Sender), nil }, func(Item, Result, error) { t.Errorf("%s: sent", c.name) }); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParseItem(f *testing.F) {
	f.Add([]byte(`{"schema":"vmbundle.spool/1","id":"R-7K2M-93QF","uuid":"` + testUUID + `","size":5,"sha256":"` + strings.Repeat("a", 64) + `","state":"waiting","have":[{"from":0,"to":5}]}`))
	f.Add([]byte(`{"schema":"vmbundle.spool/1","have":[{"from":5,"to":0}],"part_bytes":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if it, err := parseItem(data); err == nil {
			it.Parts()
		}
	})
}

func FuzzParseReceipt(f *testing.F) {
	f.Add("2.6.0 VMB1 id=R-7K2M-93QF have=1-3,5 need=4", 5)
	f.Add("VMB1 have=1-4294967296,+", 4096)
	f.Fuzz(func(t *testing.T, text string, parts int) {
		r, ok, err := ParseReceipt(text, parts)
		if ok && err == nil && r.Have.check(int64(max(parts, 0))+1) != nil {
			t.Errorf("%q: %v", text, r)
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(`{"schema":"vmbundle.envelope/1","id":"R-7K2M-93QF","size":1,"part":1,"parts":1,"part_bytes":1024}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := ParseEnvelope(data); err == nil && e.Split().Range(e.Part).To > e.Size {
			t.Errorf("%+v reaches beyond the file", e)
		}
	})
}
