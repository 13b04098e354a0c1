package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
)

// A Letter is what a part message says beside its part. The same letter, split and
// file give the same bytes.
type Letter struct {
	From string // bare addresses, ASCII
	To   string
	Date time.Time
}

// Check refuses what are no bare addresses.
func (l Letter) Check() error {
	for _, a := range []string{l.From, l.To} {
		if err := CheckAddress(a); err != nil {
			return fmt.Errorf("mail address %.100q: %w", a, err)
		}
	}
	return nil
}

// Message renders part n, which counts from 1. It holds one part in memory, as
// bytes and as base64, never the file.
func (s Split) Message(l Letter, file io.ReaderAt, n int) ([]byte, error) {
	r := s.Range(n)
	data := make([]byte, r.To-r.From)
	if _, err := io.ReadFull(io.NewSectionReader(file, r.From, int64(len(data))), data); err != nil {
		return nil, fmt.Errorf("read part %d of %s: %w", n, s.ID, err)
	}
	sum := sha256.Sum256(data)
	env, err := json.MarshalIndent(Envelope{
		Schema: envelopeSchema, Bundle: s.Bundle, Part: n, Parts: s.Parts(), PartBytes: s.PartBytes,
		Offset: r.From, Length: int64(len(data)), PartSHA256: hex.EncodeToString(sum[:]),
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write envelope: %w", err)
	}

	var out bytes.Buffer
	out.Grow(len(data)*78/57 + 8<<10)
	w, err := message.CreateWriter(&out, s.header(l, n))
	if err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	name := fmt.Sprintf("%s.vmb.%04d-of-%04d", s.ID, n, s.Parts())
	for _, p := range []struct {
		kind, encoding, file string
		body                 []byte
	}{
		{"text/plain", "7bit", "", []byte(s.text(n))},
		{EnvelopeType, "7bit", s.ID + ".envelope.json", append(bytes.ReplaceAll(env, []byte("\n"), []byte("\r\n")), "\r\n"...)},
		{PartType, "base64", name, data},
	} {
		if err := addPart(w, p.kind, p.encoding, p.file, p.body); err != nil {
			return nil, fmt.Errorf("write message: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	return out.Bytes(), nil
}

func addPart(w *message.Writer, kind, encoding, file string, body []byte) error {
	var h message.Header
	h.Set("Content-Transfer-Encoding", encoding)
	if file != "" {
		h.SetContentDisposition("attachment", map[string]string{"filename": file})
	}
	params := map[string]string{}
	if kind == "text/plain" {
		params["charset"] = "us-ascii"
	}
	h.SetContentType(kind, params)
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	if _, err := p.Write(body); err != nil {
		return err
	}
	return p.Close()
}

// header lists the fields last to first: the library puts each new one on top.
func (s Split) header(l Letter, n int) message.Header {
	var h gomail.Header
	h.SetContentType("multipart/mixed", map[string]string{
		"boundary": fmt.Sprintf("vmb-%s-%d-%d", s.SHA256[:24], s.PartBytes, n),
	})
	h.Set("MIME-Version", "1.0")
	h.Set("X-VMB", fmt.Sprintf("1; id=%s; part=%d/%d", s.ID, n, s.Parts()))
	h.Set("Auto-Submitted", "auto-generated")
	if n > 1 {
		h.SetMsgIDList("References", []string{s.messageID(l, 1)})
		h.SetMsgIDList("In-Reply-To", []string{s.messageID(l, 1)})
	}
	h.SetMessageID(s.messageID(l, n))
	h.Set("Subject", fmt.Sprintf("[%s] problem report, part %d of %d", s.ID, n, s.Parts()))
	h.SetDate(l.Date.UTC())
	h.SetAddressList("To", []*gomail.Address{{Address: l.To}})
	h.SetAddressList("From", []*gomail.Address{{Address: l.From}})
	return h.Header
}

func (s Split) messageID(l Letter, n int) string {
	_, domain, _ := strings.Cut(l.From, "@")
	return fmt.Sprintf("%s.%s.%d.%d@%s", s.ID, s.SHA256[:16], s.PartBytes, n, domain)
}

func (s Split) text(n int) string {
	r := s.Range(n)
	return strings.ReplaceAll(fmt.Sprintf(`This message was sent by a program. It carries part %d of %d of the problem
report %s: bytes %d to %d of a file of %d bytes.

The parts need not be opened or put in order by hand. Save all messages with
this number in one directory and run

    vmbundle ingest DIRECTORY

SHA-256 of the whole file:
%s
`, n, s.Parts(), s.ID, r.From, r.To-1, s.Size, s.SHA256), "\n", "\r\n")
}
