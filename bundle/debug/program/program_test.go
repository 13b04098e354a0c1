package program

import (
	"encoding/binary"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// built is a program made of a file of testdata.
func built(t *testing.T, compiler ...string) *File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	args := append(compiler[1:len(compiler)-1:len(compiler)-1], "-o", name, compiler[len(compiler)-1])
	if out, err := exec.Command(compiler[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", args, err, out)
	}
	f, err := Open(name)
	ok(t, err)
	t.Cleanup(func() { ok(t, f.Close()) })
	return f
}

// A ram is what is at some addresses.
type ram map[uint64][]byte

func (m ram) read(la uint64, p []byte) int {
	for at, b := range m {
		if la >= at && la < at+uint64(len(b)) {
			return copy(p, b[la-at:])
		}
	}
	return 0
}

func words(v ...uint64) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}

// state has general registers set to 0x100 and their number, and arguments of
// the stack at 0x7008.
func state() *cpu.State {
	s := new(cpu.State)
	for i := range s.R {
		s.R[i] = 0x100 + uint64(i)
	}
	s.R[4] = 0x7000
	for i := range s.XMM {
		s.XMM[i][0] = math.Float64bits(float64(i) + 0.5)
	}
	return s
}

// values formats parameters or results.
func values(list []Param, s *cpu.State, m ram) string {
	var all []string
	for _, p := range list {
		b, err := p.Bytes(s, m.read)
		text := Format(p.Type, b, m.read)
		if err != nil {
			text = "<" + err.Error() + ">"
		}
		all = append(all, p.Name+"="+text)
	}
	return strings.Join(all, " ")
}

func TestProgram(t *testing.T) {
	f := built(t, "go", "build", "./testdata/args")
	t.Run("arguments", func(t *testing.T) { arguments(t, f) })
	t.Run("places", func(t *testing.T) { places(t, f) })
	t.Run("members", func(t *testing.T) { members(t, f) })
}

// Arguments and results are read from where each language's convention has them.
func arguments(t *testing.T, inGo *File) {
	inC := built(t, "gcc", "-O2", "-g", "./testdata/args.c")
	m := ram{
		0x7008: words(0x11, 0x22, 0x33, 0x44, 0x0605),
		0x9000: []byte("hello\x00world"),
		0x9100: {1, 0, 2, 0, 3, 0, 4, 0},
	}
	float := func(v float32) uint64 { return uint64(math.Float32bits(v)) }
	for _, c := range []struct {
		f     *File
		name  string
		back  bool
		set   map[int]uint64
		float uint64 // XMM0, if not 0
		want  string
	}{
		// n has five words, for which two registers are not enough: it is on the stack.
		{inGo, "main.mixed", false, map[int]uint64{0: 0xfe, 3: 1, 1: 0x9000, 7: 5, 6: 0x9100, 8: 2, 9: 2}, float(-1.5),
			`a=-2 b=true s="hello" list=[{x:1 y:2} {x:3 y:4}] n={name:0x11[:34] at:[{x:51 y:0}] next:0x44} f=-1.5 e={tab:0x10a data:0x10b}`},
		{inGo, "main.mixed", true, map[int]uint64{0: 1<<64 - 7, 3: 0x9006, 1: 5}, 0, `~r0=-7 ~r1="world"`},
		{inGo, "main.many", false, nil, 0, `c=(0.5 + i 1.5) big=[17 34 51] a=256 b=259 d=257 e=263 g=262 h=264 i=265 j=266 k=267 last=68 tail=[5 6]`},
		{inGo, "main.many", true, map[int]uint64{0: 0x1ff}, 0, `~r0=255`},
		{inC, "scalars", false, map[int]uint64{7: 0xff80, 6: 0x1ff, 2: 0x9000, 1: 0x7_0000_fffe, 8: 7}, 0,
			`c=-128 u=255 s="hello" v={a:-2 b:7} d=0.5 k=GREEN l={a:[17 34 51]} n=265 last=68`},
		{inC, "scalars", true, map[int]uint64{0: 9, 2: 'x'}, 0, `={a:9 b:120}`},
		{inC, "after", false, nil, 0, `known=263 m=<where m struct mixed is passed is not known> hidden=<where hidden int is passed is not known>`},
		{inC, "after", true, nil, 0, `=0.5`},
	} {
		s := state()
		for r, v := range c.set {
			s.R[r] = v
		}
		if c.float != 0 {
			s.XMM[0][0] = c.float
		}
		addr, _, found := c.f.Symbol(c.name)
		fn, err := c.f.Function(addr)
		if err != nil || !found || fn.Go != (c.f == inGo) {
			t.Errorf("%s: %+v, %v", c.name, fn, err)
			continue
		}
		list := fn.Params
		if c.back {
			list = fn.Results
		}
		if got := values(list, s, m); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Symbols and lines lead to one another.
func places(t *testing.T, f *File) {
	addr, size, found := f.Symbol("main.many")
	if !found || size == 0 || f.Moves {
		t.Fatalf("%#x, %d bytes, %v", addr, size, f.Moves)
	}
	if name, off, ok := f.SymbolAt(addr + 3); name != "main.many" || off != 3 || !ok {
		t.Errorf("%s+%d %v", name, off, ok)
	}
	if got := f.Place(addr); got.String() != "main.many main.go:21" {
		t.Errorf("place %s", got)
	}
	if got, err := f.Line("args/main.go", 21); err != nil || len(got) != 1 || got[0] != addr {
		t.Errorf("%#x, %v; want %#x", got, err, addr)
	}
	if got, err := f.Line("main.go", 2000); err != nil || len(got) != 0 {
		t.Errorf("%#x, %v", got, err)
	}
	if code := f.Code(addr, 16); len(code) != 16 || !f.Is(addr, code) || f.Is(addr, make([]byte, 16)) || f.Is(addr, nil) {
		t.Errorf("its code is % x", code)
	}
	if like := f.Like("mixed", 5); len(like) != 1 || like[0] != "main.mixed" {
		t.Errorf("like mixed: %q", like)
	}
	if moved, ok := f.movedBy(0x1000, 0x55550000); !ok || moved != 0x55550000-0x401000 {
		t.Errorf("moved %#x %v", moved, ok)
	}
	if _, err := f.Function(addr + 1); err == nil {
		t.Error("a function begins in another")
	}
}

// Members are found by their path, through pointers; what is not there is said.
func members(t *testing.T, f *File) {
	addr, _, _ := f.Symbol("main.mixed")
	fn, err := f.Function(addr)
	ok(t, err)
	n := fn.Params[4]
	m := ram{0x8000: words(0x9000, 5, 0x0002_0001, 0x9999), 0x9000: []byte("hello")}
	value := words(0, 0, 0, 0x8000)
	for path, want := range map[string]string{"next.name": `"hello"`, "next.at": "[{x:1 y:2}]", "next": "0x8000", "next.next.name": "no memory holds",
		"name.len": "0", "gone": "has no member gone", "at.x": "is no structure"} {
		typ, b, err := Member(n.Type, value, path, m.read)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = Format(typ, b, m.read)
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
