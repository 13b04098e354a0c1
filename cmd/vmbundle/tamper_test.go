package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

// An archive is a bundle's parts, in order, read by the standard library: the
// format is plain ustar.
type archive struct {
	names []string
	parts map[string][]byte
}

func readArchive(t testing.TB, file string) archive {
	t.Helper()
	b, err := os.ReadFile(file)
	ok(t, err)
	a := archive{parts: map[string][]byte{}}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a
		}
		ok(t, err)
		p, err := io.ReadAll(r)
		ok(t, err)
		a.names, a.parts[h.Name] = append(a.names, h.Name), p
	}
}

func (a archive) write(t testing.TB) string { return save(t, a.bytes(t)) }

func (a archive) bytes(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, n := range a.names {
		ok(t, w.WriteHeader(&tar.Header{Name: n, Mode: 0o644, Size: int64(len(a.parts[n])), Format: tar.FormatUSTAR, Typeflag: tar.TypeReg}))
		_, err := w.Write(a.parts[n])
		ok(t, err)
	}
	ok(t, w.Close())
	return out.Bytes()
}

func save(t testing.TB, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.vmb")
	ok(t, os.WriteFile(name, b, 0o600))
	return name
}

// edit changes the manifest's text and makes anew everything that follows from it:
// digest, ids, envelope and text, as an attacker would who knows the format.
func (a archive) edit(t testing.TB, old, new string) archive {
	t.Helper()
	before := a.parts["manifest.json"]
	raw := regexp.MustCompile(old).ReplaceAll(before, []byte(new))
	if bytes.Equal(raw, before) {
		t.Fatalf("the manifest has no %s:\n%s", old, raw)
	}
	return a.withManifest(t, raw)
}

// withManifest is the bundle with another manifest.
func (a archive) withManifest(t testing.TB, raw []byte) archive {
	t.Helper()
	b := archive{a.names, maps.Clone(a.parts)}
	b.parts["manifest.json"] = raw
	sum := sha256.Sum256(raw)
	id := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(sum[:5])
	u := sum
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	e := bundle.Envelope{Format: "vmbundle/1", ID: "R-" + id[:4] + "-" + id[4:],
		UUID: fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])}
	for _, n := range b.names[2:] {
		e.Parts = append(e.Parts, bundle.Part{Name: n, Size: int64(len(b.parts[n])), SHA256: fmt.Sprintf("%x", sha256.Sum256(b.parts[n]))})
	}
	var was bundle.Envelope
	ok(t, json.Unmarshal(a.parts["envelope.json"], &was))
	b.parts["envelope.json"] = asWritten(t, e)
	b.parts["vmbundle.txt"] = bytes.ReplaceAll(a.parts["vmbundle.txt"], []byte(was.ID), []byte(e.ID))
	return b
}

// withPart is the bundle with other bytes in a part, and a manifest that says so.
func (a archive) withPart(t testing.TB, name string, content []byte) archive {
	t.Helper()
	b := archive{a.names, maps.Clone(a.parts)}
	b.parts[name] = content
	return b.forge(t, func(m *bundle.Manifest) {
		i := slices.IndexFunc(m.Parts, func(p bundle.Part) bool { return p.Name == name })
		m.Parts[i].Size, m.Parts[i].SHA256 = int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))
	})
}

// forge is the bundle with a manifest that was changed.
func (a archive) forge(t testing.TB, change func(*bundle.Manifest)) archive {
	t.Helper()
	var m bundle.Manifest
	ok(t, json.Unmarshal(a.parts["manifest.json"], &m))
	change(&m)
	return a.withManifest(t, asWritten(t, m))
}

// asWritten is JSON as it stands in bundles.
func asWritten(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	ok(t, e.Encode(v))
	return b.Bytes()
}

// A bundle for another program says which, and is not run.
func TestIncompatible(t *testing.T) {
	a := readArchive(t, newMade(t).file)
	if _, err := os.Stat(a.write(t)); err != nil {
		t.Fatal(err)
	}
	vmbundle(t, "", "verify", a.write(t)).want(t, 0, "identical: ") // what is written unchanged is a bundle
	for _, c := range []struct{ what, old, new, says string }{
		{"model", `"model": 1\b`, `"model": 99`, "machine model 99"},
		{"requires", `"requires": \[\]`, "\"requires\": [\n  \"pages-by-moonlight\"\n ]", "pages-by-moonlight"},
		{"format", `"format": "vmbundle/1"`, `"format": "vmbundle/2"`, "vmbundle/2"},
		{"machine", `vmrecord.machine/1`, `vmrecord.machine/2`, ""},
	} {
		file := a.edit(t, c.old, c.new).write(t)
		if c.what == "machine" {
			// Its digest stands on the tape: this is tampering.
			vmbundle(t, "", "replay", file).want(t, 5, "the machine's configuration is not the recorded one")
			continue
		}
		vmbundle(t, "", "replay", file).want(t, 6, "the bundle needs", c.says, "this program has")
		vmbundle(t, "", "golive", file, "--at", "50%").want(t, 6, c.says)
	}
	// A bundle of another model can still be looked at.
	vmbundle(t, "", "inspect", a.edit(t, `"model": 1\b`, `"model": 99`).write(t)).want(t, 0, "model 99")
}

// A byte changed in any part is damage that names the part.
func TestDamage(t *testing.T) {
	a := readArchive(t, newMade(t).file)
	for _, n := range a.names {
		b := archive{a.names, map[string][]byte{}}
		for k, p := range a.parts {
			b.parts[k] = slices.Clone(p)
		}
		p := b.parts[n]
		p[len(p)/2] ^= 1
		file := b.write(t)
		names := n
		if n == "manifest.json" || n == "envelope.json" {
			names = "is damaged: " // either of the two may be the one that is not as it was
		}
		for _, verb := range []string{"replay", "verify"} {
			r := vmbundle(t, "", verb, file)
			r.want(t, 5, names, "is damaged: ", "ask the sender for the bundle again")
		}
	}
}

// A file cut short anywhere, and one that is none, say so.
func TestNoBundle(t *testing.T) {
	b, err := os.ReadFile(newMade(t).file)
	ok(t, err)
	for _, n := range []int{600, 5000, len(b) / 2, len(b) - 1024, len(b) - 512, len(b) - 1} {
		file := save(t, b[:n])
		for _, verb := range []string{"replay", "inspect"} {
			vmbundle(t, "", verb, file).want(t, 5, "is damaged: ", "ask the sender for the bundle again")
		}
	}
	for what, content := range map[string][]byte{
		"text":  bytes.Repeat([]byte("This is a letter.\n"), 200),
		"zeros": make([]byte, 4096),
		"empty": {},
		"front": b[512:],
	} {
		r := vmbundle(t, "", "inspect", save(t, content)).want(t, 5, "x.vmb: file is damaged: ")
		if what == "text" || what == "front" {
			r.want(t, 5, "it does not begin like a bundle")
		}
	}
	vmbundle(t, "", "inspect", t.TempDir()).want(t, 3, "is not a file")
	vmbundle(t, "", "inspect", "nothing.vmb").want(t, 3, "nothing.vmb: there is no such file")
}

// A tape without one of its inputs, every digest and count made anew, diverges.
func TestRemovedInput(t *testing.T) {
	m := newMade(t)
	fs := frames(t, m.dir)
	n := slices.IndexFunc(fs, func(f tape.Frame) bool { return f.Kind == tape.KindInput && string(f.Input.Data) == "y" })
	fs = slices.Delete(fs, n, n+1)
	retape(t, m.dir, fs)
	file := pack(t, m.dir)
	vmbundle(t, "", "verify", "--bytes-only", file).want(t, 0)
	vmbundle(t, "", "replay", file).want(t, 7, "replay diverged between ")
	vmbundle(t, "", "verify", file).want(t, 7)
	vmbundle(t, "", "replay", "--json", file).want(t, 7, `"identical": false`, `"error": "replay diverged`)
}

// One bit of memory flipped in the snapshot, every digest made anew, diverges: in
// the guest's program, and in a page that it never looks at.
func TestFlippedMemory(t *testing.T) {
	for _, at := range []int{0x101010, 0x3f0123} {
		m := newMade(t)
		r, err := recording.Read(m.dir)
		ok(t, err)
		ram := make([]byte, len(r.Pages)*mem.PageBytes)
		for i, h := range r.Pages {
			ok(t, r.Page(h, ram[i*mem.PageBytes:(i+1)*mem.PageBytes]))
		}
		ok(t, r.Close())
		ram[at] ^= 0x10
		after := mem.New(ram)
		repage(t, m.dir, after)
		fs := frames(t, m.dir)
		fs[1].Beat.Root = after.Root()
		retape(t, m.dir, fs)
		file := pack(t, m.dir)
		vmbundle(t, "", "verify", "--bytes-only", file).want(t, 0)
		vmbundle(t, "", "replay", file).want(t, 7, "replay diverged between ")
	}
}

// frames reads the recording's tape, without what counts the frames before it.
func frames(t testing.TB, dir string) []tape.Frame {
	t.Helper()
	r, err := recording.Read(dir)
	ok(t, err)
	defer r.Close()
	raw, err := r.RawTape(1 << 28)
	ok(t, err)
	fs, err := tapetest.Frames(bytes.NewReader(raw))
	ok(t, err)
	return slices.DeleteFunc(fs, func(f tape.Frame) bool { return f.Kind == tape.KindSync })
}

// retape gives the recording another tape, in one segment.
func retape(t testing.TB, dir string, fs []tape.Frame) {
	t.Helper()
	raw, err := tapetest.Rewrite(fs)
	ok(t, err)
	segments, err := filepath.Glob(filepath.Join(dir, "tape", "*"))
	if len(segments) != 1 {
		t.Fatal(segments, err)
	}
	ok(t, os.WriteFile(segments[0], store.NewCoder(true).Append(nil, nil, raw), 0o600))
}

// repage gives the recording another memory at its start.
func repage(t testing.TB, dir string, m *mem.RAM) {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, "..", "pages"), store.Disk{})
	ok(t, err)
	n := len(m.B) / mem.PageBytes
	list := binary.AppendUvarint(nil, uint64(n))
	for i := range n {
		h := m.Digest(uint32(i))
		ok(t, s.Put(h, m.B[i*mem.PageBytes:(i+1)*mem.PageBytes]))
		if h == store.Zero() {
			list = append(list, 2)
			continue
		}
		list = append(append(list, 3), h[:]...)
	}
	ok(t, s.Close())
	ok(t, os.WriteFile(filepath.Join(dir, "pages"), store.NewCoder(true).Append(nil, nil, list), 0o600))
}
