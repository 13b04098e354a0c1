package debug

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm/guestos"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written as an ELF file is what was given, in sections by sort.
func TestSymbolFile(t *testing.T) {
	const base = 0xffffffff81000000
	all := []guestos.Symbol{{Name: "percpu", Type: 'A', Addr: 0x1000}, {Name: "startup", Type: 'T', Addr: base, Size: 16}, {Name: "helper", Type: 't', Addr: base + 16, Size: 100},
		{Name: "table", Type: 'D', Addr: base + 0x1000, Size: 0x2000}, {Name: "late", Type: 'W', Addr: base + 0x2000}}
	b, err := symbolFile(all, []byte("frames"))
	ok(t, err)
	f, err := elf.NewFile(bytes.NewReader(b))
	ok(t, err)
	got, err := f.Symbols()
	ok(t, err)
	if len(got) != 4 {
		t.Fatalf("%d symbols, want 4: %+v", len(got), got)
	}
	for i, s := range got {
		want := all[i+1]
		in := f.Sections[s.Section]
		code := in.Flags&elf.SHF_EXECINSTR != 0
		if s.Name != want.Name || s.Value != want.Addr || s.Size != want.Size || code != (i != 2) || in.Type != elf.SHT_NOBITS || s.Value < in.Addr {
			t.Errorf("%+v in %+v, want %+v", s, in, want)
		}
	}
	for i, s := range f.Sections[1:4] {
		if next := f.Sections[i+2]; i < 2 && s.Addr+s.Size > next.Addr {
			t.Errorf("%+v reaches into %+v", s, next)
		}
	}
	if d, err := f.Section(".debug_frame").Data(); err != nil || string(d) != "frames" {
		t.Errorf("%q, %v", d, err)
	}
}

// row makes a row of both tables.
func row(at int32, sp, bp int16, flags uint16) (ip, e []byte) {
	le := binary.LittleEndian
	return le.AppendUint32(nil, uint32(at)), le.AppendUint16(le.AppendUint16(le.AppendUint16(nil, uint16(sp)), uint16(bp)), flags)
}

func TestORC(t *testing.T) {
	var ip, table []byte
	for i, r := range []struct {
		at     int32
		sp, bp int16
		flags  uint16
	}{{0, 8, 0, 0x005}, {4, 16, -16, 0x015}, {8, 0, 0, 0x105}, {12, 8, 0, 0x205}, {16, 0, 0, 0x400}, {20, 0, 0, 0}, {24, 8, 0, 0x005}} {
		a, b := row(0x1000-0x100+r.at-int32(4*i), r.sp, r.bp, r.flags)
		ip, table = append(ip, a...), append(table, b...)
	}
	rows := orcRows(0x100, ip, table, false)
	for i, want := range []orcRow{{0x1000, 8, 0, orcSP, 0, orcCall}, {0x1004, 16, -16, orcSP, orcPrevSP, orcCall}, {0x1008, 0, 0, orcSP, 0, orcRegs},
		{0x100c, 8, 0, orcSP, 0, orcPartial}, {0x1010, 0, 0, 0, 0, orcEnd}, {0x1014, 0, 0, 0, 0, orcNone}, {0x1018, 8, 0, orcSP, 0, orcCall}} {
		if i >= len(rows) || rows[i] != want {
			t.Fatalf("row %d of %+v, want %+v", i, rows, want)
		}
	}
	for _, c := range []struct {
		row  orcRow
		want string
	}{
		{rows[0], "\x0f\x02\x77\x08" + "\x11\x10\x7f" + "\x08\x06"},     // CFA = RSP+8; RA at CFA-8
		{rows[1], "\x0f\x02\x77\x10" + "\x11\x10\x7f" + "\x11\x06\x7e"}, // and RBP at CFA-16
		{rows[3], "\x0f\x02\x77\x08" + "\x11\x10\x00" + "\x11\x07\x03" + "\x08\x06"},
		{rows[4], "\x0f\x02\x77\x00" + "\x07\x10"},
		{orcRow{sp: 0, bp: 0, spr: orcSPMem, kind: orcCall}, "\x0f\x06\x77\x00\x06\x11\x00\x22" + "\x11\x10\x7f" + "\x08\x06"},
	} {
		if got := string(c.row.rules(nil)); got != c.want {
			t.Errorf("%+v: % x, want % x", c.row, got, c.want)
		}
	}
	b := frames(rows)
	entries := map[uint64]uint64{}
	for at := 0; at < len(b); at += 4 + int(binary.LittleEndian.Uint32(b[at:])) {
		if id := binary.LittleEndian.Uint32(b[at+4:]); id != 0xffffffff {
			entries[binary.LittleEndian.Uint64(b[at+8:])] = binary.LittleEndian.Uint64(b[at+16:])
		}
	}
	if len(entries) != 3 || entries[0x1000] != 8 || entries[0x1008] != 8 || entries[0x1010] != 4 {
		t.Errorf("entries: %#x", entries)
	}
	if ip[1]++; orcRows(0x100, ip, table, false) != nil {
		t.Error("a table out of order is read")
	}
}

// A module's file is loaded where the guest says that its parts are.
func TestAddModule(t *testing.T) {
	b, err := symbolFile([]guestos.Symbol{{Name: "f", Type: 't', Addr: kernelHalf, Size: 16}, {Name: "v", Type: 'd', Addr: kernelHalf + 16, Size: 8}}, nil)
	ok(t, err)
	name := filepath.Join(t.TempDir(), "racer.ko")
	ok(t, os.WriteFile(name, b, 0o600))
	file, err := program.Open(name)
	ok(t, err)
	defer file.Close()
	for _, c := range []struct {
		want string
		in   []guestos.Section
	}{
		{"add-symbol-file " + quote(name) + ` -s ".text" 0xffffffffc0000000 -s ".data" 0x8000000000000000` + "\n",
			[]guestos.Section{{Name: ".text", Addr: 0xffffffff_c0000000}, {Name: ".symtab", Addr: 1}, {Name: "of no file", Addr: 2}}},
	} {
		if got, err := addModule(file, c.in); err != nil || got != c.want {
			t.Errorf("%q, %v, want %q", got, err, c.want)
		}
	}
	if _, err := addModule(file, nil); err == nil || !strings.Contains(err.Error(), "does not say where") {
		t.Errorf("without places: %v", err)
	}
}

// The guest's word does no harm.
func FuzzORC(f *testing.F) {
	a, b := row(5, 8, -16, 0x115)
	f.Add(a, b, true)
	f.Fuzz(func(t *testing.T, ip, table []byte, new bool) { frames(orcRows(0x1000, ip, table, new)) })
}

// A folder of the program's is found below the engineer's by all its files, and
// the longest end of its path.
func TestMoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"main.go", "a/b/x.go", "a/b/y.go", "b/x.go"} {
		ok(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		ok(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	for _, c := range []struct{ folder, files, from string }{{"example.com/m", "main.go", "example.com/m"}, {"/build/m/a/b", "x.go y.go", "/build/m"},
		{"m/b", "x.go", "m"}, {"m/b", "x.go y.go", "none"}, {"a/b", "x.go", ""}, {"/a/b", "y.go", ""}, {"runtime", "proc.go", "none"}} {
		from, found := moved(c.folder, strings.Fields(c.files), dir)
		if !found {
			from = "none"
		}
		if from != c.from {
			t.Errorf("%s: %s in place of it, want %s", c.folder, from, c.from)
		}
	}
	const want = "set substitute-path \"m/sub\" \"/src\"\nset substitute-path \"m\" \"/src\"\ndirectory \"/src\"\n"
	if got := rules(map[string]bool{"m": true, "": true, "m/sub": true}, "/src"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestConsole(t *testing.T) {
	const text = "one\r\ntwo\r\nth\x1b[ree\r\n\r\n"
	for _, c := range []struct {
		text string
		n    int
		want []string
	}{{"", 10, nil}, {"\r\n", 10, nil}, {"one", 1, []string{"one"}}, {text, 10, []string{"one", "two", "th?[ree"}}, {text, 1, []string{"th?[ree"}}, {text, 0, []string{}}} {
		if got := lastLines(c.text, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%d of %q: %q, want %q", c.n, c.text, got, c.want)
		}
	}
}
