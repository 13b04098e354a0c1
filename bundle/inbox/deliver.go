package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"vmrecord/bundle/mail"
)

// A Postman carries letters. Jitter must be given.
type Postman struct {
	From   string       // who writes
	Relay  *mail.Sender // takes mail; nil: letters by mail wait
	HTTP   *http.Client // nil: of its own
	Jitter func() float64
	Told   func(Letter) // of each try; may be nil
}

// webhookWait bounds one request.
const webhookWait = 30 * time.Second

// Deliver sends the letters that are due, and says when the next one is, zero if none
// is. A letter may be sent again if the program is killed before it noted that it was:
// mail has the same Message-ID then, a request the same Idempotency-Key. Those that
// were stopped are tried again where again says so.
func (b *Inbox) Deliver(ctx context.Context, p Postman, again bool) (next time.Time, err error) {
	unlock, ok, err := b.lockLetters()
	if err != nil {
		return next, fmt.Errorf("send letters: %w", err)
	}
	if !ok { // another process is at it
		return b.opt.Now().Add(time.Minute), nil
	}
	defer unlock()
	names, err := b.letterNames(lettersDir)
	if err != nil {
		return next, err
	}
	for _, n := range names {
		at, err := b.deliver(ctx, p, n, again)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return next, fmt.Errorf("send letter %s: %w", n, err)
		}
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// deliver sends one letter if it is due, and says when it is to be tried next.
func (b *Inbox) deliver(ctx context.Context, p Postman, name string, again bool) (next time.Time, err error) {
	if _, err := os.Lstat(b.path(sentDir, name+".json")); err == nil {
		return next, os.Remove(b.path(lettersDir, name+".json")) // killed before that
	}
	l, err := b.readLetter(lettersDir, name)
	if err != nil {
		return next, err
	}
	now := b.now()
	if l.State == Stopped && again && now.Sub(l.Written) < mail.DefaultExpire {
		l.State, l.Attempts, l.NextTry = Waiting, 0, time.Time{}
	}
	if l.State != Waiting || l.NextTry.After(now) {
		return l.NextTry, nil
	}
	why, temporary := p.carry(ctx, l)
	if ctx.Err() != nil && why != nil {
		return next, ctx.Err()
	}
	l.Reason, l.NextTry = "", time.Time{}
	switch {
	case why == nil:
		l.State, l.SentAt = Sent, now
	case !temporary || now.Sub(l.Written) > mail.DefaultExpire:
		l.State, l.Reason = Stopped, printable(why.Error())
	default:
		l.Attempts++
		l.Reason, l.NextTry = printable(why.Error()), now.Add(mail.RetryAfter(l.Attempts, p.Jitter())).Truncate(time.Second)
	}
	if err := b.file(l); err != nil {
		return next, err
	}
	if p.Told != nil {
		p.Told(l)
	}
	return l.NextTry, nil
}

// carry sends a letter; temporary tells whether a failure may pass.
func (p *Postman) carry(ctx context.Context, l Letter) (why error, temporary bool) {
	if u, ok := strings.CutPrefix(l.To, "webhook:"); ok {
		return p.request(ctx, u, l)
	}
	if p.Relay == nil {
		return errors.New("there is no server for mail: --relay"), true
	}
	f := p.Relay.Post(ctx, mail.Note{ID: l.Name, From: p.From, To: strings.TrimPrefix(l.To, "mailto:"), Date: l.Written,
		Subject: l.Subject, Text: l.Text, Reply: l.Bucket == "", Thread: l.Thread})
	if f == nil {
		return nil, false
	}
	return f, f.Temporary()
}

// request tells a web server, which must answer with a success itself: it may not
// send us elsewhere.
func (p *Postman) request(ctx context.Context, to string, l Letter) (why error, temporary bool) {
	ctx, cancel := context.WithTimeout(ctx, webhookWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(l.Data))
	if err != nil {
		return err, false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", l.Name)
	r.Header.Set("User-Agent", "vmbundle")
	c := http.Client{}
	if p.HTTP != nil {
		c = *p.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := c.Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the address, which may be a secret
		}
		return err, true
	}
	defer a.Body.Close()
	if a.StatusCode/100 == 2 {
		return nil, false
	}
	said, _ := io.ReadAll(io.LimitReader(a.Body, 200))
	err = fmt.Errorf("%s: %.200s", a.Status, said)
	switch a.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return err, true
	}
	return err, a.StatusCode/100 == 5
}
