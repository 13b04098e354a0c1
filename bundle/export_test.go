package bundle

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"vmrecord/bundle/store"
)

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

// Tamper writes b anew with another manifest, and everything that follows from it.
func Tamper(b *Bundle, edit func(*Manifest)) []byte {
	m := b.man
	m.Parts = slices.Clone(m.Parts)
	edit(&m)
	return archive(b, encoded(&m), m.Parts, "", nil)
}

// WithManifest writes b anew with a manifest that may be anything.
func WithManifest(b *Bundle, raw []byte) []byte { return archive(b, raw, b.man.Parts, "", nil) }

// Replace writes b anew with another part, and everything that follows from it.
func Replace(b *Bundle, name string, part []byte) []byte {
	m := b.man
	m.Parts = slices.Clone(m.Parts)
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Name == name {
			p.Size, p.SHA256 = int64(len(part)), digestOf(part)
		}
	}
	return archive(b, encoded(&m), m.Parts, name, part)
}

func encoded(v any) []byte {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	return b
}

// archive writes b's parts, one of them replaced, behind the given manifest.
func archive(b *Bundle, manifest []byte, parts []Part, name string, part []byte) []byte {
	e := envelopeOf(manifest, &Manifest{Parts: parts})
	var out bytes.Buffer
	writeTarBytes(&out, textPart, text(e.ID))
	writeTarBytes(&out, envelopePart, encoded(&e))
	writeTarBytes(&out, manifestPart, manifest)
	for _, p := range b.man.Parts {
		content, err := b.read(p.Name, maxPart)
		if err != nil {
			panic(err)
		}
		if p.Name == name {
			content = part
		}
		writeTarBytes(&out, p.Name, content)
	}
	writeTarEnd(&out)
	return out.Bytes()
}

// Header is a tar header with a correct checksum.
func Header(name string, size int64) []byte { return tarHeader(name, size) }
