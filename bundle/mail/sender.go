package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-smtp"
)

// An Outcome is how a conversation ended.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // every part is acknowledged
	Deferred  Outcome = "deferred"  // worth another try later
	Stopped   Outcome = "stopped"   // someone must change something first
)

// A Result is what a conversation came to.
type Result struct {
	Outcome Outcome  `json:"outcome"`
	Server  string   `json:"server"`          // "smtp 127.0.0.1:2525"
	Parts   int      `json:"parts"`           // in the file, as last split
	Sent    int      `json:"sent"`            // parts taken by the server this time
	Reply   string   `json:"reply,omitempty"` // the last reply to a final dot
	Failure *Failure `json:"failure,omitempty"`
}

// String is the line a command prints.
func (r Result) String() string {
	head := fmt.Sprintf("%s  %d parts", r.Server, r.Parts)
	if r.Parts == 1 {
		head = r.Server + "  1 part"
	}
	if r.Failure != nil {
		return fmt.Sprintf("%s  %s: %v", head, r.Outcome, r.Failure)
	}
	return fmt.Sprintf("%s  %q", head, r.Reply)
}

// ExitCode is the command's: 0, 75 when queued for another try, 4 when credentials
// or the user refuse, else 1.
func (r Result) ExitCode() int {
	switch {
	case r.Outcome == Delivered:
		return 0
	case r.Outcome == Deferred:
		return 75
	case r.Failure != nil && (r.Failure.Kind == KindAuth || r.Failure.Kind == KindConsent):
		return 4
	}
	return 1
}

// A Progress is told while parts are written; Done and Total are bytes of the file.
type Progress struct {
	ID          string
	Part, Parts int
	Done, Total int64
}

// A Sender holds SMTP conversations over one route. Fields are not changed while
// it works; one Sender may serve several goroutines.
type Sender struct {
	Route    Route
	TLS      *tls.Config // nil: the system's roots
	Hello    string      // name for EHLO; "" is localhost
	Timeouts Timeouts
	Progress func(Progress) // may be nil
	// Allowed is asked before every part; its error ends the conversation, and the
	// bundle is held. May be nil.
	Allowed func() error
}

// A Job is one bundle to send, from where it was left.
type Job struct {
	Bundle    Bundle
	File      io.ReaderAt
	Date      time.Time // in the messages; the same at every try
	Have      Ranges    // bytes acknowledged before
	PartBytes int64     // part size used before, 0 at the first try
	// Save makes progress durable, after every reply; an error ends the conversation.
	Save func(have Ranges, partBytes int64) error
}

// smallerParts are the sizes tried in turn when a server says a message is too big.
var smallerParts = [...]int64{3_500_000, 1_750_000, 1_000_000}

// Send sends what the receiver does not have yet, one message per part over one
// connection, and again in smaller parts where the server says too big.
func (s *Sender) Send(ctx context.Context, j Job) Result {
	srv, err := s.Route.server()
	if err == nil {
		err = j.Bundle.Check()
	}
	if err != nil {
		return Result{Outcome: Stopped, Server: srv.String(), Failure: failed(KindLocal, "configure", err.Error(), err)}
	}
	want := s.Route.PartBytes
	if want == 0 {
		want = DefaultPartBytes
	}
	if j.PartBytes == 0 || j.PartBytes > want {
		j.PartBytes = want
	}
	t := &talk{Sender: s, ctx: ctx, srv: srv, job: j, times: s.Timeouts.withDefaults(), res: Result{Server: srv.String()}}
	for {
		f := t.converse()
		t.res.Parts = Split{j.Bundle, t.job.PartBytes}.Parts()
		if f == nil {
			t.res.Outcome, t.res.Failure = Delivered, nil
			return t.res
		}
		if f.Kind == KindTooBig && f.Code != 0 && t.shrink() {
			if f = t.save(); f == nil {
				continue
			}
		}
		t.res.Outcome, t.res.Failure = Stopped, f
		if f.Temporary() {
			t.res.Outcome = Deferred
		}
		return t.res
	}
}

// Try connects as Send does, encryption and authentication included, and says goodbye:
// nothing is sent. It returns nil where a bundle could be sent.
func (s *Sender) Try(ctx context.Context) *Failure {
	srv, err := s.Route.server()
	if err != nil {
		return failed(KindLocal, "configure", err.Error(), err)
	}
	c, hangUp, f := s.dial(ctx, srv, s.Timeouts.withDefaults())
	if f == nil {
		defer hangUp()
		_ = c.Quit()
	}
	return f
}

// A talk is one Send under way.
type talk struct {
	*Sender
	ctx    context.Context
	srv    server
	job    Job
	times  Timeouts
	res    Result
	client *smtp.Client
}

// shrink takes the next smaller part size, if there is one.
func (t *talk) shrink() bool {
	for _, n := range smallerParts {
		if n < t.job.PartBytes && n < t.job.Bundle.Size {
			t.job.PartBytes = n
			return true
		}
	}
	return false
}

func (t *talk) save() *Failure {
	if t.job.Save == nil {
		return nil
	}
	if err := t.job.Save(t.job.Have, t.job.PartBytes); err != nil {
		return failed(KindDisk, "save", err.Error(), err)
	}
	return nil
}

// converse is one connection: every missing part, and those a receipt asks for
// again, until the receiver has all or a round brings nothing new.
func (t *talk) converse() *Failure {
	c, hangUp, f := t.dial(t.ctx, t.srv, t.times)
	if f != nil {
		return f
	}
	defer hangUp()
	t.client = c
	if f := t.fit(); f != nil {
		return f
	}
	split := Split{t.job.Bundle, t.job.PartBytes}
	if err := split.Check(); err != nil {
		return failed(KindLocal, "configure", err.Error(), err)
	}
	whole := Range{0, t.job.Bundle.Size}
	for round := 0; !t.job.Have.Covers(whole); round++ {
		if round == 3 {
			return failed(KindBusy, "data", "the receiver keeps asking for parts it was sent: "+t.res.Reply, nil)
		}
		for n := 1; n <= split.Parts(); n++ {
			if t.job.Have.Covers(split.Range(n)) {
				continue
			}
			if f := t.allowed(); f != nil {
				return f
			}
			if f := t.part(split, n); f != nil {
				return f
			}
		}
	}
	// All is acknowledged and saved: how the goodbye goes does not matter.
	c.Quit()
	return nil
}

func (t *talk) allowed() *Failure {
	if t.Allowed == nil {
		return nil
	}
	if err := t.Allowed(); err != nil {
		return failed(KindConsent, "data", err.Error(), err)
	}
	return nil
}

// fit makes parts small enough for the size the server declares: base64 in lines
// of 76 takes 1.3685 times the bytes, the rest of a message less than 8 KiB.
func (t *talk) fit() *Failure {
	size, ok := t.client.MaxMessageSize()
	if !ok || size == 0 {
		return nil
	}
	fits := int64(float64(size)/1.3685) - 8<<10
	if fits < minPartBytes {
		return failed(KindTooBig, "connect", fmt.Sprintf("the server takes messages of %d bytes at most", size), nil)
	}
	if fits < t.job.PartBytes {
		t.job.PartBytes = fits
	}
	return nil
}

// part sends one part and takes in the answer.
func (t *talk) part(split Split, n int) *Failure {
	msg, err := split.Message(Letter{t.Route.From, t.Route.To, t.job.Date}, t.job.File, n)
	if err != nil {
		return failed(KindDisk, "read", err.Error(), err)
	}
	stage, reply, err := t.submit(split, n, msg)
	if err != nil {
		f := classify(t.ctx, stage, err)
		if f.Code != 0 {
			t.learn(split, 0, f.Text)
			if sf := t.save(); sf != nil {
				return sf
			}
		}
		return f
	}
	t.res.Sent++
	t.res.Reply = oneLine("250 " + reply)
	t.learn(split, n, reply)
	return t.save()
}

// submit is MAIL, RCPT and DATA; it names the stage an error came from.
func (t *talk) submit(split Split, n int, msg []byte) (stage, reply string, err error) {
	if err := t.client.Mail(t.Route.From, &smtp.MailOptions{Size: int64(len(msg))}); err != nil {
		return "mail", "", err
	}
	if err := t.client.Rcpt(t.Route.To, nil); err != nil {
		return "rcpt", "", err
	}
	w, err := t.client.Data()
	if err != nil {
		return "data", "", err
	}
	r := split.Range(n)
	const block = 64 << 10
	for off := 0; off < len(msg); off += block {
		end := min(off+block, len(msg))
		if _, err := w.Write(msg[off:end]); err != nil {
			return "data", "", err
		}
		if t.Progress != nil {
			done := r.From + (r.To-r.From)*int64(end)/int64(len(msg))
			t.Progress(Progress{split.ID, n, split.Parts(), done, split.Size})
		}
	}
	resp, err := w.CloseWithResponse()
	if err != nil {
		return "data", "", err
	}
	if resp == nil {
		return "data", "", errors.New("no reply to the final dot")
	}
	return "data", resp.StatusText, nil
}

// learn updates what the receiver has from a reply about part n; n is 0 where the
// part was refused. A receipt that makes no sense, or is about another bundle,
// counts as none.
func (t *talk) learn(split Split, n int, reply string) {
	r, ok, err := ParseReceipt(reply, split.Parts())
	if !ok || err != nil || r.ID != split.ID {
		if n != 0 {
			t.job.Have = t.job.Have.With(split.Range(n))
		}
		return
	}
	have := split.Bytes(r.Have)
	if r.More {
		for _, x := range t.job.Have {
			have = have.With(x)
		}
		if n != 0 {
			have = have.With(split.Range(n))
		}
	}
	t.job.Have = have
}
