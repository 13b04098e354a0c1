package inbox

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/emersion/go-message"

	"vmrecord/bundle/mail"
)

// Bounds of a message. Ours have one header of under 1 KiB and four entities; what
// lists and scanners add fits easily. The standard library bounds the headers of
// the inner entities itself (10 000 fields, 10 MB, all within the message's size).
const (
	maxHeaderBytes = 64 << 10
	maxDepth       = 4
	maxEntities    = 32
	maxBoundary    = 70 // RFC 2046 5.1.1
)

var (
	errNotOurs = errors.New("this is not a vmbundle message: it has no envelope and part")
	errTooBig  = errors.New("the message is too big")
)

// parseMessage reads one message of at most limit bytes, writes the part's bytes to
// payload and returns the envelope. Whether they belong together is for the caller
// to check.
func parseMessage(r io.Reader, limit int64, payload io.Writer) (mail.Envelope, error) {
	e, err := message.ReadWithOptions(&bounded{r, limit}, &message.ReadOptions{MaxHeaderBytes: maxHeaderBytes})
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return mail.Envelope{}, fmt.Errorf("read message header: %w", err)
	}
	p := &parser{payload: payload}
	if err := p.entity(e, 0); err != nil {
		return mail.Envelope{}, err
	}
	if p.envelope == nil || !p.sawPart {
		return mail.Envelope{}, errNotOurs
	}
	return *p.envelope, nil
}

type parser struct {
	payload  io.Writer
	entities int
	envelope *mail.Envelope
	sawPart  bool
}

// entity takes in one entity, whose body is decoded already, and all inside it.
func (p *parser) entity(e *message.Entity, depth int) error {
	if p.entities++; p.entities > maxEntities {
		return fmt.Errorf("message has more than %d MIME parts", maxEntities)
	}
	kind, params, err := mime.ParseMediaType(e.Header.Get("Content-Type"))
	if err != nil {
		return nil // what cannot be named is not ours
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		return p.multipart(e.Body, params["boundary"], depth)
	case kind == mail.EnvelopeType:
		return p.takeEnvelope(e.Body)
	case kind == mail.PartType:
		if p.sawPart {
			return errors.New("message carries two bundle parts")
		}
		p.sawPart = true
		if _, err := io.Copy(p.payload, e.Body); err != nil {
			return fmt.Errorf("read bundle part: %w", err)
		}
	}
	return nil
}

func (p *parser) multipart(body io.Reader, boundary string, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("MIME parts are nested more than %d deep", maxDepth)
	}
	if boundary == "" || len(boundary) > maxBoundary {
		return fmt.Errorf("MIME boundary of %d characters, want 1 to %d", len(boundary), maxBoundary)
	}
	for mr := multipart.NewReader(body, boundary); ; {
		part, err := mr.NextRawPart()
		if err == io.EOF {
			return nil
		}
		// The library wraps the end of input before the last boundary as io.EOF.
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read MIME parts: %w", err)
		}
		// An unknown charset or encoding is an error only in an entity of ours, and
		// there the digest tells.
		e, err := message.New(message.HeaderFromMap(part.Header), part)
		if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			return fmt.Errorf("read MIME part: %w", err)
		}
		if err := p.entity(e, depth+1); err != nil {
			return err
		}
	}
}

func (p *parser) takeEnvelope(r io.Reader) error {
	if p.envelope != nil {
		return errors.New("message carries two envelopes")
	}
	data, err := io.ReadAll(io.LimitReader(r, mail.MaxEnvelopeBytes+1))
	if err != nil {
		return fmt.Errorf("read envelope: %w", err)
	}
	env, err := mail.ParseEnvelope(data)
	p.envelope = &env
	return err
}

// bounded is a reader that fails, rather than ends, after n bytes.
type bounded struct {
	r io.Reader
	n int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.n <= 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooBig
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.n)])
	b.n -= int64(n)
	return n, err
}
