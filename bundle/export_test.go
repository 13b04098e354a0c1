package bundle

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"aead.dev/minisign"
	"filippo.io/age"

	"vmrecord/bundle/store"
)

// ParseStart reads a start, of a golden of so many pages, and writes it again.
func ParseStart(b []byte, known uint64) ([]byte, error) {
	s, err := parseStart(b, known)
	if err != nil {
		return nil, err
	}
	return s.append(nil)
}

// Segments reads parts as Tape reads those of a tape.
func Segments(parts ...[]byte) io.ReadSeeker {
	b := &Bundle{at: map[string]entry{}, sums: map[string]Part{}}
	s := &segments{b: b, coder: store.NewCoder(false)}
	var raw []byte
	for i, p := range parts {
		n := fmt.Sprint(i)
		b.at[n], b.sums[n] = entry{int64(len(raw)), int64(len(p))}, Part{SHA256: digestOf(p)}
		raw, s.names = append(raw, p...), append(s.names, n)
	}
	b.r = bytes.NewReader(raw)
	return s
}

// A file is one of an archive.
type file struct {
	name string
	b    []byte
}

// files are b's, opened, with one of them replaced.
func files(b *Bundle, name string, content []byte) (all []file) {
	for _, p := range b.env.Parts {
		n := strings.TrimSuffix(p.Name, sealedExt)
		c, err := b.read(n, maxPart)
		if err != nil {
			panic(err)
		}
		if n == name {
			c = content
		}
		all = append(all, file{n, c})
	}
	return all
}

// archive writes an envelope and files.
func archive(id, uuid string, all []file, to []age.Recipient) []byte {
	e := Envelope{Format: format, UUID: uuid, ID: id, Keys: names(to)}
	for i, f := range all {
		if len(to) > 0 {
			var w bytes.Buffer
			z, err := age.Encrypt(&w, to...)
			if err != nil {
				panic(err)
			}
			z.Write(f.b)
			z.Close()
			all[i] = file{f.name + sealedExt, w.Bytes()}
		}
		e.Parts = append(e.Parts, Part{all[i].name, int64(len(all[i].b)), digestOf(all[i].b)})
	}
	var out bytes.Buffer
	writeTarBytes(&out, textPart, text(id))
	writeTarBytes(&out, envelopePart, encoded(&e))
	for _, f := range all {
		writeTarBytes(&out, f.name, f.b)
	}
	writeTarEnd(&out)
	return out.Bytes()
}

// Tamper writes b anew with another manifest, and everything that follows from it.
func Tamper(b *Bundle, edit func(*Manifest)) []byte {
	m := b.man
	m.Parts = slices.Clone(m.Parts)
	edit(&m)
	return WithManifest(b, encoded(&m))
}

// WithManifest writes b anew with a manifest that may be anything, unsigned.
func WithManifest(b *Bundle, raw []byte) []byte {
	all := files(b, manifestPart, raw)
	all = slices.DeleteFunc(all, func(f file) bool { return f.name == signaturePart })
	uuid, id := identify(raw)
	return archive(id, uuid, all, nil)
}

// Replace writes b anew with another part, and everything that follows from it.
func Replace(b *Bundle, name string, part []byte) []byte {
	m := b.man
	m.Parts = slices.Clone(m.Parts)
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Name == name {
			p.Size, p.SHA256 = int64(len(part)), digestOf(part)
		}
	}
	raw := encoded(&m)
	all := files(b, name, part)
	all[0].b = raw
	uuid, id := identify(raw)
	return archive(id, uuid, all, nil)
}

// Reseal writes b anew for recipients with one file replaced, and nothing else.
func Reseal(b *Bundle, name string, content []byte, to []age.Recipient) []byte {
	return archive(b.env.ID, b.env.UUID, files(b, name, content), to)
}

// Resign writes b anew with another's signature.
func Resign(b *Bundle, k *minisign.PrivateKey) []byte {
	all := files(b, "", nil)
	all[1].b = sign(k, all[0].b, b.env.ID)
	return archive(b.env.ID, b.env.UUID, all, nil)
}

func encoded(v any) []byte {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Header is a tar header with a correct checksum.
func Header(name string, size int64) []byte { return tarHeader(name, size) }

// ParseLikeness is parseLikeness.
func ParseLikeness(b []byte, stored, total uint64) ([]uint32, error) {
	return parseLikeness(b, stored, total)
}

// ParseRuns is parseRuns.
func ParseRuns(b []byte, pages uint64) ([]bool, error) { return parseRuns(b, pages) }

// AppendRuns is appendRuns.
func AppendRuns(b []byte, set []bool) []byte { return appendRuns(b, set) }

// ParseMap is parseMap.
func ParseMap(b []byte, pages, known uint64) ([]uint32, error) { return parseMap(b, pages, known) }

// AppendMap is pageMap.append.
func AppendMap(b []byte, m []uint32) []byte { return pageMap(m).append(b) }
