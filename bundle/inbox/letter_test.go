package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"vmrecord/bundle/mail"
)

// A letterbox is a mail server that keeps what it gets; at first it may refuse.
type letterbox struct {
	mu     sync.Mutex
	refuse []*smtp.SMTPError
	got    []string // return path, recipient and message
	from   string
	to     string
}

func (x *letterbox) NewSession(*smtp.Conn) (smtp.Session, error) { return x, nil }
func (x *letterbox) Reset()                                      {}
func (x *letterbox) Logout() error                               { return nil }
func (x *letterbox) Mail(from string, _ *smtp.MailOptions) error { x.from = from; return nil }
func (x *letterbox) Rcpt(to string, _ *smtp.RcptOptions) error   { x.to = to; return nil }
func (x *letterbox) Data(r io.Reader) error {
	m, err := io.ReadAll(r)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.refuse) > 0 {
		e := x.refuse[0]
		x.refuse = x.refuse[1:]
		return e
	}
	x.got = append(x.got, fmt.Sprintf("<%s> <%s>\n%s", x.from, x.to, m))
	return err
}

// taken are the letters that came since it was last asked.
func (x *letterbox) taken() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	got := x.got
	x.got = nil
	return got
}

// postman carries letters to x.
func postman(t *testing.T, x *letterbox) Postman {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(x)
	s.Domain = "localhost"
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return Postman{From: "beta@vendor.example", Jitter: func() float64 { return 0 },
		Relay: &mail.Sender{Route: mail.Route{Submit: "smtp://" + l.Addr().String()}}}
}

// A clock is what time an inbox has.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// round is what serve does whenever the inbox changed.
func round(t *testing.T, b *Inbox, c Correspondence, p Postman, again bool) (next time.Time) {
	t.Helper()
	if err := b.Compose(c); err != nil {
		t.Fatal(err)
	}
	next, err := b.Deliver(t.Context(), p, again)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func judge(t *testing.T, b *Inbox, id string, v Verdict) {
	t.Helper()
	if err := b.Judge(id, v); err != nil {
		t.Fatal(err)
	}
}

// Whom a message is answered, and whom never: no loop can come of it.
func TestReplyTo(t *testing.T) {
	plain := string(messages(t, noise(1, 100), 2500)[0])
	for _, c := range []struct{ from, header, want string }{
		{"ann@user.example", "", "ann@user.example"},
		{"", "", ""}, // a bounce
		{"MAILER-DAEMON@x.example", "", ""},
		{"no-reply@x.example", "", ""},
		{"INBOX@vendor.example", "", ""}, // in the vendor's own name
		{"ann@user.example\r\nBcc: x@y", "", ""},
		{"Ann <ann@user.example>", "", ""},
		{"ann@user.example", "Auto-Submitted: auto-replied", ""},
		{"ann@user.example", "Auto-Submitted: auto-generated; x=y", "ann@user.example"},
		{"ann@user.example", "List-Id: <users.x.example>", ""},
		{"ann@user.example", "Precedence: Bulk", ""},
	} {
		b, m := open(t, Options{}), plain
		if strings.HasPrefix(c.header, "Auto-Submitted") {
			m = strings.Replace(m, "Auto-Submitted: auto-generated", c.header, 1)
		} else if c.header != "" {
			m = c.header + "\r\n" + m
		}
		if _, err := b.Accept(strings.NewReader(m), c.from); err != nil {
			t.Fatal(err)
		}
		r, err := b.Show(testID)
		if err != nil || r.ReplyTo != c.want || !strings.HasPrefix(r.Thread, testID+".") {
			t.Errorf("%q, %q: to %q about %q, want %q (%v)", c.from, c.header, r.ReplyTo, r.Thread, c.want, err)
		}
	}
}

// A saved message is answered to its return path, as the last server wrote it.
func TestReplyToSaved(t *testing.T) {
	b := open(t, Options{})
	file := filepath.Join(t.TempDir(), "1.eml")
	m := append([]byte("Return-Path: <ann@user.example>\r\n"), messages(t, noise(1, 100), 2500)[0]...)
	if err := os.WriteFile(file, m, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Ingest(file); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Show(testID); err != nil || r.ReplyTo != "ann@user.example" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A reporter is told once of each step, in the thread of what they sent.
func TestReplies(t *testing.T) {
	b, x, c := open(t, Options{}), &letterbox{}, &clock{now()}
	b.opt.Now = c.now
	p, to := postman(t, x), Correspondence{Reply: true}
	before := whole(t, b, 9)
	c.at = c.at.Add(time.Hour)
	told := func(want ...string) {
		t.Helper()
		round(t, b, to, p, false)
		round(t, b, to, p, false) // once
		got := x.taken()
		if len(got) != len(want) {
			t.Fatalf("%d letters, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
		}
		for i, m := range got {
			if !strings.HasPrefix(m, "<> <agent@beta.example>\n") || !strings.Contains(m, "Auto-Submitted: auto-replied\r\n") || !strings.Contains(m, want[i]) {
				t.Errorf("letter %d does not say %q:\n%s", i, want[i], m)
			}
		}
	}
	told() // what came before is not news
	one := whole(t, b, 1)
	told("Subject: [R-0000-0001] received\r\n")
	c.at = c.at.Add(time.Minute)
	two := whole(t, b, 2)
	r, err := b.Show(two)
	if err != nil {
		t.Fatal(err)
	}
	told("In-Reply-To: <" + r.Thread + ">\r\n")
	judge(t, b, one, Verdict{State: Reproduced, Crash: &loss})
	told("Subject: [R-0000-0001] reproduced\r\n")
	judge(t, b, two, Verdict{State: Reproduced, Crash: &loss})
	told("Subject: [R-0000-0002] duplicate of R-0000-0001\r\n")
	if _, err := b.Fix(one, "1.2", "", false); err != nil {
		t.Fatal(err)
	}
	told("Subject: [R-0000-0001] fixed in 1.2\r\n", "Subject: [R-0000-0002] fixed in 1.2\r\n")
	judge(t, b, before, Verdict{State: Broken})
	told()
	if _, err := b.Fix(one, "1 .2", "", false); err == nil {
		t.Error("a version with a blank passes")
	}
	if _, err := b.Purge(one); err != nil {
		t.Fatal(err)
	}
	all, err := b.Letters()
	if err != nil || len(all) != 3 || slices.ContainsFunc(all, func(l Letter) bool { return l.Report != two || l.State != Sent }) {
		t.Errorf("after a purge: %+v, %v", all, err)
	}
}

// An address that many reports name is not flooded.
func TestRepliesBounded(t *testing.T) {
	b, x := open(t, Options{}), &letterbox{}
	p := postman(t, x)
	for n := range dailyReplies + 3 {
		whole(t, b, n)
	}
	round(t, b, Correspondence{Reply: true}, p, false)
	if n := len(x.taken()); n != dailyReplies {
		t.Errorf("%d letters", n)
	}
}

// A letter that cannot be sent waits and is sent once it can be; refused for good, it
// stops, and is tried again by the next program.
func TestLetterRetried(t *testing.T) {
	b, x, c := open(t, Options{}), &letterbox{}, &clock{now()}
	b.opt.Now = c.now
	p, to := postman(t, x), Correspondence{Reply: true}
	whole(t, b, 1)
	x.refuse = []*smtp.SMTPError{{Code: 451, Message: "busy"}, {Code: 554, Message: "policy"}}
	next := round(t, b, to, p, false)
	if want := c.at.Add(54 * time.Second); !next.Equal(want) || len(x.taken()) != 0 {
		t.Errorf("next at %v, want %v", next, want)
	}
	state := func(want, reason string) {
		t.Helper()
		all, err := b.Letters()
		if err != nil || len(all) != 1 || all[0].State != want || !strings.Contains(all[0].Reason, reason) {
			t.Errorf("%+v, %v; want %s, %s", all, err, want, reason)
		}
	}
	state(Waiting, "busy")
	round(t, b, to, p, false) // too early
	state(Waiting, "busy")
	c.at = next
	round(t, b, to, p, false)
	state(Stopped, "policy")
	round(t, b, to, p, false)
	state(Stopped, "policy")
	round(t, b, to, p, true)
	state(Sent, "")
	if n := len(x.taken()); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// Killed after a letter was sent and before that was noted, it is sent again with the
// same Message-ID; killed while it is noted, it is not.
func TestLetterKilled(t *testing.T) {
	b, x := open(t, Options{}), &letterbox{}
	p, to := postman(t, x), Correspondence{Reply: true}
	whole(t, b, 1)
	if err := b.Compose(to); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(b.path(lettersDir, "R-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	round(t, b, to, p, false)
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := b.Letters(); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	round(t, b, to, p, false) // noted, and not removed
	first := x.taken()
	if err := os.Remove(b.path(sentDir, filepath.Base(files[0]))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	round(t, b, to, p, false) // sent, and not noted
	again := x.taken()
	if len(first) != 1 || len(again) != 1 || first[0] != again[0] {
		t.Errorf("%d letters, then %d:\n%q", len(first), len(again), append(first, again...))
	}
}

// A web server is told of each new bucket once, with what to type.
func TestNotify(t *testing.T) {
	b, c := open(t, Options{}), &clock{now()}
	b.opt.Now = c.now
	status := []int{}
	var got []string
	var said Notice
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(status) > 0 {
			http.Redirect(w, r, "/elsewhere", status[0])
			status = status[1:]
			return
		}
		if json.Unmarshal(body, &said) != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s", body)
		}
		got = append(got, r.URL.Path+" "+r.Header.Get("Idempotency-Key"))
	}))
	defer s.Close()
	p, to := Postman{Jitter: func() float64 { return 0 }}, Correspondence{Notify: []string{"webhook:" + s.URL + "/hook"}}
	old := whole(t, b, 9)
	judge(t, b, old, Verdict{State: Reproduced, Crash: &upset})
	c.at = c.at.Add(time.Hour)
	told := func(want string) {
		t.Helper()
		round(t, b, to, p, false)
		round(t, b, to, p, false)
		if g := strings.Join(got, ","); !strings.HasPrefix(g, want) || want == "" && g != "" {
			t.Errorf("told %q, want %q", g, want)
		}
		got = nil
	}
	told("") // of what was there before
	one, two := whole(t, b, 1), whole(t, b, 2)
	told("") // of what was not checked yet
	judge(t, b, one, Verdict{State: Reproduced, Crash: &loss})
	judge(t, b, two, Verdict{State: Reproduced, Crash: &loss})
	status = []int{503}
	told("")
	c.at = c.at.Add(time.Minute)
	told("/hook " + lossID + ".notice-")
	if said.Command != "vmbundle gdb R-0000-0001" || said.Bucket != lossID || said.Crash == nil || !strings.Contains(said.Text, "main.post < main.run (\"total is 1\")\n\n    vmbundle gdb R-0000-0001\n") {
		t.Errorf("%+v", said)
	}
	three := whole(t, b, 3)
	judge(t, b, three, Verdict{State: ReportOnly})
	status = []int{http.StatusFound} // somewhere else
	told("")
	all, err := b.Letters()
	if err != nil || len(all) != 2 || all[1].State != Stopped || !strings.Contains(all[1].Reason, "302") {
		t.Errorf("%+v, %v", all, err)
	}
	s.Close()
	round(t, b, to, p, true)
	all, err = b.Letters()
	if err != nil || all[1].State != Waiting || strings.Contains(all[1].Reason, "/hook") {
		t.Errorf("nobody there: %+v, %v", all, err)
	}
}

// What a guest said about its crash calls nobody in a chat; in the crash, and in mail, it
// stands as it was said.
func TestNotifySilent(t *testing.T) {
	n, err := notice(Entry{Report: Report{Bundle: mail.Bundle{ID: "R-0000-0001"}}, Bucket: lossID, Verdict: &Verdict{State: Reproduced,
		Crash: &Crash{Program: "<!channel>", Frames: []string{"a<b>@all", "memcpy@@GLIBC"}, Text: "<https://x.example|log in>"}}})
	var said Notice
	if err != nil || json.Unmarshal(n.Data, &said) != nil {
		t.Fatalf("%v, %s", err, n.Data)
	}
	if want := `new: ‹!channel›: a‹b›＠all < memcpy＠＠GLIBC ("‹https://x.example|log in›")`; !strings.HasPrefix(said.Text, want+"\n") || said.Crash.Program != "<!channel>" {
		t.Errorf("%q, %+v, want %q", said.Text, said.Crash, want)
	}
	if !strings.HasPrefix(n.Text, `new: <!channel>: a<b>@all < memcpy@@GLIBC (`) {
		t.Errorf("%q", n.Text)
	}
}

// Engineers are told by mail as well, with a return path: they are no programs.
func TestNotifyByMail(t *testing.T) {
	b, x := open(t, Options{}), &letterbox{}
	p := postman(t, x)
	judge(t, b, whole(t, b, 1), Verdict{State: Diverged, Reason: "at 5", Crash: &loss})
	round(t, b, Correspondence{Notify: []string{"mailto:dev@vendor.example"}}, p, false)
	got := x.taken()
	if len(got) != 1 {
		t.Fatalf("%q", got)
	}
	for _, want := range []string{"<beta@vendor.example> <dev@vendor.example>\n", "\r\n    vmbundle gdb R-0000-0001\r\n", "diverged (at 5)", "Message-Id: <" + lossID + ".notice-", "Auto-Submitted: auto-generated\r\n"} {
		if !strings.Contains(got[0], want) {
			t.Errorf("no %q in\n%s", want, got[0])
		}
	}
}

func TestCheckTarget(t *testing.T) {
	for to, fine := range map[string]bool{"mailto:a@b.example": true, "webhook:https://x.example/y?z": true, "webhook:http://127.0.0.1:80/": true, "webhook:http://localhost/": true,
		"mailto:": false, "a@b.example": false, "webhook:http://x.example/": false, "webhook:file:///x": false, "webhook:https://": false, "https://x.example": false} {
		if err := CheckTarget(to); (err == nil) != fine {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// Who had the file may ask what became of it, and nobody else.
func TestQuestion(t *testing.T) {
	b := open(t, Options{})
	one, two := whole(t, b, 1), whole(t, b, 2)
	judge(t, b, one, Verdict{State: Reproduced, Crash: &loss})
	judge(t, b, two, Verdict{State: Reproduced, Crash: &loss})
	addr := serve(t, b, ServerOptions{Received: func(a Accepted, err error) { t.Errorf("a question counts as a part: %+v, %v", a, err) }})
	s := &mail.Sender{Route: mail.Route{Submit: "smtp://" + addr, From: "inbox@vendor.example", To: "inbox@vendor.example"}}
	var about []mail.Bundle
	for _, id := range []string{one, two} {
		r, err := b.Show(id)
		if err != nil {
			t.Fatal(err)
		}
		about = append(about, r.Bundle)
	}
	for _, c := range []struct {
		name   string
		change func([]mail.Bundle)
		want   mail.Answer
	}{
		{"both", func([]mail.Bundle) {}, mail.Answer{one: mail.Reproduced, two: mail.DuplicateOf(one)}},
		{"guessed", func(q []mail.Bundle) { q[0].SHA256 = q[0].SHA256[:32] + strings.Repeat("0", 32) }, mail.Answer{two: mail.DuplicateOf(one)}},
		{"of what never came", func(q []mail.Bundle) { q[0].ID, q[1].ID = "R-ZZZZ-ZZZZ", "R-ZZZZ-ZZZY" }, mail.Answer{}},
	} {
		q := slices.Clone(about)
		c.change(q)
		a, f := s.Ask(t.Context(), now(), q)
		if f != nil || fmt.Sprint(a) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, a, f, c.want)
		}
	}
	if left, _ := os.ReadDir(b.path("tmp")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	bad := bytes.ReplaceAll([]byte("Content-Type: "+mail.QuestionType+"\n\n{\"schema\":\"vmbundle.question/2\"}\n"), []byte("\n"), []byte("\r\n"))
	if _, err := b.Accept(bytes.NewReader(bad), ""); err == nil || !strings.Contains(err.Error(), "vmbundle.question/2") {
		t.Error(err)
	}
}
