package corpus

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] || c.Name == "" || strings.ContainsAny(c.Name, "\n\t") {
			t.Errorf("case %q: it has no name of its own", c.Name)
		}
		if c.Section == "" || c.Want == "" {
			t.Errorf("case %q: it cites nothing, or wants nothing", c.Name)
		}
		seen[c.Name] = true
	}
}

// What each machine said is what the case wants, unless the case says that this
// machine differs.
func TestStored(t *testing.T) {
	for _, m := range []string{"vmrecord", "qemu", "bochs"} {
		b, err := os.ReadFile("testdata/" + m + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		said := Stored(string(b))
		for _, c := range Cases() {
			r, ok := said[c.Name]
			if !ok {
				t.Errorf("%s, case %q: not run yet: go run ./cmd/internal/corpus", m, c.Name)
			} else if differs := c.Differs(m); differs != (r != c.Want) {
				t.Errorf("%s, case %q: %s; wanted %s; differs: %v", m, c.Name, r, c.Want, differs)
			}
			delete(said, c.Name)
		}
		for name := range said {
			t.Errorf("%s: what is %q?", m, name)
		}
	}
}

// Vehicles are as their documents say, and the same every time.
func TestVehicles(t *testing.T) {
	p, err := Build(Cases())
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Build(Cases())
	elf := p.Multiboot()
	if !bytes.Equal(elf, again.Multiboot()) {
		t.Error("two builds differ")
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) || !bytes.HasSuffix(elf, p.code) {
		t.Error("this is no ELF file of the code")
	}
	rom, err := p.ROM()
	if err != nil || len(rom) != 128<<10 || !bytes.HasPrefix(rom, p.code) {
		t.Errorf("ROM: %d bytes, %v", len(rom), err)
	}
	if _, err := (&Program{code: make([]byte, 128<<10)}).ROM(); err == nil {
		t.Error("a ROM holds too much")
	}
}

func TestDecode(t *testing.T) {
	p, err := Build([]Case{{Name: "one", Code: "ud2"}, {Name: "two", Mode: User, Code: "nop\nnop", Show: "fl handler"}})
	if err != nil {
		t.Fatal(err)
	}
	one := strings.Repeat(" 0", 13)
	for _, c := range []struct{ out, results, err string }{
		{"", "", ""},
		{"firmware\none:", "", ""},
		{"one: e 7 200 33 0 0 10 1 1 5 0 0 0;\n", "#PF(7) ip=200 cs=33 sp=0 cr2=5", ""},
		{"one: 1 0 0 8 0 1a4000 10 0 0 0 0 0 ffff0ff0;\n", "#DB ip=0 dr6=ffff0ff0", ""},
		{"one: f0 0 0 8 0 1a3ff8 10 a b 0 0 0 0;\r\nEND\n", "end sp=sp-8 rax=a rbx=b END", ""},
		{"one: 80 0 0 8 0 193fd8 10 a b 0 0 0 0;\nnothing\ntwo: 6 0 1 33 14300 401a8000 2b 0 0 0 193fd8 3000 0;\n",
			"int 80 ip=0 sp=rsp0-28 #UD ip=1 fl=[TF IF NT RF] frame=rsp0-28 within=[IOPL3]", ""},
		{"one:" + one + ";" + one + ";\n", "#DE ip=0 cs=0 ss=0 sp=0; #DE ip=0 cs=0 ss=0 sp=0", ""},
		{"one: 1 2 3;\n", "", "3 words"},
		{"one: 1 2 3 4 5 6 7 8 9 a b c x;\n", "", "invalid syntax"},
		{"one:" + one + ";\ntwo:" + one + ";\nthree\n", "#DE ip=0 cs=0 ss=0 sp=0 #DE ip=0 cs=0 ss=0 sp=0 fl=[] frame=0 within=[]", "after the last"},
	} {
		r, end, err := p.Decode(c.out)
		got := strings.Join(r, " ")
		if end {
			got += " END"
		}
		if got != c.results || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v; want %q, %s", c.out, got, err, c.results, c.err)
		}
	}
}

func TestFormat(t *testing.T) {
	cases := []Case{{Name: "a b"}, {Name: "c"}}
	text := Format(cases, []string{"x; y", "z"})
	if s := Stored(text); len(s) != 2 || s["a b"] != "x; y" || s["c"] != "z" {
		t.Errorf("%q gives %q", text, s)
	}
}

func FuzzDecode(f *testing.F) {
	p, err := Build([]Case{{Name: "one", Code: "ud2"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"one: 0 0 0 0 0 0 0 0 0 0 0 0 0;\nEND\n", "one:\n", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, _, _ := p.Decode(s); len(r) > 1 {
			t.Errorf("%d results of one case", len(r))
		}
	})
}
