package bundle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

const (
	ramPages = 150
	config   = "[machine]\ntoy = true\n"
)

// A made is a recording on a shelf.
type made struct {
	dir  string
	sum  recording.Summary
	text string // the console's
}

// record makes one of n instants, with a mark in the middle and a failure at the end.
func record(t testing.TB, seed uint64, n vmm.Instant) made {
	t.Helper()
	s, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := tapetest.New(ramPages)
	m.Door = tapetest.NewLive(seed)
	m.Run(4000)
	rec, err := s.Start(m, recording.Options{Period: 1000, Every: time.Millisecond, Seed: seed, Meta: recording.Meta{
		Feature: "toy", Appliance: "test", Machine: config, Console: tapetest.Outlet, Created: 1, Facts: map[string]string{"a": "b", "c": "d"}}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	m.OnOutput(tapetest.Outlet, func(p []byte) {
		text.Write(p)
		rec.Console(p)
	})
	marked := false
	for end := m.Now() + n; m.Now() < end; rec.Slice() {
		if m.Run(min(end, m.Now()+300)) == vmm.Beat {
			rec.Beat()
		}
		if !marked && m.Now() > end-n/2 {
			rec.Mark("middle")
			rec.Attr("bad\xff", "text")
			marked = true
		}
	}
	rec.Fail("total is 999 993")
	sum, err := rec.Stop(true, "failed")
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	return made{s.Dir(sum.Name), sum, text.String()}
}

func pack(t testing.TB, dir string) string {
	t.Helper()
	p, err := bundle.Pack(dir, t.TempDir(), bundle.PackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Path
}

func build(c replay.Config) (*vmm.Machine, error) {
	if c.Machine != config {
		return nil, errors.New("not the toy")
	}
	return tapetest.Over(mem.New(make([]byte, c.MemoryBytes)), c.Board), nil
}

// play replays a bundle to its end.
func play(b *bundle.Bundle, o replay.Options) (replay.Result, error) {
	r, err := replay.Open(b, build)
	if err != nil {
		return replay.Result{}, err
	}
	return r.Run(context.Background(), o)
}

func open(t testing.TB, path string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestReplayIsTheRecording(t *testing.T) {
	rec := record(t, 1, 60_000)
	path := pack(t, rec.dir)
	os.RemoveAll(filepath.Dir(rec.dir)) // nothing but the file is needed
	for _, slice := range []vmm.Instant{0, 0, 7, 1009} {
		b := open(t, path)
		var text bytes.Buffer
		var marks []string
		steps := 0
		res, err := play(b, replay.Options{Slice: slice, Console: &text, Progress: func(replay.Step) { steps++ },
			OnMark: func(k, s string) { marks = append(marks, k+" "+s) }})
		if err != nil || !res.Identical || !res.ConsoleEqual || text.String() != rec.text || res.EndHash != rec.sum.EndHash {
			t.Errorf("slices of %d: %+v, %v", slice, res, err)
		}
		if res.HeartbeatsCompared != rec.sum.Heartbeats || res.InputsDelivered != rec.sum.Inputs || res.Retired != rec.sum.Retired ||
			res.HeartbeatsCompared < 20 || res.InputsDelivered < 20 || res.Position != rec.sum.End || steps == 0 {
			t.Errorf("compared %+v, recorded %+v", res, rec.sum)
		}
		if want := []string{"mark middle", "attr bad\xff=text", "fail total is 999 993"}; !slices.Equal(marks, want) {
			t.Errorf("marks %q", marks)
		}
		if err := b.Verify(); err != nil {
			t.Error(err)
		}
	}
}

func TestStopAndGoLive(t *testing.T) {
	rec := record(t, 2, 40_000)
	b := open(t, pack(t, rec.dir))
	line := replay.LineOf(b.Manifest())
	for _, pos := range []string{"start", "50%", "@middle", "failure", "-1us", "3us", "end"} {
		p, err := replay.ParsePosition(pos, line)
		if err != nil {
			t.Fatal(err)
		}
		r, err := replay.Open(b, build)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Run(context.Background(), replay.Options{Until: &p})
		if err != nil || r.Machine().Now() < p.At || p.Inputs != tape.All && r.Machine().Position() != p || res.Ended != (res.Position == rec.sum.End) {
			t.Errorf("%s: at %v, want %v: %v", pos, r.Machine().Position(), p, err)
		}
		m := r.GoLive(tapetest.NewLive(99))
		at := m.Now()
		if e := m.Run(at + 5000); e != vmm.Reached || m.Now() < at+5000 {
			t.Errorf("%s: live, exit %d at %d", pos, e, m.Now())
		}
	}
}

func TestPackIsStable(t *testing.T) {
	rec := record(t, 3, 20_000)
	var files [2][]byte
	for i := range files {
		var err error
		if files[i], err = os.ReadFile(pack(t, rec.dir)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("packed twice, two different files")
	}
	var names []string
	for r := tar.NewReader(bytes.NewReader(files[0])); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || h.Typeflag != tar.TypeReg || !h.ModTime.Equal(time.Unix(0, 0)) || h.Uid != 0 || h.Format != tar.FormatUSTAR {
			t.Fatalf("%+v, %v", h, err)
		}
		names = append(names, h.Name)
		if h.Name == "vmbundle.txt" {
			if txt, _ := io.ReadAll(r); !bytes.HasPrefix(txt, []byte("VMBUNDLE 1\n")) {
				t.Errorf("text %q", txt)
			}
		}
	}
	if len(names) < 7 || !slices.Equal(names[:3], []string{"vmbundle.txt", "envelope.json", "manifest.json"}) || !slices.IsSorted(names[3:]) {
		t.Errorf("parts %q", names)
	}
	if !bytes.Equal(files[0][:12], []byte("vmbundle.txt")) {
		t.Error("the first bytes do not tell what it is")
	}
}

func TestPackNamesAndInfo(t *testing.T) {
	rec := record(t, 4, 10_000)
	p, err := bundle.Pack(rec.dir, t.TempDir(), bundle.PackOptions{})
	if err != nil || filepath.Base(p.Path) != p.ID+".vmb" || len(p.ID) != len("R-XXXX-XXXX") || len(p.UUID) != 36 || p.UUID[14] != '8' {
		t.Fatalf("%+v, %v", p, err)
	}
	info := open(t, p.Path).Inspect()
	m := info.Manifest
	if info.ID != p.ID || info.Bytes != p.Bytes || m.Failure == nil || m.Failure.Text != "total is 999 993" || len(m.Markers) != 3 ||
		m.Tape.EndHash != rec.sum.EndHash || m.Tape.End != rec.sum.End || m.Recording.Facts["a"] != "b" || m.Machine.Config != config ||
		m.Tape.Keys != rec.sum.Keys || info.Seconds <= 0 || m.Snapshot.Pages != ramPages || m.Snapshot.Stored >= ramPages {
		t.Errorf("%+v", info)
	}
	j, err := json.Marshal(info)
	var back bundle.Info
	if err != nil || json.Unmarshal(j, &back) != nil || !reflect.DeepEqual(back, info) {
		t.Errorf("as JSON: %v\n%s", err, j)
	}
	named := filepath.Join(t.TempDir(), "x.vmb")
	if p, err = bundle.Pack(rec.dir, named, bundle.PackOptions{}); err != nil || p.Path != named {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := bundle.Pack(t.TempDir(), named, bundle.PackOptions{}); err == nil || !strings.Contains(err.Error(), "recording.json") {
		t.Error(err)
	}
}

// retape gives the recording another tape.
func retape(t testing.TB, dir string, raw []byte) {
	b := store.NewCoder(true).Append(nil, nil, raw)
	if err := os.WriteFile(filepath.Join(dir, "tape", "000001.seg"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func frames(t testing.TB, dir string) []tape.Frame {
	r, err := recording.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := r.RawTape(1 << 28)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := tapetest.Frames(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func rewrite(t testing.TB, fs []tape.Frame) []byte {
	b, err := tapetest.Rewrite(fs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantDivergence(t *testing.T, path, what string) {
	t.Helper()
	b := open(t, path)
	if err := b.Verify(); err != nil {
		t.Errorf("%s: every digest was computed anew, and yet: %v", what, err)
	}
	res, err := play(b, replay.Options{})
	var d *tape.Divergence
	if !errors.As(err, &d) || d.Section == "" || d.Bad.At < d.Good.At || res.Identical {
		t.Errorf("%s: %+v, %v", what, res, err)
	}
	t.Log(what, "->", err)
}

func TestRemovedInputDiverges(t *testing.T) {
	rec := record(t, 5, 30_000)
	fs := frames(t, rec.dir)
	for _, n := range []int{0, 3, 17} {
		for i, f := range fs {
			if f.Kind == tape.KindInput {
				if n--; n < 0 {
					retape(t, rec.dir, rewrite(t, append(slices.Clone(fs[:i]), withoutSync(fs[i+1:])...)))
					wantDivergence(t, pack(t, rec.dir), fmt.Sprintf("without the input at %v", f.Pos))
					break
				}
			}
		}
	}
}

// withoutSync drops frames that count the frames before them.
func withoutSync(fs []tape.Frame) []tape.Frame {
	return slices.DeleteFunc(slices.Clone(fs), func(f tape.Frame) bool { return f.Kind == tape.KindSync })
}

func TestFlippedMemoryDiverges(t *testing.T) {
	for _, at := range []int{3, 20*mem.PageBytes + 9, ramPages*mem.PageBytes - 1} {
		rec := record(t, 6, 30_000)
		r, err := recording.Read(rec.dir)
		if err != nil {
			t.Fatal(err)
		}
		ram := make([]byte, ramPages*mem.PageBytes)
		for i, h := range r.Pages {
			if err := r.Page(h, ram[i*mem.PageBytes:(i+1)*mem.PageBytes]); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		fs := frames(t, rec.dir)
		ram[at] ^= 0x10
		m := mem.New(ram)
		fs[1].Beat.Root = m.Root()
		retape(t, rec.dir, rewrite(t, fs))
		repage(t, rec.dir, m)
		wantDivergence(t, pack(t, rec.dir), fmt.Sprintf("bit flipped at %#x", at))
	}
}

// repage gives the recording another memory at its start.
func repage(t *testing.T, dir string, m *mem.RAM) {
	s, err := store.Open(filepath.Join(dir, "..", "pages"), store.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	list := binary.AppendUvarint(nil, ramPages)
	for i := range uint32(ramPages) {
		h := m.Digest(i)
		if err := s.Put(h, m.B[i*mem.PageBytes:(i+1)*mem.PageBytes]); err != nil {
			t.Fatal(err)
		}
		if h == store.Zero() {
			list = append(list, 2)
		} else {
			list = append(append(list, 3), h[:]...)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pages"), store.NewCoder(true).Append(nil, nil, list), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exitClass is 5, 6 or 7 as errors.go has it; 0 for nothing of the kind.
func exitClass(err error) int {
	var i *bundle.IntegrityError
	var c *bundle.IncompatibleError
	var d *tape.Divergence
	switch {
	case errors.As(err, &i) && i.Part != "" && i.What != "":
		return 5
	case errors.As(err, &c):
		return 6
	case errors.As(err, &d) && d.Section != "":
		return 7
	}
	return 0
}

// Any flipped byte of the file is noticed before anything is executed.
func TestFlippedBytesOfTheFile(t *testing.T) {
	rec := record(t, 7, 15_000)
	whole, err := os.ReadFile(pack(t, rec.dir))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 1))
	for range 200 {
		at := rng.IntN(len(whole))
		bad := bytes.Clone(whole)
		bad[at] ^= byte(1 + rng.IntN(255))
		b, err := bundle.New(bytes.NewReader(bad), int64(len(bad)))
		if err == nil {
			err = b.Verify()
		}
		if c := exitClass(err); c != 5 && c != 6 {
			t.Errorf("byte %d of %d flipped: %v", at, len(whole), err)
		}
	}
	for n := 0; n < len(whole); n += len(whole) / 150 {
		b, err := bundle.New(bytes.NewReader(whole[:n]), int64(n))
		if err == nil {
			err = b.Verify()
		}
		if exitClass(err) != 5 {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// Any flipped byte of any kind of frame, behind correct digests of everything
// around the tape, is a named error.
func TestFlippedBytesOfFrames(t *testing.T) {
	rec := record(t, 8, 15_000)
	b := open(t, pack(t, rec.dir))
	raw := rewrite(t, frames(t, rec.dir))
	at := map[byte][]int{} // offsets of each kind of frame's bytes
	for off := 8; off < len(raw); {
		n, k := binary.Uvarint(raw[off+1:])
		end := off + 1 + k + int(n) + 4
		for i := off; i < end; i++ {
			at[raw[off]] = append(at[raw[off]], i)
		}
		off = end
	}
	if len(at) < 6 {
		t.Fatalf("only %d kinds of frame", len(at))
	}
	rng := rand.New(rand.NewPCG(8, 1))
	tried := map[string]int{}
	for i := 0; i < 210; {
		for kind := byte(1); kind <= 7; kind++ {
			if len(at[kind]) == 0 {
				continue
			}
			i++
			bad := bytes.Clone(raw)
			where := at[kind][rng.IntN(len(at[kind]))]
			bad[where] ^= byte(1 + rng.IntN(255))
			_, err := play(withTape(t, b, bad), replay.Options{})
			if c := exitClass(err); c == 0 {
				t.Errorf("byte %d of a %v flipped: %v", where, tape.Kind(kind), err)
			} else {
				tried[fmt.Sprintf("%v: exit %d", tape.Kind(kind), c)]++
			}
		}
	}
	t.Log(tried)
}

// withTape makes a bundle like b with another tape and correct digests.
func withTape(t testing.TB, b *bundle.Bundle, raw []byte) *bundle.Bundle {
	seg := store.NewCoder(true).Append(nil, nil, raw)
	out := bundle.Replace(b, "tape/000001.seg", seg)
	n, err := bundle.New(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTruncatedRecording(t *testing.T) {
	rec := record(t, 9, 30_000)
	fs := frames(t, rec.dir)
	raw := rewrite(t, fs)
	retape(t, rec.dir, raw[:len(raw)*2/3])
	b := open(t, pack(t, rec.dir))
	if err := b.Verify(); err != nil {
		t.Error(err)
	}
	res, err := play(b, replay.Options{})
	if err != nil || !res.Truncated || !res.Identical || !b.Manifest().Tape.Truncated || res.HeartbeatsCompared == 0 || res.Position != b.Manifest().Tape.End {
		t.Errorf("%+v, %v", res, err)
	}
	// What says that it is whole must be whole.
	out := bundle.Tamper(b, func(m *bundle.Manifest) { m.Tape.Truncated = false })
	lie, err := bundle.New(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := play(lie, replay.Options{}); exitClass(err) != 5 {
		t.Error(err)
	}
}

func TestNothingComparedIsAnError(t *testing.T) {
	rec := record(t, 10, 3000)
	b := open(t, pack(t, rec.dir))
	fs := slices.DeleteFunc(frames(t, rec.dir), func(f tape.Frame) bool { return f.Kind == tape.KindHeartbeat })
	res, err := play(withTape(t, b, rewrite(t, withoutSync(fs))), replay.Options{})
	if exitClass(err) != 5 || res.Identical || !strings.Contains(err.Error(), "no heartbeat") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRefusedManifests(t *testing.T) {
	b := open(t, pack(t, record(t, 11, 3000).dir))
	for _, c := range []struct {
		name string
		want int
		text string
		edit func(*bundle.Manifest)
	}{
		{"as is", 0, "", func(m *bundle.Manifest) {}},
		{"format", 6, "vmbundle/2", func(m *bundle.Manifest) { m.Format = "vmbundle/2" }},
		{"requires", 6, "base", func(m *bundle.Manifest) { m.Requires = []string{"base"} }},
		{"ext may be ignored", 0, "", func(m *bundle.Manifest) { m.Ext = map[string]json.RawMessage{"x": []byte("1")} }},
		{"model", 6, "vmbundle-model-", func(m *bundle.Manifest) { m.Machine.Model++ }},
		{"memory", 5, "memory of", func(m *bundle.Manifest) { m.Machine.MemoryBytes++ }},
		{"no clock", 5, "clock", func(m *bundle.Manifest) { m.Machine.Hz = 0 }},
		{"too many pages", 5, "pages", func(m *bundle.Manifest) { m.Snapshot.Pages, m.Machine.MemoryBytes = 1<<40, 1<<52 }},
		{"configuration", 5, "configuration", func(m *bundle.Manifest) { m.Machine.Config += " " }},
		{"part not there", 5, "not among its parts", func(m *bundle.Manifest) { m.Snapshot.Packs = []string{"packs/x"} }},
		{"part's name", 5, "part", func(m *bundle.Manifest) { m.Parts[0].Name = "../x" }},
		{"part's digest", 5, "does not agree", func(m *bundle.Manifest) { m.Parts[0].SHA256 = strings.Repeat("0", 64) }},
		{"part twice", 5, "part", func(m *bundle.Manifest) { m.Parts = append(m.Parts, m.Parts[0]) }},
		{"stored", 5, "page map", func(m *bundle.Manifest) { m.Snapshot.Stored-- }},
		{"epoch", 5, "another machine", func(m *bundle.Manifest) { m.Machine.Epoch++ }},
		{"start", 5, "another", func(m *bundle.Manifest) { m.Tape.Start.At-- }},
	} {
		out := bundle.Tamper(b, c.edit)
		n, err := bundle.New(bytes.NewReader(out), int64(len(out)))
		if err == nil {
			_, err = play(n, replay.Options{})
		}
		if got := exitClass(err); got != c.want || c.want == 0 && err != nil || c.want != 0 && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: exit class %d: %v", c.name, got, err)
		}
	}
}

func TestRefusedArchives(t *testing.T) {
	whole, err := os.ReadFile(pack(t, record(t, 12, 3000).dir))
	if err != nil {
		t.Fatal(err)
	}
	end := whole[len(whole)-1024:]
	body := whole[:len(whole)-1024]
	file := func(name string, size int64) []byte { return append(bundle.Header(name, size), make([]byte, 512)...) }
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"zeros", make([]byte, 4096)},
		{"another part", slices.Concat(body, file("x", 512), end)},
		{"twice", slices.Concat(body, file("snapshot/map", 512), end)},
		{"parent", slices.Concat(body, file("../../etc/passwd", 512), end)},
		{"absolute", slices.Concat(body, file("/etc/passwd", 512), end)},
		{"huge", slices.Concat(body, file("x", 1<<32), end)},
		{"link", slices.Concat(body, link("x"), end)},
		{"trailing", slices.Concat(whole, make([]byte, 512))},
		{"text", []byte("no bundle at all, but long enough to look at" + strings.Repeat(".", 2000))},
	} {
		if _, err := bundle.New(bytes.NewReader(c.b), int64(len(c.b))); exitClass(err) != 5 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := bundle.Open(t.TempDir()); err == nil {
		t.Error("opened a directory")
	}
}

// link is a well-formed header of a symbolic link.
func link(name string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: name, Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink, Format: tar.FormatUSTAR})
	return out.Bytes()
}

func FuzzOpen(f *testing.F) {
	b, err := os.ReadFile(pack(f, record(f, 13, 2000).dir))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, p []byte) {
		if n, err := bundle.New(bytes.NewReader(p), int64(len(p))); err == nil {
			n.Verify()
		}
	})
}

func FuzzManifest(f *testing.F) {
	path := pack(f, record(f, 14, 2000).dir)
	b := open(f, path)
	raw, err := json.Marshal(b.Manifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format":"vmbundle/1","requires":["x"]}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		out := bundle.WithManifest(b, p)
		n, err := bundle.New(bytes.NewReader(out), int64(len(out)))
		if err == nil {
			err = n.Verify()
		}
		if err != nil && exitClass(err) == 0 {
			t.Fatal(err)
		}
	})
}
