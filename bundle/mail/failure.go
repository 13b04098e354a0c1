package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"
)

// A Kind is what sort of trouble ended a conversation.
type Kind string

// The kinds. Only those that waiting can cure are temporary.
const (
	KindNetwork     Kind = "network"     // no answer, or the connection was lost
	KindBusy        Kind = "busy"        // the server says 4yz: later
	KindTLS         Kind = "tls"         // no encryption, or not with the right server; nothing was sent
	KindInterrupted Kind = "interrupted" // we were told to stop
	KindTooBig      Kind = "too-big"     // even the smallest parts are refused
	KindAuth        Kind = "auth"        // user or password refused
	KindAddress     Kind = "address"     // sender or recipient refused
	KindPolicy      Kind = "policy"      // the server says 5yz
	KindLocal       Kind = "local"       // our own configuration
	KindDisk        Kind = "disk"        // our own disk
	KindConsent     Kind = "consent"     // it may not be sent any more
)

// A Failure says why a conversation ended early, and what to do.
type Failure struct {
	Kind  Kind   `json:"kind"`
	Stage string `json:"stage"`          // connect, tls, auth, mail, rcpt, data, configure, read, save
	Code  int    `json:"code,omitempty"` // SMTP reply code, 0 without one
	Text  string `json:"text"`           // the server's reply, or what happened
	Fix   string `json:"fix"`
	err   error
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %s: %s", f.Stage, f.Text, f.Fix) }

// Unwrap returns the error the failure was made from.
func (f *Failure) Unwrap() error { return f.err }

// Temporary reports whether trying again later makes sense.
func (f *Failure) Temporary() bool {
	switch f.Kind {
	case KindNetwork, KindBusy, KindTLS, KindInterrupted, KindDisk:
		return true
	}
	return false
}

var fixes = map[Kind]string{
	KindNetwork:     "it is tried again by itself; check the network and the submit address",
	KindBusy:        "it is tried again by itself",
	KindInterrupted: "it goes on at the next start",
	KindTooBig:      "export the file (outbox export) and hand it over another way",
	KindAuth:        "correct the user or the password (token), then outbox retry",
	KindAddress:     "correct the mail address in the configuration, then outbox retry",
	KindPolicy:      "the server refuses this mail: ask its operator, or export the file (outbox export)",
	KindTLS:         "the connection is not safe and nothing was sent; another network may help, or the server's certificate must be put right",
	KindDisk:        "check the disk and its free space; it is tried again by itself",
	KindLocal:       "correct the configuration, then outbox retry",
	KindConsent:     "it is held back",
}

func failed(kind Kind, stage, text string, err error) *Failure {
	return &Failure{Kind: kind, Stage: stage, Text: oneLine(text), Fix: fixes[kind], err: err}
}

// classify turns what went wrong at a stage of the conversation into a Failure.
func classify(ctx context.Context, stage string, err error) *Failure {
	if ctx.Err() != nil {
		return failed(KindInterrupted, stage, "interrupted", ctx.Err())
	}
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		var cert *tls.CertificateVerificationError
		if stage == "tls" || errors.As(err, &cert) {
			return failed(KindTLS, stage, err.Error(), err)
		}
		return failed(KindNetwork, stage, err.Error(), err)
	}
	f := failed(kindOf(stage, reply), stage, replyText(reply), err)
	f.Code = reply.Code
	return f
}

// kindOf reads a refusal. Enhanced codes (RFC 3463) say more than the reply code:
// 552 with x.2.2 is a full mailbox, which passes, and with x.7.x a policy; 5.3.4
// and 5.2.3 mean too big whatever the code.
func kindOf(stage string, r *smtp.SMTPError) Kind {
	e := [2]int{r.EnhancedCode[1], r.EnhancedCode[2]}
	switch {
	case r.Code/100 == 4, r.Code == 552 && e == [2]int{2, 2}:
		return KindBusy
	case e == [2]int{3, 4}, e == [2]int{2, 3}, r.Code == 552 && e[0] != 7:
		return KindTooBig
	case stage == "auth", r.Code == 530, r.Code == 534, r.Code == 535, r.Code == 538:
		return KindAuth
	case e[0] == 1, stage == "rcpt" && e[0] != 7:
		return KindAddress
	}
	return KindPolicy
}

func replyText(r *smtp.SMTPError) string {
	if e := r.EnhancedCode; e != smtp.EnhancedCodeNotSet {
		return fmt.Sprintf("%d %d.%d.%d %s", r.Code, e[0], e[1], e[2], r.Message)
	}
	return fmt.Sprintf("%d %s", r.Code, r.Message)
}

// oneLine makes a stranger's text fit to print: no control characters, no more than
// a reply line of it.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, s)
	if len(s) > 512 {
		s = strings.ToValidUTF8(s[:512], "") + "…"
	}
	return s
}
