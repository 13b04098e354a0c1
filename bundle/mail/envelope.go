package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
)

// Limits of the format.
const (
	DefaultPartBytes = 7_000_000 // fits Postfix's default of 10 240 000 after base64
	MaxParts         = 4096
	MaxBundleBytes   = MaxParts * DefaultPartBytes
	MaxEnvelopeBytes = 16 << 10

	minPartBytes   = 1024
	envelopeSchema = "vmbundle.envelope/1"
)

// Media types of the two parts a machine reads.
const (
	EnvelopeType = "application/vnd.vmbundle.envelope+json"
	PartType     = "application/vnd.vmbundle.part"
)

var (
	idForm   = regexp.MustCompile(`^R-[0-9A-Z]{4}-[0-9A-Z]{4}$`)
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	sumForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// A Bundle is what mail knows of a bundle file.
type Bundle struct {
	ID     string `json:"id"`     // R-XXXX-XXXX
	UUID   string `json:"uuid"`   // lower case
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // lower-case hex
}

// Check says what is wrong with b, if anything; all of b may come from a stranger.
func (b Bundle) Check() error {
	switch {
	case !idForm.MatchString(b.ID):
		return fmt.Errorf("bundle id %.40q is not of the form R-XXXX-XXXX", b.ID)
	case !uuidForm.MatchString(b.UUID):
		return fmt.Errorf("bundle uuid %.40q is not a lower-case uuid", b.UUID)
	case b.Size < 1 || b.Size > MaxBundleBytes:
		return fmt.Errorf("bundle size %d is not between 1 and %d bytes", b.Size, int64(MaxBundleBytes))
	case !sumForm.MatchString(b.SHA256):
		return fmt.Errorf("bundle sha256 %.70q is not 64 lower-case hex digits", b.SHA256)
	}
	return nil
}

// Describe reads the file at path through and returns its Bundle.
func Describe(path, id, uuid string) (Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return Bundle{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Bundle{}, fmt.Errorf("read %s: %w", path, err)
	}
	b := Bundle{ID: id, UUID: uuid, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	return b, b.Check()
}

// A Split is a way to cut a bundle in parts of PartBytes, the last one shorter.
type Split struct {
	Bundle
	PartBytes int64
}

// Check refuses splits with parts too small or too many.
func (s Split) Check() error {
	if err := s.Bundle.Check(); err != nil {
		return err
	}
	if s.PartBytes < minPartBytes || s.PartBytes > MaxBundleBytes {
		return fmt.Errorf("part size %d is not between %d and %d bytes", s.PartBytes, minPartBytes, int64(MaxBundleBytes))
	}
	if s.Parts() > MaxParts {
		return fmt.Errorf("%d parts of %d bytes, at most %d parts: raise the part size or send the file another way (outbox export)", s.Parts(), s.PartBytes, MaxParts)
	}
	return nil
}

// Parts is how many parts there are.
func (s Split) Parts() int { return int((s.Size + s.PartBytes - 1) / s.PartBytes) }

// Range is the bytes of part n, which counts from 1.
func (s Split) Range(n int) Range {
	from := int64(n-1) * s.PartBytes
	return Range{from, min(from+s.PartBytes, s.Size)}
}

// Have returns the parts all of whose bytes are in the set.
func (s Split) Have(bytes Ranges) (parts Ranges) {
	for n := 1; n <= s.Parts(); n++ {
		if bytes.Covers(s.Range(n)) {
			parts.push(Range{int64(n), int64(n) + 1})
		}
	}
	return parts
}

// Bytes returns the bytes of a set of parts.
func (s Split) Bytes(parts Ranges) (bytes Ranges) {
	for _, p := range parts {
		bytes.push(Range{s.Range(int(p.From)).From, s.Range(int(p.To - 1)).To})
	}
	return bytes
}

// An Envelope tells which part of which bundle a message carries.
type Envelope struct {
	Schema string `json:"schema"`
	Bundle
	Part       int    `json:"part"` // from 1
	Parts      int    `json:"parts"`
	PartBytes  int64  `json:"part_bytes"` // of every part but the last
	Offset     int64  `json:"offset"`
	Length     int64  `json:"length"`
	PartSHA256 string `json:"part_sha256"`
}

// Split is the split the envelope's part belongs to.
func (e Envelope) Split() Split { return Split{e.Bundle, e.PartBytes} }

// ParseEnvelope reads and checks an envelope; every number in it then agrees with
// the others.
func ParseEnvelope(data []byte) (Envelope, error) {
	var e Envelope
	if len(data) > MaxEnvelopeBytes {
		return e, fmt.Errorf("envelope is %d bytes, at most %d", len(data), MaxEnvelopeBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("read envelope: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return e, errors.New("envelope has something after its JSON object")
	}
	if e.Schema != envelopeSchema {
		return e, fmt.Errorf("envelope is %.40q, this program reads %q: a newer vmbundle is needed", e.Schema, envelopeSchema)
	}
	s := e.Split()
	if err := s.Check(); err != nil {
		return e, fmt.Errorf("envelope: %w", err)
	}
	if e.Parts != s.Parts() || e.Part < 1 || e.Part > e.Parts {
		return e, fmt.Errorf("envelope says part %d of %d, the sizes give %d parts", e.Part, e.Parts, s.Parts())
	}
	if r := s.Range(e.Part); e.Offset != r.From || e.Length != r.To-r.From {
		return e, fmt.Errorf("envelope says %d bytes at %d, part %d is %d bytes at %d", e.Length, e.Offset, e.Part, r.To-r.From, r.From)
	}
	if !sumForm.MatchString(e.PartSHA256) {
		return e, fmt.Errorf("envelope part_sha256 %.70q is not 64 lower-case hex digits", e.PartSHA256)
	}
	return e, nil
}
