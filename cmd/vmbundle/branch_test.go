package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/tree"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/tape"
)

// dice is a guest of 16-bit code at 7c00h: for each byte that arrives on COM1 it
// draws a number with RDRAND and sends it, a letter from A to P for each four
// bits; for "q" it powers off.
var dice = []byte{
	0xba, 0xfd, 0x03, // start: mov dx, 3fdh
	0xec,       // in al, dx
	0xa8, 0x01, // test al, 1
	0x74, 0xf8, // jz start
	0xb2, 0xf8, // mov dl, f8h
	0xec,       // in al, dx
	0x3c, 0x71, // cmp al, 'q'
	0x74, 0x1a, // je off
	0x66, 0x0f, 0xc7, 0xf0, // rdrand eax
	0xb9, 0x08, 0x00, // mov cx, 8
	0x66, 0xc1, 0xc0, 0x04, // next: rol eax, 4
	0x66, 0x89, 0xc3, // mov ebx, eax
	0x24, 0x0f, // and al, 15
	0x04, 0x41, // add al, 'A'
	0xee,             // out dx, al
	0x66, 0x89, 0xd8, // mov eax, ebx
	0xe2, 0xef, // loop next
	0xeb, 0xd7, // jmp start
	0xba, 0x04, 0x06, // off: mov dx, 604h: PM1 control
	0xb8, 0x00, 0x34, // mov ax, SLP_TYP 5, SLP_EN
	0xef, // out dx, ax
	0xf4, // hlt
}

// newDice is a recording of that guest, who draws at 100, 200 and 300 µs, with so
// many bytes of memory that nothing is like.
func newDice(t testing.TB, noise int) made {
	t.Helper()
	spec := machine.Spec{Memory: ramBytes, Hz: vmm.DefaultHz, UUID: strings.Repeat("07", 16), Control: true, MaxRecordings: 100}
	m, free, err := spec.Build(1_790_000_000, 7)
	ok(t, err)
	defer free()
	const code, cs = 0x7c00, 1
	m.Mem.Write(code, dice)
	b := make([]byte, noise)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	m.Mem.Write(1<<20, b)
	m.CPU.Seg[cs].Sel, m.CPU.Seg[cs].Base, m.CPU.RIP = 0, 0, code
	con, err := live.OpenConsole("none", nil, nil)
	ok(t, err)
	s := &live.Session{M: m, Door: host.NewDoor(host.Config{Pace: host.Virtual}), Console: con, Limit: 4 * vmm.DefaultHz / 10_000}
	var keys []host.Key
	for i := range time.Duration(3) {
		keys = append(keys, host.Key{At: (i + 1) * 100 * time.Microsecond, Data: []byte("x")})
	}
	s.Connect(host.Script{Keys: keys})
	shelf, err := recording.OpenShelf(filepath.Join(t.TempDir(), "recs"), recording.Limits{})
	ok(t, err)
	rec, err := shelf.Start(m, recording.Options{Period: 1 << 14, Seed: 7, Meta: recording.Meta{
		Feature: "dice", Appliance: "a guest", Machine: spec.Text(), Console: machine.ConsoleOut}})
	ok(t, err)
	s.Beat, s.Slice, s.Heard = rec.Beat, rec.Slice, rec.Console
	if e := s.Run(); e.Outcome != "max-instants" {
		t.Fatalf("%+v", e)
	}
	sum, err := rec.Stop(true, "enough")
	ok(t, err)
	ok(t, con.Close())
	ok(t, shelf.Close())
	dir := shelf.Dir(sum.Name)
	return made{dir: dir, file: pack(t, dir)}
}

// branches has the program keep branches in a folder of this test's.
func branches(t *testing.T) (dir string) {
	dir = filepath.Join(t.TempDir(), "branches")
	t.Setenv("VMB_BRANCHES", dir)
	return dir
}

// Two branches of one position draw different numbers, and other ones than the
// recording; each, recorded, replays identically. At virtual pace a branch
// repeats itself, and a seed makes it another one.
func TestBranchesDrawTheirOwn(t *testing.T) {
	branches(t)
	m := newDice(t, 0)
	recorded := vmbundle(t, "", "replay", m.file).want(t, 0, "identical").out
	if !regexp.MustCompile(`^[A-P]{24}$`).MatchString(recorded) {
		t.Fatalf("the recording draws %q", recorded)
	}
	seen := map[string]string{recorded[8:16]: "the recording"}
	for i, c := range []struct {
		args string
		keys string // what a person types; a script would need a pace of its own
		same int    // as what branch of this list; -1: none
	}{
		{"", "xq", -1},
		{"", "xq", -1},
		{"--pace free", "xq", -1},
		{"--seed 1", "xq", -1},
		{"--seed 1", "xq", 3},
		{"--seed 2", "xq", -1},
	} {
		name := fmt.Sprint("branch-", i)
		args := append([]string{"golive", m.file, "--at", "150us", "--record", name}, strings.Fields(c.args)...)
		r := vmbundle(t, c.keys, args...).want(t, 0, "● LIVE from 600000+", "● recorded "+name)
		said := strings.TrimPrefix(r.out, recorded[:8]) // what it had said there
		if said == r.out || len(said) != 8 {
			t.Errorf("%+v: it says %q", c, r.out)
			continue
		}
		if by, was := seen[said]; was != (c.same >= 0) || was && by != fmt.Sprint("branch-", c.same) {
			t.Errorf("%+v: it draws %s, as %q did", c, said, by)
		} else if !was {
			seen[said] = name
		}
		again := vmbundle(t, "", "replay", name).want(t, 0, "identical: ")
		if again.out != said {
			t.Errorf("%+v: recorded %q, replayed %q", c, said, again.out)
		}
	}
	// They part where they begin, by what they were told.
	vmbundle(t, "", "bisect", "branch-3", "branch-5").want(t, 7, "equal up to 600000+", "input in A: cpu/entropy ", "input in B: cpu/entropy ", "cpu Rand")
}

// At virtual pace, where nobody types, a branch's end is a function of position
// and seed.
func TestVirtualBranchRepeats(t *testing.T) {
	branches(t)
	m := newDice(t, 0)
	dir := os.Getenv("VMB_BRANCHES")
	ends := map[string]string{}
	for _, c := range []struct{ name, seed, same string }{{"a", "0", ""}, {"b", "0", "a"}, {"c", "5", ""}, {"d", "5", "c"}} {
		vmbundle(t, "", "golive", m.file, "--at", "50%", "--pace", "virtual", "--seed", c.seed, "--record", c.name,
			"--max-instants", "10000000").want(t, 8)
		var res struct {
			Identical       bool
			InputsDelivered int
			EndHash         string
		}
		ok(t, json.Unmarshal([]byte(vmbundle(t, "", "replay", c.name, "--json").want(t, 0).out), &res))
		const want = `cpu/entropy, backdoor/control "live", backdoor/control "vmrecord.start branch", board/leap`
		if told := inputs(t, filepath.Join(dir, fmt.Sprintf("%06d", len(ends)+1))); told != want {
			t.Errorf("%+v: the guest was told %s", c, told)
		}
		if ends[c.name] = res.EndHash; !res.Identical || res.InputsDelivered != 4 {
			t.Errorf("%+v: %+v", c, res)
		}
		if other := ends[c.same]; c.same != "" && other != res.EndHash || c.same == "" && c.name != "a" && ends["a"] == res.EndHash {
			t.Errorf("%+v: ends %q", c, ends)
		}
	}
}

// inputs are those on a recording's tape, with the texts among their data.
func inputs(t *testing.T, dir string) string {
	t.Helper()
	b, err := bundle.OpenRecording(dir)
	ok(t, err)
	defer b.Close()
	r, err := b.Tape()
	ok(t, err)
	var all []string
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, ", ")
		}
		ok(t, err)
		switch {
		case f.Kind != tape.KindInput:
		case f.Input.Inlet == machine.Control:
			all = append(all, fmt.Sprintf("%s %q", f.Input.Inlet, f.Input.Data))
		default:
			all = append(all, f.Input.Inlet)
		}
	}
}

// The tree tells what left what, where and how it ended; its nodes are named,
// annotated and dropped, and stand wherever a file can.
func TestTree(t *testing.T) {
	dir := branches(t)
	m := newMade(t)
	vmbundle(t, "", "tree").want(t, 0)
	vmbundle(t, "", "tree", m.file).want(t, 0, "failed", `"late"`)
	for _, b := range []struct{ name, of, at, keys string }{
		{"one", m.file, "@middle", "zq"}, {"two", m.file, "9ms", "q"}, {"of-one", "one", "50%", "zzq"}, {"of-of-one", "of-one", "0.1ms", "q"},
	} {
		vmbundle(t, b.keys, "golive", b.of, "--at", b.at, "--record", b.name).want(t, 0, "● recorded "+b.name)
	}
	read := func(args ...string) treeDocument {
		t.Helper()
		var d treeDocument
		ok(t, json.Unmarshal([]byte(vmbundle(t, "", append([]string{"tree", "--json"}, args...)...).want(t, 0).out), &d))
		return d
	}
	for _, args := range [][]string{nil, {m.file}, {"one"}, {"of-of-one"}} {
		if got := shape(read(args...).Trees); got != "root(one(of-one(of-of-one)) two)" {
			t.Errorf("%q: %s", args, got)
		}
	}
	one := read().Trees[0].Children[0]
	if one.Outcome != tree.OK || one.Seconds != 0.008 || one.Own == 0 || one.Shared == 0 || one.Path != filepath.Join(dir, filepath.Base(one.Path)) {
		t.Errorf("%+v", one)
	}
	for _, name := range []string{"one", one.ID, "of-of-one"} {
		vmbundle(t, "", "verify", name).want(t, 0, "identical")
		vmbundle(t, "", "inspect", name).want(t, 0, "branch")
	}
	vmbundle(t, "", "pack", "of-one").want(t, 0, ".vmb")

	vmbundle(t, "", "tree", "name", "one", "first").want(t, 0)
	vmbundle(t, "", "tree", "note", one.ID, "what <I> tried").want(t, 0)
	vmbundle(t, "", "tree", "note", one.Parent, "the report").want(t, 0)
	vmbundle(t, "", "tree", "name", one.Parent, "report").want(t, 0)
	vmbundle(t, "", "tree").want(t, 0, "first", `"what <I> tried"`, `"the report"`, "report", "failed")
	vmbundle(t, "", "replay", "report").want(t, 0, "identical")
	svg := filepath.Join(t.TempDir(), "tree.svg")
	vmbundle(t, "", "tree", "--svg", svg).want(t, 0)
	picture, err := os.ReadFile(svg)
	ok(t, err)
	if s := string(picture); !strings.Contains(s, "what &lt;I&gt; tried") || strings.Count(s, "<circle") != 5 {
		t.Errorf("the picture is\n%s", s)
	}
	vmbundle(t, "", "tree", "--svg", svg).want(t, 1, "--force")

	vmbundle(t, "", "tree", "drop", "first").want(t, 0)
	vmbundle(t, "", "replay", "first").want(t, 3, "first is no file")
	vmbundle(t, "", "replay", one.ID).want(t, 3, "is no file", "vmbundle tree")
	vmbundle(t, "", "tree").want(t, 0, "gone", "of-one")
	vmbundle(t, "", "replay", "of-one").want(t, 0, "identical")
	vmbundle(t, "", "tree", "drop", "of-of-one", "of-one").want(t, 0)
	if got := shape(read().Trees); got != "report(two)" {
		t.Error(got)
	}
	vmbundle(t, "", "replay", "two").want(t, 0, "identical")

	for _, c := range []struct {
		args   string
		status int
		why    string
	}{
		{"tree nothing", 3, "nothing is no file"},
		{"tree name two two/three", 2, "letters, digits"},
		{"tree name two R-ABCD-EFGH", 2, "looks like an id"},
		{"tree name nothing x", 3, "to see all: vmbundle tree"},
		{"tree name two report", 2, "there is one of that name"},
		{"tree drop nothing", 3, "to see all: vmbundle tree"},
		{"tree --svg /nowhere/x.svg", 3, "no such folder"},
		{"golive " + m.file + " --at 50% --record two", 2, "vmbundle tree drop two"},
		{"golive " + m.file + " --at 50% --record ..", 2, "letters, digits"},
	} {
		vmbundle(t, "", strings.Fields(c.args)...).want(t, c.status, c.why)
	}
}

// shape is trees in a line.
func shape(nodes []*tree.Node) string {
	var all []string
	for _, n := range nodes {
		s := cmp.Or(n.Name, "root")
		if len(n.Children) > 0 {
			s += "(" + shape(n.Children) + ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

// A snapshot is a branch that ends where it begins: it goes live like the position
// that it was taken at, and as a bundle it needs nothing else.
func TestSnapshot(t *testing.T) {
	branches(t)
	m := newDice(t, 0)
	vmbundle(t, "", "tree", "snapshot", m.file, "here", "--at", "50%").want(t, 0, "● recorded here")
	vmbundle(t, "", "replay", "here").want(t, 0, "identical: 2 heartbeats, 0 inputs")
	vmbundle(t, "", "verify", "here").want(t, 0, "identical: ")
	vmbundle(t, "", "tree").want(t, 0, "here", "0.000 s")
	vmbundle(t, "xq", "golive", "here", "--at", "start", "--record", "on").want(t, 0, "● LIVE from 800000+")
	vmbundle(t, "xq", "golive", "here", "--at", "50%").want(t, 0, "● LIVE from 800000+")
	vmbundle(t, "", "bisect", "here", "on").want(t, 0, "equal to the end of the shorter one")
	var packed struct{ Path string }
	out := t.TempDir()
	ok(t, json.Unmarshal([]byte(vmbundle(t, "", "pack", "here", out, "--json").want(t, 0).out), &packed))
	vmbundle(t, "", "tree", "drop", "here").want(t, 0)
	vmbundle(t, "xq", "golive", packed.Path, "--at", "end").want(t, 0, "● LIVE from 800000+")
	vmbundle(t, "", "tree", "snapshot", m.file, "on", "--at", "50%").want(t, 2, "there is one of that name")
	vmbundle(t, "", "tree", "snapshot", m.file, "x", "--at", "2h").want(t, 2, "the tape is")
}

// A program killed while it records a branch leaves one that replays as far as it
// is durable, and was never in the way of the others.
func TestKilledBranch(t *testing.T) {
	dir := branches(t)
	m := newMade(t)
	c := exec.Command("vmbundle", "golive", m.file, "--at", "50%", "--record", "doomed")
	c.Env = os.Environ()
	keys, err := c.StdinPipe() // nobody types, and the guest waits
	ok(t, err)
	ok(t, c.Start())
	defer keys.Close()
	durable := false
	for end := time.Now().Add(8 * time.Minute); !durable && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, err := bundle.OpenRecording(filepath.Join(dir, "000001"))
		if err != nil {
			continue
		}
		durable = b.Manifest().Tape.Inputs >= 4
		ok(t, b.Close())
	}
	if vmbundle(t, "", "tree").want(t, 0, "doomed", "live"); !durable {
		t.Error("nothing of it is on disk after eight minutes")
	}
	ok(t, c.Process.Kill())
	_ = c.Wait()
	vmbundle(t, "", "tree").want(t, 0, "doomed", "ok, cut off")
	vmbundle(t, "", "replay", "doomed").want(t, 0, "identical up to where the recording was interrupted")
	vmbundle(t, "q", "golive", "doomed", "--at", "end", "--record", "on").want(t, 0, "● recorded on")
	vmbundle(t, "", "replay", "on").want(t, 0, "identical: ")
}

// Twenty branches of one recording take what one takes, and what differs: a page
// that all have stands there once.
func TestTwentyBranchesShare(t *testing.T) {
	const noise = 2 << 20
	dir := branches(t)
	m := newDice(t, noise)
	var one int64
	for i := range 20 {
		vmbundle(t, "", "golive", m.file, "--at", "60%", "--pace", "virtual", "--seed", fmt.Sprint(i), "--max-instants", "100000",
			"--serial", "none", "--record", fmt.Sprint("b", i)).want(t, 8)
		if i == 0 {
			one = bytesIn(t, dir)
		}
	}
	all := bytesIn(t, dir)
	var d treeDocument
	ok(t, json.Unmarshal([]byte(vmbundle(t, "", "tree", m.file, "--json").want(t, 0).out), &d))
	kids, own := d.Trees[0].Children, int64(0)
	for _, k := range kids {
		own += k.Own
	}
	t.Logf("one branch takes %d bytes, twenty %d: %d are shared, %d differ", one, all, kids[0].Shared, own)
	if len(kids) != 20 || one < noise || all > one+one/4 || all > kids[0].Shared+own+10_000 {
		t.Errorf("%d branches take %d bytes, one took %d; %d are shared, %d differ", len(kids), all, one, kids[0].Shared, own)
	}
}

func bytesIn(t *testing.T, dir string) (n int64) {
	t.Helper()
	ok(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		i, err := e.Info()
		n += i.Size()
		return err
	}))
	return n
}
