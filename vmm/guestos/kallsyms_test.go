package guestos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const testBase = linkedAt + 0x2000000 // where KASLR has put the tests' kernel

// A layout is how a table of symbols is written.
type layout struct {
	late     bool // addresses last, as since Linux 6.4
	absolute bool // per-cpu variables are absolute, as up to 6.14
}

// words are what tokens from 128 on stand for; the others stand for themselves.
var words = []string{"Tinit_", "__start_", "sys", "vmcoreinfo"}

// kallsyms writes a table as scripts/kallsyms.c does, for an address that is a
// multiple of eight.
func (y layout) kallsyms(all []Symbol, base uint64) []byte {
	var b []byte
	pad := func() { b = append(b, make([]byte, -len(b)&7)...) }
	u16 := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) }
	addresses := func() {
		for _, s := range all {
			v := uint32(s.Addr - base)
			if y.absolute {
				if v = ^v; s.Addr < base {
					v = uint32(s.Addr)
				}
			}
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		pad()
		b = binary.LittleEndian.AppendUint64(b, base)
	}
	if !y.late {
		addresses()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(all)))
	var marks []int
	start := len(b)
	for i, s := range all {
		if i%256 == 0 {
			marks = append(marks, len(b)-start)
		}
		code := string(s.Type) + s.Name
		for i, w := range words {
			code = strings.ReplaceAll(code, w, string([]byte{128 + byte(i)}))
		}
		if len(code) < 128 {
			b = append(b, byte(len(code)))
		} else {
			b = append(b, byte(len(code))|0x80, byte(len(code)>>7))
		}
		b = append(b, code...)
	}
	pad()
	for _, m := range marks {
		b = binary.LittleEndian.AppendUint32(b, uint32(m))
	}
	pad()
	start = len(b)
	var index []int
	for i := range 256 {
		index = append(index, len(b)-start)
		switch w := i - 128; {
		case w >= 0 && w < len(words):
			b = append(b, words[w]...)
		case i > 0 && i < 128:
			b = append(b, byte(i))
		}
		b = append(b, 0)
	}
	pad()
	for _, i := range index {
		u16(i)
	}
	if pad(); y.late {
		addresses()
	}
	return b
}

// someSymbols are n symbols, with some of equal addresses.
func someSymbols(n int) (all []Symbol) {
	for i := range n {
		s := Symbol{Name: fmt.Sprintf("init_%d_sys", i), Type: 'T', Addr: testBase + uint64(i/2)*16}
		if i%7 == 0 {
			s.Name += strings.Repeat("_long", 30)
		}
		all = append(all, s)
	}
	return all
}

func TestKallsyms(t *testing.T) {
	for _, n := range []int{minSymbols, 256, 257, 1000} {
		for _, y := range []layout{{}, {late: true}, {absolute: true}, {late: true, absolute: true}} {
			all := someSymbols(n)
			if y.absolute {
				all = append([]Symbol{{Name: "current_task", Type: 'A', Addr: 0x40}}, all...)
			}
			image := slices.Concat([]byte(digits), make([]byte, 5001-5001%8), y.kallsyms(all, testBase), make([]byte, 1000))
			image = image[len(digits)%8:] // the table on a multiple of eight
			got, from, to, err := parseKallsyms(image)
			if err != nil || !slices.Equal(got, all) {
				t.Errorf("%d symbols, %+v: %d, %v", n, y, len(got), err)
				continue
			}
			alone := make([]byte, len(image)) // what stands elsewhere is not needed
			copy(alone[from:to], image[from:to])
			if got, _, _, err := parseKallsyms(alone); err != nil || !slices.Equal(got, all) || to-from > len(image)-5000 {
				t.Errorf("%d symbols, %+v: of %d to %d alone %d, %v", n, y, from, to, len(got), err)
			}
		}
	}
}

// What a terminal would obey is not in a name.
func TestKallsymsPlain(t *testing.T) {
	all := someSymbols(minSymbols)
	all[3].Name = "\x1b[2Jsys\x7f"
	got, _, _, err := parseKallsyms(layout{}.kallsyms(all, testBase))
	if err != nil || got[3].Name != "?[2Jsys?" {
		t.Errorf("%+q, %v", got[3].Name, err)
	}
}

func TestKallsymsDamaged(t *testing.T) {
	whole := layout{}.kallsyms(someSymbols(600), testBase)
	tokens := bytes.Index(whole, []byte(digits))
	for _, c := range []struct {
		name, want string
		at         int
		v          uint32
	}{
		{"no digits", "no token table", tokens, 0},
		{"count", "no names", 600*4 + 8, 601},
		{"marker", "no names", tokens - 95 - 12, 1},
		{"base", "no addresses", 600*4 + 4, 0},
		{"order", "no addresses", 400, 1},
	} {
		b := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[c.at:], c.v)
		if _, _, _, err := parseKallsyms(b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestSymbolAt(t *testing.T) {
	s := newSymbols([]Symbol{{Name: "late", Addr: testBase + 0x40}, {Name: "cpu", Addr: 0x40}, {Name: "one", Addr: testBase},
		{Name: "alias", Addr: testBase}, {Name: "sized", Addr: testBase + 0x20, Size: 8}}, testBase+0x50)
	for _, c := range []struct {
		la   uint64
		name string
		off  uint64
	}{{testBase - 1, "", 0}, {testBase, "one", 0}, {testBase + 0x1f, "one", 0x1f}, {testBase + 0x27, "sized", 7}, {testBase + 0x28, "", 0},
		{testBase + 0x4f, "late", 15}, {testBase + 0x50, "", 0}, {0x41, "", 0}, {^uint64(0), "", 0}} {
		y, off, ok := s.at(c.la)
		if ok != (c.name != "") || ok && (y.Name != c.name || off != c.off) {
			t.Errorf("%#x is in %s+%#x, want %s+%#x", c.la, y.Name, off, c.name, c.off)
		}
	}
	if y, ok := s.byName("cpu"); !ok || y.Addr != 0x40 {
		t.Errorf("cpu: %+v", y)
	}
	if _, ok := s.byName("none"); ok {
		t.Error("a symbol without a name")
	}
}

func FuzzKallsyms(f *testing.F) {
	for _, y := range []layout{{}, {late: true, absolute: true}} {
		f.Add(y.kallsyms(someSymbols(300), testBase))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, _, _, err := parseKallsyms(b); err == nil {
			newSymbols(all, testBase+1<<20).at(testBase)
		}
	})
}
