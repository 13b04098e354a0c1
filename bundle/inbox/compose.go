package inbox

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"vmrecord/bundle/mail"
)

// A Correspondence says who is told what.
type Correspondence struct {
	Reply  bool     // reporters are told what became of their reports
	Notify []string // are told of new buckets: mailto:ADDRESS or webhook:URL
}

// dailyReplies is to how many reports of an address in a day there are replies: an
// address may be somebody's who never sent one.
const dailyReplies = 20

// CheckTarget says what is wrong with one of Correspondence.Notify.
func CheckTarget(to string) error {
	if a, ok := strings.CutPrefix(to, "mailto:"); ok {
		return mail.CheckAddress(a)
	}
	text, ok := strings.CutPrefix(to, "webhook:")
	u, err := url.Parse(text)
	if !ok || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%.100q: want mailto:ADDRESS or webhook:https://HOST/PATH", to)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%.100q would tell of crashes without encryption: want https", to)
	}
	return nil
}

// Compose writes the letters that are due by what the inbox holds, and none twice. All
// of it follows from files: whatever ends the program before, the next call writes
// them.
func (b *Inbox) Compose(c Correspondence) error {
	x, err := b.Index()
	if err != nil {
		return err
	}
	defer x.Close()
	all, err := x.Entries(Filter{State: Complete})
	if err != nil {
		return err
	}
	w := writer{in: b, x: x, all: all, written: map[string]bool{}}
	for _, dir := range []string{lettersDir, sentDir} {
		names, err := b.letterNames(dir)
		if err != nil {
			return err
		}
		for _, n := range names {
			w.written[n] = true
		}
	}
	for _, to := range c.Notify {
		if err := w.notices(to); err != nil {
			return err
		}
	}
	if !c.Reply {
		return nil
	}
	return w.replies()
}

// A writer is one Compose under way.
type writer struct {
	in      *Inbox
	x       *Index
	all     []Entry // complete ones, oldest first
	written map[string]bool
}

func (w *writer) write(l Letter) error {
	if w.written[l.Name] {
		return nil
	}
	w.written[l.Name] = true
	return w.in.write(l)
}

// notices tells of each bucket whose first report came since, once that was checked.
func (w *writer) notices(to string) error {
	since, err := w.in.since(to)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	sum := sha256.Sum256([]byte(to))
	for _, e := range w.all {
		if e.Verdict == nil || seen[e.Bucket] {
			continue
		}
		seen[e.Bucket] = true
		m, err := w.in.markOf(e.Bucket)
		if err != nil {
			return err
		}
		if e.First.Before(since) || m.Status == Duplicate {
			continue
		}
		l, err := notice(e)
		if err != nil {
			return err
		}
		l.Name, l.To = fmt.Sprintf("%s.notice-%x", e.Bucket, sum[:4]), to
		if err := w.write(l); err != nil {
			return err
		}
	}
	return nil
}

// A Notice is the body of a webhook's request.
type Notice struct {
	Schema  string `json:"schema"` // vmbundle.notice/1
	Text    string `json:"text"`   // for people: what chat programs show
	Bucket  string `json:"bucket"`
	Report  string `json:"report"`
	Command string `json:"command"` // to copy
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	Crash   *Crash `json:"crash,omitempty"`
}

// notice is what is told of a bucket's first report.
func notice(e Entry) (Letter, error) {
	n := Notice{Schema: "vmbundle.notice/1", Bucket: e.Bucket, Report: e.ID, Command: "vmbundle gdb " + e.ID,
		Verdict: e.Verdict.State, Reason: e.Verdict.Reason, Crash: e.Verdict.Crash}
	if n.Verdict == ReportOnly || n.Verdict == Broken {
		n.Command = "vmbundle inspect " + e.File
	}
	what := n.what()
	says := func(what string) string { return fmt.Sprintf("new: %s\n\n    %s\n", what, n.Command) }
	n.Text = says(silent.Replace(what))
	text := fmt.Sprintf("%s\nReport %s of %s, %s: %s", says(what), e.ID, e.First.Format(time.RFC3339), e.Bucket, n.Verdict)
	if n.Reason != "" {
		text += " (" + n.Reason + ")"
	}
	data, err := json.Marshal(n)
	return Letter{Report: e.ID, Bucket: e.Bucket, Subject: fmt.Sprintf("[%s] %s", e.ID, what), Text: text + "\n", Data: data}, err
}

// what names what is new in a line.
func (n *Notice) what() string {
	switch c := n.Crash; {
	case n.Verdict == ReportOnly:
		return "a report without its recording"
	case c != nil && c.Text != "":
		return fmt.Sprintf("%s: %s (%q)", c.Program, strings.Join(c.Frames[:min(3, len(c.Frames))], " < "), c.Text)
	case c != nil:
		return c.Brief()
	case n.Verdict == Reproduced:
		return "a recording without a failure, which replays"
	}
	return "a report that was found " + n.Verdict
}

// silent replaces what chat programs obey in a text, some of which is a stranger's: with
// "<!channel>" or "@all" they call everybody, with "<URL|WORDS>" they hide an address.
var silent = strings.NewReplacer(" < ", " < ", "<", "‹", ">", "›", "@", "＠")

// replies tells reporters what became of their reports.
func (w *writer) replies() error {
	since, err := w.in.since("reporters")
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, e := range w.all {
		if e.ReplyTo == "" || e.First.Before(since) {
			continue
		}
		day := strings.ToLower(e.ReplyTo) + e.First.Format(time.DateOnly)
		if count[day]++; count[day] > dailyReplies {
			continue
		}
		s, err := w.x.Status(e)
		if err != nil {
			return err
		}
		for _, s := range slices.Compact([]mail.Status{mail.Received, s}) {
			if err := w.write(reply(e, s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// reply is what a reporter is told of a status. Of duplicates they are told once,
// whatever of, and of each version that has the fix.
func reply(e Entry, s mail.Status) Letter {
	kind, _, _ := strings.Cut(string(s), ":")
	said := map[string]string{
		"received":     "arrived, whole, and will be looked at.",
		"reproduced":   "was replayed here: what happened on your computer happens here in the\nsame way, and can be examined.",
		"unreproduced": "arrived, but could not be replayed here as it was recorded.",
		"duplicate":    "is a " + s.Text() + ", which is about the same crash.",
		"fixed":        "is about a crash that is " + s.Text() + ".",
	}[kind]
	if s.Final() {
		kind = strings.Replace(string(s), ":", "-", 1)
	}
	return Letter{Name: key(e.Bundle) + "." + kind, To: "mailto:" + e.ReplyTo, Report: e.ID, Thread: e.Thread,
		Subject: fmt.Sprintf("[%s] %s", e.ID, s.Text()),
		Text:    fmt.Sprintf("Your problem report %s %s\n\nThis message was sent by a program; nobody reads answers to it.\n", e.ID, said)}
}
