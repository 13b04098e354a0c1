package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A Bundle is a .vmb file, opened. One goroutine at a time may use it.
type Bundle struct {
	r    io.ReaderAt
	size int64
	env  Envelope
	man  Manifest
	at   map[string]entry
	sums map[string]Part
	mem  *memory
	c    io.Closer
}

// Open opens a bundle; nothing but this file is ever read. It checks the
// archive, the identity and that this program understands what is inside; the
// parts are checked when they are read. Its errors are *IntegrityError,
// *IncompatibleError or the host's.
func Open(path string) (*Bundle, error) {
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
		b, err = New(f, i.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open bundle %s: %w", path, err)
	}
	b.c = f
	return b, nil
}

// New opens a bundle that is not in a file of its own.
func New(r io.ReaderAt, size int64) (*Bundle, error) {
	b := &Bundle{r: r, size: size, sums: map[string]Part{}}
	var names []string
	var err error
	if names, b.at, err = readTar(r, size); err != nil {
		return nil, err
	}
	if len(names) < 3 || names[0] != textPart || names[1] != envelopePart || names[2] != manifestPart {
		return nil, damaged("file", "it does not begin with %s, %s and %s", textPart, envelopePart, manifestPart)
	}
	env, err := b.read(envelopePart, maxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(env, &b.env); err != nil {
		return nil, damaged(envelopePart, "%v", err)
	}
	if b.env.Format != format {
		return nil, &IncompatibleError{fmt.Sprintf("a reader of format %q", b.env.Format), format}
	}
	if err := b.manifest(env); err != nil {
		return nil, err
	}
	return b, b.listed(names)
}

// manifest reads the manifest and checks the identity. The envelope and the
// text follow from the manifest, to the byte.
func (b *Bundle) manifest(envelope []byte) error {
	raw, err := b.read(manifestPart, maxManifest)
	if err != nil {
		return err
	}
	if got := digestOf(raw); len(b.env.Parts) == 0 || b.env.Parts[0].SHA256 != got {
		return damaged(manifestPart, "its SHA-256 is %s, the envelope has another", got)
	}
	var first struct {
		Format   string
		Requires []string
	}
	if err := json.Unmarshal(raw, &first); err != nil {
		return damaged(manifestPart, "%v", err)
	}
	if first.Format != format {
		return &IncompatibleError{fmt.Sprintf("a reader of format %q", first.Format), format}
	}
	if len(first.Requires) > 0 {
		return &IncompatibleError{fmt.Sprintf("a reader that understands %q", first.Requires), "none of it; a newer vmbundle may"}
	}
	if err := json.Unmarshal(raw, &b.man); err != nil {
		return damaged(manifestPart, "%v", err)
	}
	if err := b.man.check(); err != nil {
		return err
	}
	want := envelopeOf(raw, &b.man)
	mine, err := encode(&want)
	if err != nil {
		return err
	}
	if !bytes.Equal(mine, envelope) {
		return damaged(envelopePart, "it does not agree with %s", manifestPart)
	}
	txt, err := b.read(textPart, maxEnvelope)
	if err != nil {
		return err
	}
	if !bytes.Equal(txt, text(b.env.ID)) {
		return damaged(textPart, "its text is not that of %s", b.env.ID)
	}
	return nil
}

// envelopeOf makes the envelope for a manifest.
func envelopeOf(raw []byte, m *Manifest) Envelope {
	uuid, id := identify(raw)
	parts := append([]Part{{manifestPart, int64(len(raw)), digestOf(raw)}}, m.Parts...)
	return Envelope{Format: format, UUID: uuid, ID: id, Parts: parts}
}

// listed compares the archive with the manifest's list.
func (b *Bundle) listed(names []string) error {
	rest := names[3:]
	if len(rest) != len(b.man.Parts) {
		return damaged("file", "it has %d parts, the manifest lists %d", len(rest), len(b.man.Parts))
	}
	for i, p := range b.man.Parts {
		if rest[i] != p.Name || b.at[p.Name].size != p.Size {
			return damaged("file", "part %d is %s of %d bytes, the manifest lists %s of %d", i, rest[i], b.at[rest[i]].size, p.Name, p.Size)
		}
		b.sums[p.Name] = p
	}
	return nil
}

// read reads a part as it stands.
func (b *Bundle) read(name string, most int64) ([]byte, error) {
	e, ok := b.at[name]
	if !ok {
		return nil, damaged(name, "it is missing")
	}
	if e.size > most {
		return nil, damaged(name, "it has %d bytes, at most %d are allowed", e.size, most)
	}
	p := make([]byte, e.size)
	return p, readAt(b.r, p, e.off)
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
	const most = 256 << 20
	c, err := io.ReadAll(io.LimitReader(store.NewBlocks(bytes.NewReader(p), store.NewCoder(false)), most+1))
	if err == nil && len(c) > most {
		return nil, damaged(name, "it unpacks to more than %d bytes", most)
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
	r, err := tape.NewReader(&segments{b: b, names: b.man.Tape.Segments, coder: store.NewCoder(false)})
	if err != nil {
		return nil, Damaged("tape", err)
	}
	return r, nil
}

// segments reads the contents of the tape's parts one after the other. After
// the first Seek it keeps what it reads of a part, so that going back in it is
// cheap; before, it keeps nothing.
type segments struct {
	b      *Bundle
	names  []string
	coder  *store.Coder
	starts []int64 // of the parts opened so far, in bytes of content
	part   int     // the one being read, counted from 1; 0: none yet
	off    int64   // in bytes of content
	in     *store.Blocks
	keep   bool
	kept   []byte // of the part, from its start
}

func (s *segments) Read(p []byte) (int, error) {
	for {
		if s.in != nil {
			n, err := s.read(p)
			if s.off += int64(n); err == nil {
				return n, nil
			}
			if err != io.EOF {
				return 0, Damaged(s.names[s.part-1], err)
			}
		}
		if s.part == len(s.names) {
			return 0, io.EOF
		}
		if s.part == len(s.starts) {
			s.starts = append(s.starts, s.off)
		}
		if err := s.open(s.part + 1); err != nil {
			return 0, err
		}
	}
}

// read reads of the open part, first what is kept.
func (s *segments) read(p []byte) (int, error) {
	if i := s.off - s.starts[s.part-1]; i < int64(len(s.kept)) {
		return copy(p, s.kept[i:]), nil
	}
	n, err := s.in.Read(p)
	if s.keep {
		s.kept = append(s.kept, p[:n]...)
	}
	return n, err
}

// open begins a part whose start is known.
func (s *segments) open(part int) error {
	raw, err := s.b.part(s.names[part-1])
	if err != nil {
		return err
	}
	s.part, s.off, s.kept = part, s.starts[part-1], s.kept[:0]
	s.in = store.NewBlocks(bytes.NewReader(raw), s.coder)
	return nil
}

// Seek goes to an offset from the start.
func (s *segments) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return s.off, errors.New("only offsets from the start are known")
	}
	i := len(s.starts)
	for i > 1 && s.starts[i-1] > off {
		i--
	}
	if i > 0 && (i != s.part || !s.keep) {
		if err := s.open(i); err != nil {
			return s.off, err
		}
	}
	if s.keep = true; i > 0 {
		s.off = min(off, s.starts[i-1]+int64(len(s.kept)))
	}
	_, err := io.CopyN(io.Discard, s, off-s.off)
	if err == io.EOF {
		err = nil // as files do
	}
	return s.off, err
}

// Close closes the file.
func (b *Bundle) Close() error {
	if b.c == nil {
		return nil
	}
	return b.c.Close()
}

// Info is what inspect prints.
type Info struct {
	Schema   string   `json:"schema"`
	ID       string   `json:"id"`
	UUID     string   `json:"uuid"`
	Bytes    int64    `json:"bytes"` // of the file
	Seconds  float64  `json:"seconds"`
	Manifest Manifest `json:"manifest"`
}

// Inspect tells what is inside, without reading it all.
func (b *Bundle) Inspect() Info {
	m := b.man
	return Info{"vmbundle.inspect/1", b.env.ID, b.env.UUID, b.size, m.Machine.Seconds(m.Tape.Start.At, m.Tape.End.At), m}
}

// sorted lists parts in the order of the archive.
func sorted(parts []Part) []Part {
	slices.SortFunc(parts, func(x, y Part) int { return bytes.Compare([]byte(x.Name), []byte(y.Name)) })
	return parts
}
