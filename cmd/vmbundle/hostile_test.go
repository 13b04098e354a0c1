package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/klauspost/compress/zstd"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/store"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

// mostBytes and mostTime are what a program may take that refuses a bundle: of memory,
// and of processor time, with tenfold slack for hosts that are slow or busy.
const (
	mostBytes = 256 << 20
	mostTime  = 20 * time.Second
)

// Every hostile bundle is refused by every verb that reads as far as it lies, with the
// status that says why, and costs little. Those that only a replay finds out are taken
// in, since a receiver may not have the key, and found broken by the worker.
func TestHostileBundles(t *testing.T) {
	m := newMade(t)
	f := &forge{t: t, a: readArchive(t, m.file)}
	var err error
	f.file, err = os.ReadFile(m.file)
	ok(t, err)
	f.archives()
	f.envelopes()
	f.manifests()
	f.signatures(m.dir)
	f.parts(readArchive(t, newMadeBy(t, "z").file))
	f.messages()

	dir, in := t.TempDir(), filepath.Join(t.TempDir(), "in")
	t.Run("each", func(t *testing.T) {
		for i, h := range f.made {
			t.Run(h.name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(dir, fmt.Sprintf("%03d", i))
				ok(t, os.WriteFile(file, h.file, 0o600))
				h.tried(t, file, in)
			})
		}
	})
	r := frugal(t, "inbox", "check", "--dir", in)
	for line := range strings.Lines(r.out) {
		if strings.HasPrefix(line, "R-") && !strings.Contains(line, "  broken: ") {
			t.Error(line)
		}
	}
}

// tried gives it to every verb.
func (h *hostile) tried(t *testing.T, file, in string) {
	for verb, reads := range map[string]layer{"inspect": manifest, "replay": played, "verify": described} {
		code := 0
		if h.at <= reads {
			code = h.code
		}
		if h.at != message {
			frugal(t, verb, file).want(t, code)
		}
	}
	code := 0
	if h.at == outside || h.at == message {
		code = 5
	}
	frugal(t, "ingest", file, "--dir", in).want(t, code)
}

// frugal runs vmbundle and looks at what it took.
func frugal(t *testing.T, args ...string) (r result) {
	t.Helper()
	c := exec.Command("vmbundle", args...)
	c.Env = append(os.Environ(), "VMRECORD_CACHE="+t.TempDir(), peakEnv+"=1")
	said, err := os.CreateTemp(t.TempDir(), "")
	ok(t, err)
	defer said.Close()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr, c.ExtraFiles = &out, &errs, []*os.File{said}
	_ = c.Run() // its status is looked at
	var kib int64
	b, err := os.ReadFile(said.Name())
	ok(t, err)
	_, hwm, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(hwm, &kib); err != nil {
		t.Errorf("%s said nothing of its memory: %s", args[0], errs.String())
	}
	p := c.ProcessState
	if spent := p.UserTime() + p.SystemTime(); kib<<10 > mostBytes || spent > mostTime {
		t.Errorf("%s took %d MB and %v", args[0], kib>>10, spent)
	}
	return result{p.ExitCode(), args[0] + "\n" + out.String(), errs.String()}
}

const peakEnv = "VMBUNDLE_TEST_PEAK"

// peak is vmbundle, which tells at its end the most memory that it had, on a file that
// is open already: from behind its wall it reaches none.
func peak() int {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	code := run(os.Args[1:])
	b := make([]byte, 1<<14)
	n, _ := status.ReadAt(b, 0)
	_, _ = os.NewFile(3, "").Write(b[:n])
	return code
}

// A hostile bundle is one that somebody made who knows the format.
type hostile struct {
	name string
	at   layer
	code int // that it is refused with
	file []byte
}

// A layer is where a bundle is not what it says: whoever reads that far refuses it.
type layer int

const (
	outside   layer = iota // archive and envelope, which everybody reads
	manifest               // inspect too
	played                 // replay too
	described              // verify too: a replay does not depend on it
	message                // of mail, that only ingest reads
)

// A forge makes hostile bundles of a good one.
type forge struct {
	t    testing.TB
	a    archive
	file []byte
	made []hostile
}

func (f *forge) add(at layer, code int, name string, file []byte) {
	f.made = append(f.made, hostile{name, at, code, file})
}

// end is how an archive ends.
var end = make([]byte, 1024)

// archives are no bundles from the outside.
func (f *forge) archives() {
	body, member := f.file[:len(f.file)-len(end)], func(h tar.Header) []byte {
		var b bytes.Buffer
		h.Mode, h.Format = 0o644, tar.FormatUSTAR
		ok(f.t, tar.NewWriter(&b).WriteHeader(&h))
		return b.Bytes()
	}
	also := func(name string, more ...[]byte) {
		f.add(outside, 5, name, slices.Concat(append(append([][]byte{body}, more...), end)...))
	}
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "a/../b", "./a", "a//b", "a\\b", "A", "tape/0\x1b[2J.seg", ".", "tape/"} {
		also(fmt.Sprintf("a part named %q", name), member(tar.Header{Name: name}))
	}
	for _, kind := range []byte{tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo} {
		also(fmt.Sprintf("a member of type %c", kind), member(tar.Header{Name: "x", Linkname: "/etc/passwd", Typeflag: kind}))
	}
	also("a part twice", member(tar.Header{Name: "manifest.json", Size: 512}), make([]byte, 512))
	also("a part that nobody names", member(tar.Header{Name: "x", Size: 512}), make([]byte, 512))
	also("a part of 8 GiB", member(tar.Header{Name: "x", Size: 8<<30 - 1}), make([]byte, 512))
	also("a part of less than nothing", patched(member(tar.Header{Name: "x"}), 124, "-0000000001\x00"))
	also("a size in base 256", patched(member(tar.Header{Name: "x"}), 124, "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"))
	also("a longer name of GNU", patched(member(tar.Header{Name: "x", Size: 512}), 156, "L"), make([]byte, 512))
	also("attributes of pax", patched(member(tar.Header{Name: "x", Size: 512}), 156, "x"), make([]byte, 512))
	also("something behind it", end, []byte(strings.Repeat("x", 512)))
	var many [][]byte
	for i := range 20_000 {
		many = append(many, member(tar.Header{Name: fmt.Sprintf("x%d", i)}))
	}
	also("20000 parts", many...)
	f.add(outside, 5, "something in the padding", patched(f.file, 512+len(f.a.parts["vmbundle.txt"])+1, "x"))
	f.add(outside, 5, "cut off", f.file[:len(f.file)/2])
	f.add(outside, 5, "without an end", body)
	f.add(outside, 5, "nothing but zeros", make([]byte, 1<<20))
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 256 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	ok(f.t, z.Close())
	f.add(outside, 5, "compressed", bomb.Bytes())
}

// patched is b with other bytes at an offset and, for a header, its checksum made anew.
func patched(b []byte, at int, with string) []byte {
	b = slices.Clone(b)
	copy(b[at:], with)
	if len(b) == 512 {
		sum := 8 * int(' ')
		for i, c := range b {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	}
	return b
}

// deep is JSON of so many arrays in one another.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// envelopes lie about what is in the file.
func (f *forge) envelopes() {
	text := string(f.a.parts["envelope.json"])
	raw := func(code int, name, text string) {
		b := archive{f.a.names, maps.Clone(f.a.parts)}
		b.parts["envelope.json"] = []byte(text)
		f.add(outside, code, "envelope: "+name, b.bytes(f.t))
	}
	for _, c := range []struct {
		name, old, new string
		code           int
	}{
		{"of a later format", `vmbundle/1`, `vmbundle/2`, 6},
		{"of another bundle", `R-`, `R-0`, 5},
		{"with more in it", `{`, `{"x": 1,`, 5},
		{"deep", `{`, `{"x": ` + deep(100_000) + `,`, 5},
		{"with a member twice", `{`, `{"id": "R-0000-0000",`, 5},
		{"of a million parts", `[`, `[` + strings.Repeat("{},", 2_500_000), 5},
		{"of a million keys", `"parts"`, `"keys": [` + strings.Repeat(`"",`, 2_500_000) + `""], "parts"`, 5},
		{"that is too long", `{`, `{` + strings.Repeat(" ", 9<<20), 5},
		{"that is none", `{`, `no`, 5},
	} {
		raw(c.code, c.name, strings.Replace(text, c.old, c.new, 1))
	}
	b := archive{f.a.names, maps.Clone(f.a.parts)}
	b.parts["vmbundle.txt"] = append([]byte("RUN THIS\n"), b.parts["vmbundle.txt"]...)
	f.add(outside, 5, "another text", b.bytes(f.t))
	f.add(outside, 5, "envelope: of other sizes", f.swapped("envelope.json", `"size": `, `"size": 1`))
}

// swapped is the bundle with a change in one part's text, and nothing else.
func (f *forge) swapped(part, old, new string) []byte {
	b := archive{f.a.names, maps.Clone(f.a.parts)}
	b.parts[part] = bytes.Replace(b.parts[part], []byte(old), []byte(new), 1)
	return b.bytes(f.t)
}

// manifests lie, and everything else follows from them.
func (f *forge) manifests() {
	text := string(f.a.parts["manifest.json"])
	for _, c := range []struct {
		name, old, new string
		code           int
	}{
		{"of a later format", `vmbundle/1`, `vmbundle/2`, 6},
		{"with a format twice", `{`, `{"format": "vmbundle/1",` + strings.Replace(text, "vmbundle/1", "vmbundle/2", 1)[1:] + "{", 5},
		{"of a later format, said at last", "\n}\n", ",\n \"format\": \"vmbundle/9\"\n}\n", 6},
		{"that requires what nobody knows", `"requires": []`, `"requires": ["pages-by-moonlight"]`, 6},
		{"deep", `{`, `{"ext": {"x": ` + deep(100_000) + `},`, 5},
		{"of a million marks", `"markers": [`, `"markers": [` + strings.Repeat("{},", 2_500_000), 5},
		{"of a million parts", `"parts": [`, `"parts": [` + strings.Repeat("{},", 2_500_000), 5},
		{"that is too long", `{`, `{` + strings.Repeat(" ", 9<<20), 5},
		{"that is none", `{`, `no`, 5},
	} {
		f.add(manifest, c.code, "manifest: "+c.name, f.a.withManifest(f.t, []byte(strings.Replace(text, c.old, c.new, 1))).bytes(f.t))
	}
	for _, c := range []struct {
		name string
		do   func(*bundle.Manifest)
	}{
		{"pages for 2^52 bytes", func(m *bundle.Manifest) { m.Snapshot.Pages, m.Machine.MemoryBytes = 1<<40, 1<<52 }},
		{"other pages than bytes", func(m *bundle.Manifest) { m.Snapshot.Pages++ }},
		{"more pages in packs than in memory", func(m *bundle.Manifest) { m.Snapshot.Stored = m.Snapshot.Pages + 1 }},
		{"no clock", func(m *bundle.Manifest) { m.Machine.Hz = 0 }},
		{"an end before the start", func(m *bundle.Manifest) { m.Tape.Start.At = m.Tape.End.At + 1 }},
		{"another configuration", func(m *bundle.Manifest) { m.Machine.Config += " " }},
		{"a part up the tree", func(m *bundle.Manifest) { m.Parts[0].Name = "../x" }},
		{"a part twice", func(m *bundle.Manifest) { m.Parts = append(m.Parts, m.Parts[0]) }},
		{"a part of less than nothing", func(m *bundle.Manifest) { m.Parts[0].Size = -1 }},
		{"a part that is not there", func(m *bundle.Manifest) { m.Snapshot.Map = "snapshot/x" }},
		{"a part left out", func(m *bundle.Manifest) { m.Parts = m.Parts[:len(m.Parts)-1] }},
		{"a digest of another", func(m *bundle.Manifest) { m.Parts[0].SHA256 = m.Parts[1].SHA256 }},
		{"a signer without a signature", func(m *bundle.Manifest) { m.Signer = "RWQ" }},
		{"bases, and does not require them", func(m *bundle.Manifest) { m.Snapshot.Bases = []base.Info{{ID: "../../x"}} }},
		{"a report, and does not require it", func(m *bundle.Manifest) { m.Report = m.Parts[0].Name }},
		{"a base of 2^31 pages", func(m *bundle.Manifest) {
			m.Requires, m.Snapshot.Bases = []string{"bases"}, []base.Info{{Pages: 1 << 31}}
			m.Snapshot.Likeness = m.Snapshot.Map
		}},
	} {
		f.add(manifest, 5, "manifest: "+c.name, f.a.forge(f.t, c.do).bytes(f.t))
	}
	f.add(played, 6, "another model", f.retaped(func(fs []tape.Frame) { fs[0].Header.Model = 99 }).forge(f.t, func(m *bundle.Manifest) { m.Machine.Model = 99 }).bytes(f.t))
	f.add(played, 5, "manifest: a base up the tree", f.a.forge(f.t, func(m *bundle.Manifest) {
		m.Requires, m.Snapshot.Bases = []string{"bases"}, []base.Info{{ID: "../../../etc/passwd", Pages: 1}}
		m.Snapshot.Likeness = m.Snapshot.Map
	}).bytes(f.t))
	f.add(described, 5, "manifest: another tape's marks", f.a.forge(f.t, func(m *bundle.Manifest) { m.Markers = m.Markers[1:] }).bytes(f.t))
	f.add(played, 5, "manifest: another seed", f.a.forge(f.t, func(m *bundle.Manifest) { m.Machine.Seed++ }).bytes(f.t))
}

// block is one whose packed content may be anything, with checksums that fit.
func block(claimed int, head, packed []byte) []byte {
	sum := crc32.MakeTable(crc32.Castagnoli)
	b := []byte("vmb1")
	for _, v := range []int{len(head), claimed, len(packed), int(crc32.Checksum(packed, sum))} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, sum), sum, head))
	return slices.Concat(b, head, packed)
}

// zeros is n of them, packed, with their number left out if it can be.
func zeros(t testing.TB, n int) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	ok(t, err)
	for range n >> 20 {
		_, err := w.Write(make([]byte, 1<<20))
		ok(t, err)
	}
	ok(t, w.Close())
	return b.Bytes()
}

// parts are not what their manifest, whose digests of them are right, says.
func (f *forge) parts(other archive) {
	pack := f.a.names[slices.IndexFunc(f.a.names, func(n string) bool { return strings.HasPrefix(n, "packs/") })]
	plain := func(content []byte) []byte { return store.NewCoder(true).Append(nil, nil, content) }
	uvarints := func(all ...uint64) (b []byte) {
		for _, v := range all {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	huge := bytes.Repeat(block(store.MaxBlock, nil, zeros(f.t, store.MaxBlock)), 200) // 3 GiB
	const pages = ramBytes / 4096
	for _, c := range []struct {
		name, part string
		b          []byte
	}{
		{"empty", pack, nil},
		{"no blocks", pack, []byte("these are no blocks at all, but long enough")},
		{"two in one", pack, slices.Concat(f.a.parts[pack], f.a.parts[pack])},
		{"a block of one byte", pack, block(1, nil, zeros(f.t, 1<<20))},
		{"a block of 4 GiB", pack, block(1<<32-1, nil, zeros(f.t, 1<<20))},
		{"a block that unpacks to more than it says", pack, block(16*4096, nil, zeros(f.t, 1<<30))},
		{"a block that does not unpack", pack, block(16*4096, nil, []byte("this is not zstd"))},
		{"blocks with heads", pack, bytes.Repeat(block(4096, make([]byte, 4096), plain(make([]byte, 4096))[24:]), 400)},
		{"blocks by the thousand", pack, bytes.Repeat(plain(make([]byte, 4096)), 300_000)},
		{"cut off", pack, f.a.parts[pack][:len(f.a.parts[pack])-1]},
		{"3 GiB of zeros", "snapshot/map", huge},
		{"runs without end", "snapshot/map", plain(uvarints(pages, 1<<63))},
		{"pages that there are not", "snapshot/map", plain(uvarints(pages, pages*2+1, 1<<40))},
		{"too few pages", "snapshot/map", plain(uvarints(pages, 2))},
		{"another number of pages", "snapshot/map", plain(uvarints(1<<60, 1<<61))},
		{"3 GiB of zeros", "snapshot/sections", huge},
		{"2^60 of them", "snapshot/sections", plain(uvarints(1 << 60))},
		{"one of 2^60 bytes", "snapshot/sections", plain(uvarints(1, 1<<60))},
		{"3 GiB of zeros", segment, huge},
		{"of no frames", segment, plain([]byte("VMTAPE1\n"))},
		{"a frame of 2^60 bytes", segment, plain(append([]byte("VMTAPE1\n\x01"), uvarints(1<<60)...))},
		{"a million marks", segment, f.marks(300_000, 0)},
		{"marks of 4 MB each", segment, f.marks(100, 4_000_000)},
	} {
		f.add(played, 5, c.part+": "+c.name, f.a.withPart(f.t, c.part, c.b).bytes(f.t))
	}
	f.add(played, 6, "snapshot/sections: none", f.a.withPart(f.t, "snapshot/sections", plain(uvarints(0))).bytes(f.t))
	f.add(played, 6, "tape: of a later version", f.a.withPart(f.t, segment, plain(later(f.tape()))).bytes(f.t))
	f.add(described, 5, "tape: another bundle's", f.a.withPart(f.t, segment, other.parts[segment]).bytes(f.t))
	f.add(played, 5, "a pack with a bit flipped", f.swapped(pack, string(f.a.parts[pack][1000:1004]), "hole"))
}

// segment is the bundle's tape.
const segment = "tape/000001.seg"

// tape is the bundle's, unpacked.
func (f *forge) tape() []byte {
	b, err := io.ReadAll(store.NewBlocks(bytes.NewReader(f.a.parts[segment]), store.NewCoder(true)))
	ok(f.t, err)
	return b
}

// retaped is the bundle with frames changed.
func (f *forge) retaped(change func([]tape.Frame)) archive {
	fs, err := tapetest.Frames(bytes.NewReader(f.tape()))
	ok(f.t, err)
	change(fs)
	raw, err := tapetest.Rewrite(fs)
	ok(f.t, err)
	return f.a.withPart(f.t, segment, store.NewCoder(true).Append(nil, nil, raw))
}

// later is a tape with version 2 in its header, and the checksum that it takes.
func later(raw []byte) []byte {
	const magic = 8
	n, k := binary.Uvarint(raw[magic+1:])
	end := magic + 1 + k + int(n)
	raw = slices.Clone(raw[:end])
	raw[magic+1+k] = 2
	sum := crc32.MakeTable(crc32.Castagnoli)
	return binary.LittleEndian.AppendUint32(raw, crc32.Update(crc32.Checksum(raw[:magic], sum), sum, raw[magic:]))
}

// marks is a tape that begins as the bundle's and goes on with marks.
func (f *forge) marks(n, size int) []byte {
	fs, err := tapetest.Frames(bytes.NewReader(f.tape()))
	ok(f.t, err)
	out := &packed{coder: store.NewCoder(true)}
	w, err := tape.NewWriter(out, *fs[0].Header)
	ok(f.t, err)
	w.Frame(fs[1])
	mark := tape.Frame{Kind: tape.KindMark, MarkKind: tape.Attr, Pos: fs[1].Pos, Text: strings.Repeat("=", size)}
	for range n {
		w.Frame(mark)
	}
	ok(f.t, w.Err())
	return append(out.blocks, out.coder.Append(nil, nil, out.rest)...)
}

// packed makes blocks of what is written to it.
type packed struct {
	coder        *store.Coder
	rest, blocks []byte
}

func (p *packed) Write(b []byte) (int, error) {
	if p.rest = append(p.rest, b...); len(p.rest) > 1<<20 {
		p.blocks, p.rest = p.coder.Append(p.blocks, nil, p.rest), p.rest[:0]
	}
	return len(b), nil
}

// signatures are not of this bundle, or of nobody.
func (f *forge) signatures(dir string) {
	signed := func() archive {
		_, k, err := minisign.GenerateKey(rand.Reader)
		ok(f.t, err)
		p, err := bundle.Pack(dir, f.t.TempDir(), bundle.PackOptions{Sign: &k})
		ok(f.t, err)
		return readArchive(f.t, p.Path)
	}
	a, b := signed(), signed()
	with := func(name, part string, content []byte) {
		c := archive{a.names, maps.Clone(a.parts)}
		c.parts[part] = content
		f.add(manifest, 5, "signature: "+name, c.withManifest(f.t, c.parts["manifest.json"]).bytes(f.t))
	}
	with("another's", "manifest.minisig", b.parts["manifest.minisig"])
	with("empty", "manifest.minisig", nil)
	with("too long", "manifest.minisig", bytes.Repeat([]byte("x"), 1<<20))
	with("of another manifest", "manifest.json", bytes.Replace(a.parts["manifest.json"], []byte("our guest"), []byte("my guest"), 1))
}

// messages carry parts that are not what their envelopes say.
func (f *forge) messages() {
	name := save(f.t, f.file)
	b, err := bundle.Open(name)
	ok(f.t, err)
	d, err := mail.Describe(name, b.ID(), b.UUID())
	ok(f.t, errors.Join(err, b.Close()))
	s := mail.Split{Bundle: d, PartBytes: d.Size/3 + 1}
	text, err := s.Message(mail.Letter{From: "a@beta.example", To: "b@vendor.example", Date: time.Unix(1_790_000_000, 0)}, bytes.NewReader(f.file), 2)
	ok(f.t, err)
	for _, c := range []struct{ name, old, new string }{
		{"another part", `"part": 2`, `"part": 3`},
		{"part 2^62", `"part": 2`, `"part": 4611686018427387904`},
		{"more parts", `"parts": 3`, `"parts": 1000000`},
		{"a bundle of 2^62 bytes", fmt.Sprintf(`"size": %d`, d.Size), `"size": 4611686018427387904`},
		{"a bundle of nothing", fmt.Sprintf(`"size": %d`, d.Size), `"size": 0`},
		{"parts of one byte", fmt.Sprintf(`"part_bytes": %d`, s.PartBytes), `"part_bytes": 1`},
		{"an offset that it has not", fmt.Sprintf(`"offset": %d`, s.PartBytes), `"offset": 0`},
		{"an id up the tree", `"id": "`, `"id": "../../`},
		{"a uuid up the tree", `"uuid": "`, `"uuid": "../../`},
		{"a later version", "envelope/1", "envelope/2"},
		{"deep", `"schema"`, `"x": ` + deep(100_000) + `, "schema"`},
		{"too long", `"schema"`, `"x": "` + strings.Repeat("x", 1<<20) + `", "schema"`},
		{"another digest", `"part_sha256": "`, `"part_sha256": "0`},
		{"other bytes", "\r\n\r\n", "\r\n\r\nAAAA"},
	} {
		bad := strings.Replace(string(text), c.old, c.new, 1)
		if c.name == "other bytes" {
			at := strings.LastIndex(string(text), c.old)
			at = strings.LastIndex(string(text[:at]), c.old)
			bad = string(text[:at]) + c.new + string(text[at+len(c.old):])
		}
		if bad == string(text) {
			f.t.Errorf("no %s in\n%.2000s", c.old, text)
		}
		f.made = append(f.made, hostile{"message: " + c.name, message, 5, []byte(bad)})
	}
	nested := "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
	for range 1000 {
		nested += "--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
	}
	f.made = append(f.made, hostile{"message: in a thousand others", message, 5, []byte(nested)},
		hostile{"message: of a header without end", message, 5, []byte("X: " + strings.Repeat("x", 64<<20))})
}
