package inbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle/mail"
)

const (
	testID   = "R-7K2M-93QF"
	testUUID = "0190a5c4-7b1e-7cc3-98c4-dc0c0c07398f"
)

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func now() time.Time { return time.Unix(1_790_000_000, 0) }

func split(data []byte, partBytes int64) mail.Split {
	sum := sha256.Sum256(data)
	return mail.Split{Bundle: mail.Bundle{ID: testID, UUID: testUUID, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, PartBytes: partBytes}
}

func messages(t testing.TB, data []byte, partBytes int64) [][]byte {
	s := split(data, partBytes)
	var all [][]byte
	for n := 1; n <= s.Parts(); n++ {
		m, err := s.Message(mail.Letter{From: "agent@beta.example", To: "inbox@vendor.example", Date: now()}, bytes.NewReader(data), n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func open(t testing.TB, opt Options) *Inbox {
	opt.Now = now
	b, err := Open(filepath.Join(t.TempDir(), "inbox"), opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holds says what the inbox has: of a whole report the digest is checked again.
func holds(t testing.TB, b *Inbox) string {
	all, err := b.List()
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, r := range all {
		switch r.State {
		case Complete:
			if d, err := mail.Describe(r.File, r.ID, r.UUID); err != nil || d != r.Bundle {
				t.Errorf("%s is not what it says (%v)", r.File, err)
			}
			out = append(out, "complete")
		case Partial:
			out = append(out, "have="+r.Have+" need="+r.Need)
		default:
			out = append(out, r.State+": "+r.Problem)
		}
	}
	return strings.Join(out, "; ")
}

// Parts of two splits of one file, sent in this order, leave the inbox so; the
// receipts on the way count parts of the split they answer.
func TestAssembly(t *testing.T) {
	data := noise(1, 10_000)
	ms := map[byte][][]byte{'a': messages(t, data, 2500), 'b': messages(t, data, 2000)} // 4 parts, 5 parts
	for _, c := range []struct{ order, receipts, want string }{
		{"a1", "have=1 need=2-4", "have=1 need=2-4"},
		{"a1 a2 a3 a4", "have=1 need=2-4, have=1-2 need=3-4, have=1-3 need=4, have=1-4", "complete"},
		{"a4 a2 a1 a3", "have=4 need=1-3, have=2,4 need=1,3, have=1-2,4 need=3, have=1-4", "complete"},
		{"a2 a2 a1 a2", "have=2 need=1,3-4, have=2 need=1,3-4, have=1-2 need=3-4, have=1-2 need=3-4", "have=1-2 need=3-4"},
		{"a1 a2 a3 a4 a2 a4", "have=1 need=2-4, have=1-2 need=3-4, have=1-3 need=4, have=1-4, have=1-4, have=1-4", "complete"},
		{"a1 b1 b2", "have=1 need=2-4, have=1 need=2-5, have=1-2 need=3-5", "have=1-2 need=3-5"},
		{"a1 a2 b4 b5 b3", "have=1 need=2-4, have=1-2 need=3-4, have=1-2,4 need=3,5, have=1-2,4-5 need=3, have=1-5", "complete"},
		{"b1 b2 b3 b4 a4", "have=1 need=2-5, have=1-2 need=3-5, have=1-3 need=4-5, have=1-4 need=5, have=1-4", "complete"},
		{"b5 a1 b4 a2 b2 b3", "have=5 need=1-4, have=1 need=2-4, have=1,4-5 need=2-3, have=1-2,4 need=3, have=1-2,4-5 need=3, have=1-5", "complete"},
	} {
		b := open(t, Options{})
		var got []string
		for w := range strings.FieldsSeq(c.order) {
			a, err := b.Accept(bytes.NewReader(ms[w[0]][w[1]-'1']), "agent@beta.example")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimPrefix(a.Receipt.String(), "VMB1 id="+testID+" "))
		}
		if g := strings.Join(got, ", "); g != c.receipts {
			t.Errorf("%s: receipts %s, want %s", c.order, g, c.receipts)
		}
		if g := holds(t, b); g != c.want {
			t.Errorf("%s: %s, want %s", c.order, g, c.want)
		}
		if c.want == "complete" {
			if left, _ := filepath.Glob(b.path("partial", "*")); len(left) > 0 {
				t.Errorf("%s: left %s", c.order, left)
			}
		}
		again, err := Open(b.dir, b.opt)
		if err != nil || holds(t, again) != c.want || again.kept.all() != b.kept.all() {
			t.Errorf("%s: after reopening %s, %d bytes, want %d (%v)", c.order, holds(t, again), again.kept.all(), b.kept.all(), err)
		}
	}
}

// refusal is the code a message is refused with, 250 if it is taken.
func refusal(b *Inbox, m []byte) (code int, text string) {
	_, err := b.Accept(bytes.NewReader(m), "")
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code, r.Text
	}
	return 250, ""
}

func TestRefused(t *testing.T) {
	m := string(messages(t, noise(2, 3000), 2000)[0])
	edit := func(old, new string) string {
		e := strings.Replace(m, old, new, 1)
		if e == m {
			t.Fatalf("%q is not in the message", old)
		}
		return e
	}
	flip := func(c byte) string {
		if c == 'A' {
			return "B"
		}
		return "A"
	}
	boundary := m[strings.Index(m, "boundary=")+9:]
	boundary = strings.Trim(boundary[:strings.IndexByte(boundary, '\r')], `"`)
	body := m[strings.Index(m, "\r\n\r\n"):]
	nest := func(n int) string {
		s := m
		for i := range n {
			s = fmt.Sprintf("Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n%s\r\n--x%d--\r\n", i, i, s, i)
		}
		return s
	}
	for _, c := range []struct {
		name, message string
		code          int
		text          string
	}{
		{"as sent", m, 250, ""},
		{"bare LF", strings.ReplaceAll(m, "\r\n", "\n"), 250, ""},
		{"wrapped by a list", nest(2), 250, ""},
		{"too deep", nest(6), 554, "nested"},
		{"changed byte", m[:len(m)-200] + flip(m[len(m)-200]) + m[len(m)-199:], 451, "damaged"},
		{"cut off", m[:len(m)-300], 451, "in the middle"},
		{"cut in the envelope", m[:strings.Index(m, "part_sha256")], 451, "in the middle"},
		{"not base64", edit("base64\r\n", "base64\r\n\r\n****"), 554, "base64"},
		{"no mail", "", 554, ""},
		{"noise", string(noise(3, 1000)), 554, ""},
		{"other mail", "Subject: hello\r\n\r\nhow are you\r\n", 554, "not a vmbundle message"},
		{"no boundary", edit("boundary=", "bondary="), 554, "boundary"},
		{"long boundary", edit("boundary=", "boundary="+strings.Repeat("x", 80)), 554, "boundary"},
		{"two parts", edit(mail.EnvelopeType, mail.PartType), 554, "two bundle parts"},
		{"two envelopes", edit(mail.PartType, mail.EnvelopeType), 554, "two envelopes"},
		{"lying length", edit(`"length": 2000`, `"length": 1999`), 554, "bytes at"},
		{"unknown version", edit("envelope/1", "envelope/2"), 554, "newer vmbundle"},
		{"path for an id", edit(`"id": "R-7K2M-93QF"`, `"id": "../../../x"`), 554, "R-XXXX-XXXX"},
		{"long header", "X: " + strings.Repeat("x", 100_000) + "\r\n" + m, 554, "header"},
		{"many headers", strings.Repeat("X: y\r\n", 20_000) + m, 554, "header"},
		{"many parts", "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n" + strings.Repeat("--"+boundary+"\r\n\r\n\r\n", 40) + body, 554, "more than 32"},
		{"endless", m + strings.Repeat("x", 70_000), 250, ""}, // after the last boundary: ignored
		{"too big", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("x\r\n", 80_000) + m, 552, "too big"},
	} {
		b := open(t, Options{MaxMessageBytes: 200_000})
		code, text := refusal(b, []byte(c.message))
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.name, code, text, c.code, c.text)
		}
		if left, _ := filepath.Glob(b.path("tmp", "*")); len(left) > 0 {
			t.Errorf("%s: left %s", c.name, left)
		}
		if kept, _ := filepath.Glob(b.path("partial", "*")); (len(kept) > 0) != (c.code == 250) {
			t.Errorf("%s: kept %s", c.name, kept)
		}
	}
}

// Nothing that a message says is obeyed by a terminal: not its sender, wherever that
// stands, and not what is wrong with it.
func TestHostileTexts(t *testing.T) {
	b, dir := open(t, Options{}), t.TempDir()
	good, saved := messages(t, noise(2, 3000), 4000)[0], messages(t, noise(3, 3000), 4000)[0]
	if _, err := b.Accept(bytes.NewReader(good), "a@b\x1b]0;x\x07\u009b2J\x9b\u202e"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.eml": "Return-Path: <x\x1b[2J@y>\r\n" + string(saved), "b.eml": "Bad\x1b[31mKey\r\n\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Ingest(dir)
	if err != nil || len(got) != 2 || !strings.HasSuffix(got[1].Error, "Bad?[31mKey??") {
		t.Errorf("%+v, %v", got, err)
	}
	if code, text := refusal(b, []byte("\x1b[2J: x\r\n\r\n")); code != 554 || !strings.HasSuffix(text, "?[2J") {
		t.Errorf("%d %+q", code, text)
	}
	all, err := b.List()
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	from := []string{all[0].From, all[1].From}
	slices.Sort(from)
	if from[0] != "a@b?]0;x??2J??" || from[1] != "x?[2J@y" {
		t.Errorf("%+q", from)
	}
}

// A part that is what its envelope says, of a file that is not: all is dropped and
// asked for again, and then arrives.
func TestLyingPart(t *testing.T) {
	good := noise(4, 4000)
	lie := slices.Clone(good)
	lie[100] ^= 1
	s := split(good, 2000)
	bad, err := s.Message(mail.Letter{From: "a@b.example", To: "c@d.example", Date: now()}, bytes.NewReader(lie), 1)
	if err != nil {
		t.Fatal(err)
	}
	ms := messages(t, good, 2000)
	b := open(t, Options{})
	if code, text := refusal(b, bad); code != 250 {
		t.Fatal(code, text)
	}
	_, err = b.Accept(bytes.NewReader(ms[1]), "")
	var r *Refusal
	if !errors.As(err, &r) || r.Code != 451 || r.Receipt == nil || r.Receipt.Need.String() != "1-2" || b.kept.all() != 0 {
		t.Fatalf("%+v, %d bytes", err, b.kept.all())
	}
	for _, m := range ms {
		if code, text := refusal(b, m); code != 250 {
			t.Fatal(code, text)
		}
	}
	if g := holds(t, b); g != "complete" {
		t.Error(g)
	}
}

func TestQuota(t *testing.T) {
	b := open(t, Options{QuotaBytes: 5000 + reportBytes, MaxPartial: 1})
	ms := messages(t, noise(5, 6000), 2000)
	for n, want := range []int{250, 250, 452} {
		if code, text := refusal(b, ms[n]); code != want {
			t.Errorf("part %d: %d %s, want %d", n+1, code, text, want)
		}
	}
	if code, text := refusal(b, messages(t, noise(6, 1500), 1200)[0]); code != 452 || !strings.Contains(text, "at most 21384") {
		t.Errorf("a second bundle: %d %s", code, text)
	}
	if code, _ := refusal(b, ms[0]); code != 250 {
		t.Errorf("a duplicate when full: %d", code)
	}
}

// Small reports take room, too, and who begins many finishes them first.
func TestQuotaOfSmall(t *testing.T) {
	b := open(t, Options{QuotaBytes: 4 * reportBytes})
	for n, want := range []int{250, 250, 250, 452} {
		if code, text := refusal(b, messages(t, noise(byte(n), 1), 2000)[0]); code != want {
			t.Errorf("report %d of a byte: %d %s, want %d", n+1, code, text, want)
		}
	}
	b = open(t, Options{MaxPartial: 20})
	for n, c := range []struct {
		install string
		code    int
	}{{"I-1", 250}, {"I-1", 250}, {"I-1", 452}, {"I-2", 250}, {"", 250}, {"", 250}, {"", 250}, {"", 250}} {
		_, err := b.accept(bytes.NewReader(messages(t, noise(byte(n), 3000), 2000)[0]), c.install, func(*parsed) string { return "" })
		if r := (*Refusal)(nil); errors.As(err, &r) != (c.code != 250) || r != nil && (r.Code != c.code || !strings.Contains(r.Text, "2 bundles of I-1's")) {
			t.Errorf("bundle %d, begun by %q: %v, want %d", n, c.install, err, c.code)
		}
	}
}

func TestIngest(t *testing.T) {
	data, whole := noise(7, 9000), append([]byte(bundleMagic), noise(8, 4000)...)
	dir := t.TempDir()
	put := func(name string, data []byte) {
		p := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(p), 0o700)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ms := messages(t, data, 2500)
	put("new/1790000000.M1.host", ms[3])
	put("cur/1790000000.M2.host:2,S", ms[0])
	put("cur/1790000000.M3.host:2,S", ms[2])
	put("tmp/1790000000.M4.host", ms[1])
	put("saved/part 2.eml", ms[1])
	put("saved/part 2 again.eml", ms[1])
	put("saved/x.vmb", whole)
	put("saved/letter.eml", []byte("Subject: hello\n\nhello\n"))
	put(".hidden/x", ms[0])
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zero")); err != nil {
		t.Fatal(err)
	}
	identify := func(r io.ReaderAt, size int64) (string, string, error) {
		head := make([]byte, len(bundleMagic))
		if _, err := r.ReadAt(head, 0); err != nil || string(head) != bundleMagic {
			return testID, testUUID, nil
		}
		return "R-0000-0001", strings.Replace(testUUID, "0190", "0191", 1), nil
	}
	b := open(t, Options{Identify: identify})
	for range 2 { // the second time changes nothing
		in, err := b.Ingest(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, x := range in {
			rel, _ := filepath.Rel(dir, x.Path)
			got[rel] = x.ID + x.Error
		}
		want := map[string]string{
			"new/1790000000.M1.host": testID, "cur/1790000000.M2.host:2,S": testID, "cur/1790000000.M3.host:2,S": testID,
			"saved/part 2.eml": testID, "saved/part 2 again.eml": testID, "saved/x.vmb": "R-0000-0001",
			"saved/letter.eml": errNotOurs.Error(), "zero": "not a regular file",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
		if g := holds(t, b); g != "complete; complete" {
			t.Error(g)
		}
	}
	if b.kept.all() != int64(len(data)+len(whole)+2*reportBytes) {
		t.Errorf("%d bytes counted", b.kept.all())
	}
	r, err := b.Show("R-0000-0001")
	if err != nil || r.Problem != "" {
		t.Errorf("%+v, %v", r, err)
	}
	j, err := json.Marshal(r)
	if err != nil || !bytes.Contains(j, []byte(`"state":"complete"`)) || !bytes.Contains(j, []byte(`"sha256":`)) {
		t.Errorf("%s, %v", j, err)
	}
	if _, err := b.Ingest(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a missing path passes")
	}
}

// What an envelope called a bundle is checked against the file.
func TestWrongName(t *testing.T) {
	b := open(t, Options{Identify: func(io.ReaderAt, int64) (string, string, error) { return "R-0000-0002", testUUID, nil }})
	if code, text := refusal(b, messages(t, noise(9, 1000), 2000)[0]); code != 250 {
		t.Fatal(code, text)
	}
	if r, err := b.Show(testID); err != nil || !strings.Contains(r.Problem, "R-0000-0002") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDamagedInbox(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(b *Inbox, partial, report string) error
		want  string
	}{
		{"cut envelope", func(_ *Inbox, p, _ string) error { return os.Truncate(p+"/envelope.json", 9) }, "damaged: read "},
		{"cut part", func(_ *Inbox, p, _ string) error {
			return os.Truncate(p+"/"+partName(mail.Range{From: 0, To: 2000}), 9)
		}, "not 2000 bytes long"},
		{"stray file", func(_ *Inbox, p, _ string) error { return os.WriteFile(p+"/9-9.part", nil, 0o600) }, "have=1 need=2; complete"},
		{"cut report", func(_ *Inbox, _, r string) error { return os.Truncate(r+"/report.json", 9) }, "damaged: read "},
		{"cut bundle", func(_ *Inbox, _, r string) error { return os.Truncate(r+"/"+testID+".vmb", 9) }, "not the file of 1500 bytes"},
		{"unfinished", func(b *Inbox, _, _ string) error {
			return errors.Join(os.WriteFile(b.path("tmp", "in-1"), nil, 0o600), os.Mkdir(b.path("tmp", "new-1"), 0o700))
		}, "have=1 need=2; complete"},
	} {
		b := open(t, Options{})
		big, small := noise(10, 3000), noise(11, 1500)
		for _, m := range [][]byte{messages(t, big, 2000)[0], messages(t, small, 2000)[0]} {
			if code, text := refusal(b, m); code != 250 {
				t.Fatal(code, text)
			}
		}
		if err := c.spoil(b, b.path("partial", key(split(big, 1).Bundle)), b.path("reports", key(split(small, 1).Bundle))); err != nil {
			t.Fatal(err)
		}
		b, err := Open(b.dir, b.opt)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if g := holds(t, b); !strings.Contains(g, c.want) {
			t.Errorf("%s: %s, want %s", c.name, g, c.want)
		}
		all, _ := b.List()
		if len(all) != 2 || all[0].ID != testID || all[1].ID != testID {
			t.Errorf("%s: %+v", c.name, all)
		}
		if left, _ := filepath.Glob(b.path("tmp", "*")); len(left) > 0 {
			t.Errorf("%s: left %s", c.name, left)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	m := messages(f, noise(12, 60), 2000)[0]
	f.Add(m)
	f.Add(bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n")))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: " + mail.PartType + "\nContent-Transfer-Encoding: base64\n\nAAAA\n--x--\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		p, err := parseMessage(bytes.NewReader(data), 8000, &out)
		if out.Len() > 8000 {
			t.Errorf("%d bytes out of a message of 8000", out.Len())
		}
		if err == nil && p.question == nil && p.envelope.Check() != nil {
			t.Errorf("%+v passes", p.envelope)
		}
	})
}
