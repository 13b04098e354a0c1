package mail

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// A Note is a message that a program writes to a person: the same note is the same
// message, with the same Message-ID, however often it is sent.
type Note struct {
	ID       string // of the message, without brackets and domain, which is From's
	From, To string // bare addresses
	Date     time.Time
	Subject  string
	Text     string // lines ended by \n
	Reply    bool   // to what a program sent: nothing comes back
	Thread   string // Message-ID that a reply is to, without brackets; "": not known
}

// Message renders the note. It answers a program, or comes from one: nothing that
// obeys RFC 3834 answers it.
func (n Note) Message() ([]byte, error) {
	_, domain, _ := strings.Cut(n.From, "@")
	var h gomail.Header
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	h.Set("Content-Transfer-Encoding", "quoted-printable")
	h.Set("MIME-Version", "1.0")
	h.Set("X-Auto-Response-Suppress", "All")
	h.Set("Auto-Submitted", "auto-generated")
	if n.Reply {
		h.Set("Auto-Submitted", "auto-replied")
	}
	if n.Thread != "" {
		h.SetMsgIDList("References", []string{n.Thread})
		h.SetMsgIDList("In-Reply-To", []string{n.Thread})
	}
	h.SetMessageID(n.ID + "@" + domain)
	h.SetSubject(n.Subject)
	h.SetDate(n.Date.UTC())
	h.SetAddressList("To", []*gomail.Address{{Address: n.To}})
	h.SetAddressList("From", []*gomail.Address{{Address: n.From}})
	var out bytes.Buffer
	w, err := message.CreateWriter(&out, h.Header)
	if err == nil {
		_, err = w.Write([]byte(strings.ReplaceAll(n.Text, "\n", "\r\n")))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	return out.Bytes(), nil
}

// Post sends a note by the route's server, a reply without a return path (RFC 3834,
// 3.3).
func (s *Sender) Post(ctx context.Context, n Note) *Failure {
	msg, err := n.Message()
	if err != nil {
		return failed(KindLocal, "configure", err.Error(), err)
	}
	to := *s
	to.Route.From, to.Route.To = n.From, n.To
	from := n.From
	if n.Reply {
		from = ""
	}
	_, f := to.say(ctx, from, msg)
	return f
}

// say sends one message with this return path, and returns the reply to it.
func (s *Sender) say(ctx context.Context, from string, msg []byte) (reply string, f *Failure) {
	srv, err := s.Route.server()
	if err != nil {
		return "", failed(KindLocal, "configure", err.Error(), err)
	}
	c, hangUp, f := s.dial(ctx, srv, s.Timeouts.withDefaults())
	if f != nil {
		return "", f
	}
	defer hangUp()
	if err := c.Mail(from, &smtp.MailOptions{Size: int64(len(msg))}); err != nil {
		return "", classify(ctx, "mail", err)
	}
	if err := c.Rcpt(s.Route.To, nil); err != nil {
		return "", classify(ctx, "rcpt", err)
	}
	w, err := c.Data()
	if err != nil {
		return "", classify(ctx, "data", err)
	}
	if _, err := w.Write(msg); err != nil {
		return "", classify(ctx, "data", err)
	}
	resp, err := w.CloseWithResponse()
	if err != nil {
		return "", classify(ctx, "data", err)
	}
	_ = c.Quit() // it is taken: how the goodbye goes does not matter
	return oneLine(resp.StatusText), nil
}
