package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"filippo.io/age"

	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A Bundle is a .vmb file, opened, or a recording that was not packed yet. One
// goroutine at a time may use it.
type Bundle struct {
	r    io.ReaderAt
	size int64
	env  Envelope
	man  Manifest
	at   map[string]entry
	sums map[string]Part // of the manifest
	seal *seal           // nil: open to everybody
	mem  *memory
	have base.Folder // of bases
	c    io.Closer
	rec  *recording.Recorded // nil: a file
	raw  []byte              // its tape
}

// Open opens a bundle; nothing but this file is ever read. It checks the
// archive, the identity and that this program understands what is inside; the
// parts are checked when they are read. keys may open it if it is sealed. Its
// errors are *IntegrityError, *IncompatibleError, *SealedError or the host's.
func Open(path string, keys ...age.Identity) (*Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	i, err := f.Stat()
	if err == nil && !i.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", path)
	}
	var b *Bundle
	if err == nil {
		b, err = New(f, i.Size(), keys...)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open bundle %s: %w", path, err)
	}
	b.c = f
	return b, nil
}

// New opens a bundle that is not in a file of its own.
func New(r io.ReaderAt, size int64, keys ...age.Identity) (*Bundle, error) {
	b, err := outside(r, size)
	if err != nil {
		return nil, err
	}
	if b.seal != nil {
		b.seal.keys = keys
	}
	if err := b.manifest(); err != nil {
		return nil, err
	}
	return b, b.listed()
}

// Identify tells a bundle's names from its envelope, without a key.
func Identify(r io.ReaderAt, size int64) (id, uuid string, err error) {
	b, err := outside(r, size)
	if err != nil {
		return "", "", err
	}
	return b.env.ID, b.env.UUID, nil
}

// Outside reads a bundle's envelope, without a key.
func Outside(r io.ReaderAt, size int64) (Envelope, error) {
	b, err := outside(r, size)
	if err != nil {
		return Envelope{}, err
	}
	return b.env, nil
}

// outside reads what a carrier may.
func outside(r io.ReaderAt, size int64) (*Bundle, error) {
	b := &Bundle{r: r, size: size, sums: map[string]Part{}}
	names, at, err := readTar(r, size)
	if err != nil {
		return nil, err
	}
	b.at = at
	if len(names) < 3 || names[0] != textPart || names[1] != envelopePart || strings.TrimSuffix(names[2], sealedExt) != manifestPart {
		return nil, damaged("file", "it does not begin with %s, %s and %s", textPart, envelopePart, manifestPart)
	}
	env, err := b.read(envelopePart, maxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := parse(envelopePart, env, &b.env); err != nil {
		return nil, err
	}
	if b.env.Format != format {
		return nil, &IncompatibleError{fmt.Sprintf("a reader of format %q", b.env.Format), format}
	}
	if names[2] != manifestPart {
		if b.seal, err = newSeal(&b.env); err != nil {
			return nil, err
		}
	}
	mine, err := encode(&b.env)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(mine, env) || len(b.env.Keys) > 0 && b.seal == nil {
		return nil, damaged(envelopePart, "it is not as it was written")
	}
	if err := b.enveloped(names[2:]); err != nil {
		return nil, err
	}
	txt, err := b.read(textPart, maxEnvelope)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(txt, text(b.env.ID)) {
		return nil, damaged(textPart, "its text is not that of %s", b.env.ID)
	}
	return b, nil
}

// parse reads a part of JSON. Bounded like the part, its objects are bounded too: what
// takes three bytes there takes dozens in memory.
func parse(part string, raw []byte, v any) error {
	if n := bytes.Count(raw, []byte("{")); n > maxObjects {
		return damaged(part, "it has %d objects, at most %d are allowed", n, maxObjects)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return damaged(part, "%v", err)
	}
	return nil
}

// enveloped compares the archive with the envelope: each names the same parts.
func (b *Bundle) enveloped(names []string) error {
	if len(names) != len(b.env.Parts) {
		return damaged("file", "it has %d parts, its envelope lists %d", len(names), len(b.env.Parts))
	}
	for i, p := range b.env.Parts {
		if names[i] != p.Name || p.Size != b.at[p.Name].size {
			return damaged("file", "part %d is %s of %d bytes, its envelope lists %s of %d", i, names[i], b.at[names[i]].size, p.Name, p.Size)
		}
	}
	return nil
}

// manifest reads the manifest and checks the identity.
func (b *Bundle) manifest() error {
	raw, err := b.read(manifestPart, maxManifest)
	if err != nil {
		return err
	}
	if uuid, id := identify(raw); uuid != b.env.UUID || id != b.env.ID {
		return damaged(manifestPart, "it is that of %s, the envelope names %s", id, b.env.ID)
	}
	var first struct {
		Format   string
		Requires []string
	}
	if err := parse(manifestPart, raw, &first); err != nil {
		return err
	}
	if first.Format != format {
		return &IncompatibleError{fmt.Sprintf("a reader of format %q", first.Format), format}
	}
	for _, r := range first.Requires {
		if r != requiresBases && r != requiresAbsent && r != requiresReport {
			return &IncompatibleError{fmt.Sprintf("a reader that understands %q", r), "not that; a newer vmbundle may"}
		}
	}
	if err := parse(manifestPart, raw, &b.man); err != nil {
		return err
	}
	if err := b.man.check(); err != nil {
		return err
	}
	return b.signed(raw)
}

// listed compares the envelope and the manifest's list: each names the same parts, in
// this order.
func (b *Bundle) listed() error {
	want := []string{manifestPart}
	if b.man.Signer != "" {
		want = append(want, signaturePart)
	}
	before := len(want)
	for _, p := range b.man.Parts {
		want, b.sums[p.Name] = append(want, p.Name), p
	}
	if len(b.env.Parts) != len(want) {
		return damaged("file", "its envelope lists %d parts, its manifest %d", len(b.env.Parts), len(want))
	}
	for i, name := range want {
		p := b.env.Parts[i]
		if p.Name != b.stands(name) {
			return damaged("file", "part %d is %s, its manifest lists %s", i, p.Name, name)
		}
		if b.seal == nil && i >= before && p != b.man.Parts[i-before] {
			return damaged(envelopePart, "it does not agree with %s on %s", manifestPart, name)
		}
	}
	return nil
}

// stands is a part's name in the file.
func (b *Bundle) stands(name string) string {
	if b.seal != nil && name != textPart && name != envelopePart {
		return name + sealedExt
	}
	return name
}

// read reads a part, opening it if it is sealed.
func (b *Bundle) read(name string, most int64) ([]byte, error) {
	stands, allowed := b.stands(name), most
	if stands != name {
		allowed += sealedMore(most)
	}
	e, ok := b.at[stands]
	if !ok {
		return nil, damaged(stands, "it is missing")
	}
	if e.size > allowed {
		return nil, damaged(stands, "it has %d bytes, at most %d are allowed", e.size, allowed)
	}
	p := make([]byte, e.size)
	if err := readAt(b.r, p, e.off); err != nil || stands == name {
		return p, err
	}
	return b.seal.open(stands, p, most)
}

// section is a part to read pieces of, unchecked where it stands open.
func (b *Bundle) section(name string) (io.ReaderAt, int64, error) {
	if b.seal == nil {
		e := b.at[name]
		return io.NewSectionReader(b.r, e.off, e.size), e.size, nil
	}
	p, err := b.part(name)
	return bytes.NewReader(p), int64(len(p)), err
}

// part reads a part and checks its digest.
func (b *Bundle) part(name string) ([]byte, error) {
	p, err := b.read(name, maxPart)
	if err != nil {
		return nil, err
	}
	if got := digestOf(p); got != b.sums[name].SHA256 {
		return nil, damaged(name, "its SHA-256 is %s, should be %s", got, b.sums[name].SHA256)
	}
	return p, nil
}

// content reads a part of blocks and unpacks it.
func (b *Bundle) content(name string) ([]byte, error) {
	p, err := b.part(name)
	if err != nil {
		return nil, err
	}
	c, err := io.ReadAll(io.LimitReader(store.NewBlocks(bytes.NewReader(p), store.NewCoder(false)), maxContent+1))
	if err == nil && len(c) > maxContent {
		return nil, damaged(name, "it unpacks to more than %d bytes", maxContent)
	}
	return c, Damaged(name, err)
}

// ID is the report id, R-XXXX-XXXX.
func (b *Bundle) ID() string { return b.env.ID }

// UUID is the bundle's UUID.
func (b *Bundle) UUID() string { return b.env.UUID }

// Manifest is what the bundle holds; it must not be changed.
func (b *Bundle) Manifest() *Manifest { return &b.man }

// Sections is the machine's state at the start, without memory.
func (b *Bundle) Sections() ([]vmm.Section, error) {
	if b.rec != nil {
		return b.rec.Sections, nil
	}
	if err := b.replays(); err != nil {
		return nil, err
	}
	name := b.man.Snapshot.Sections
	c, err := b.content(name)
	if err != nil {
		return nil, err
	}
	secs, err := recording.ParseSections(c)
	if err != nil {
		return nil, damaged(name, "%v", err)
	}
	return secs, nil
}

// Tape opens the tape.
func (b *Bundle) Tape() (*tape.Reader, error) {
	if b.rec != nil {
		return b.standing()
	}
	if err := b.replays(); err != nil {
		return nil, err
	}
	r, err := tape.NewReader(&segments{b: b, names: b.man.Tape.Segments, coder: store.NewCoder(false)})
	if err != nil {
		return nil, Damaged("tape", err)
	}
	return r, nil
}

// replays is a *LevelError for a bundle that is only a report.
func (b *Bundle) replays() error {
	if b.man.Report == "" {
		return nil
	}
	return &LevelError{b.man.Level, "a replay"}
}

// Report is what is told of the recording in a bundle of level L0, "" in others. It
// comes from a stranger's guest.
func (b *Bundle) Report() (string, error) {
	if b.man.Report == "" {
		return "", nil
	}
	c, err := b.part(b.man.Report)
	if err == nil && len(c) > MaxReport {
		err = damaged(b.man.Report, "it has %d bytes, at most %d are allowed", len(c), MaxReport)
	}
	return string(c), err
}

// UseBases says where the bases are that a thin bundle names. Its pages cannot be
// read before.
func (b *Bundle) UseBases(f base.Folder) { b.have = f }

// Close closes the file, and its bases.
func (b *Bundle) Close() error {
	var err error
	if b.mem != nil {
		err = b.mem.pool.close()
	}
	if b.c == nil {
		return err
	}
	return errors.Join(err, b.c.Close())
}

// Info is what inspect prints.
type Info struct {
	Schema   string   `json:"schema"`
	ID       string   `json:"id"`
	UUID     string   `json:"uuid"`
	Bytes    int64    `json:"bytes"` // of the file
	Seconds  float64  `json:"seconds"`
	Keys     []string `json:"keys,omitzero"` // public keys that it is sealed to
	Manifest Manifest `json:"manifest"`
}

// Inspect tells what is inside, without reading it all.
func (b *Bundle) Inspect() Info {
	m := b.man
	return Info{"vmbundle.inspect/1", b.env.ID, b.env.UUID, b.size, m.Machine.Seconds(m.Tape.Start.At, m.Tape.End.At), b.env.Keys, m}
}

// sorted lists parts in the order of the archive.
func sorted(parts []Part) []Part {
	slices.SortFunc(parts, func(x, y Part) int { return bytes.Compare([]byte(x.Name), []byte(y.Name)) })
	return parts
}
