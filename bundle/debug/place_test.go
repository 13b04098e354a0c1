package debug

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vmrecord/vmm"
)

// books is testdata/books, built for the guest.
func books(t *testing.T) *image {
	t.Helper()
	name := filepath.Join(t.TempDir(), "books")
	c := exec.Command("go", "build", "-trimpath", "-o", name, "./testdata/books")
	c.Env = append(c.Environ(), "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &image{file: name, moved: 0x1000}
}

// symbol is where a symbol of the file is, and its size.
func (f *image) symbol(t *testing.T, name string) (at, size uint64) {
	t.Helper()
	e, err := elf.Open(f.file)
	ok(t, err)
	defer e.Close()
	all, err := e.Symbols()
	ok(t, err)
	i := slices.IndexFunc(all, func(s elf.Symbol) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("there is no symbol %s", name)
	}
	return all[i].Value, all[i].Size
}

// What was compiled into a function is told by its own name and line, but not what
// other packages gave.
func TestPlace(t *testing.T) {
	f := books(t)
	d, err := f.dwarf()
	ok(t, err)
	at, size := f.symbol(t, "main.(*ledger).post")
	seen := map[string]bool{}
	for pc := at; pc < at+size; pc++ {
		if p, ok := placeOf(d, pc); ok {
			seen[p.String()] = true
			if !strings.HasSuffix(p.File, "/testdata/books/main.go") {
				t.Errorf("%#x is in %+v", pc, p)
			}
		}
	}
	for _, want := range []string{"main.(*ledger).post main.go:24", "main.(*ledger).post main.go:25", "main.(*account).add main.go:29"} {
		if !seen[want] {
			t.Errorf("nothing is at %s, but at %v", want, seen)
		}
	}
	if p, ok := placeOf(d, 1); ok {
		t.Errorf("1 is at %+v", p)
	}
	for name, want := range map[string]string{"main.(*account).post": "main", "example.com/a.b/c.F[...]": "example.com/a.b/c", "vmrecord_fail": ""} {
		if got := packageOf(name); got != want {
			t.Errorf("package %q of %s, want %q", got, name, want)
		}
	}
}

func TestVariable(t *testing.T) {
	f := books(t)
	books, _ := f.symbol(t, "main.books")
	total, _ := f.symbol(t, "main.total")
	memory := map[uint64]uint64{books + f.moved: 0x100000, 0x100008: 0x200000, 0x100010: 4} // books; accounts, and its length
	pointer := func(la uint64) (uint64, bool) { v, ok := memory[la]; return v, ok }
	for _, c := range []struct {
		text     string
		la, size uint64
		err      string
	}{
		{"main.books", books + f.moved, 8, ""},
		{"main.books.audit", 0x100000, 1, ""},
		{"main.books.accounts", 0x100008, 24, ""},
		{"main.books.accounts[3].balance", 0x200000 + 3*56 + 48, 8, ""},
		{"main.books.accounts[1].owner[2]", 0x200000 + 56 + 32, 16, ""},
		{"main.total", total + f.moved, 8, ""},
		{"main.total[1]", total + f.moved + 4, 4, ""},
		{"main.books.accounts[4]", 0, 0, "there are 4 elements"},
		{"main.total[2]", 0, 0, "there are 2 elements"},
		{"main.total[-1]", 0, 0, "no index"},
		{"main.total[", 0, 0, "no index"},
		{"main.total.x", 0, 0, "no field .x"},
		{"main.books.accounts[0].owner[0].str.x", 0, 0, "points nowhere"},
		{"main.book", 0, 0, `no global variable "main.book"`},
		{"", 0, 0, "no global variable"},
	} {
		la, size, err := f.variable(c.text, pointer)
		if c.err == "" && (err != nil || la != c.la || size != c.size) {
			t.Errorf("%s: %d bytes at %#x, %v; want %d at %#x", c.text, size, la, err, c.size, c.la)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", c.text, err, c.err)
		}
	}
}

// One instruction's accesses in a loop are one row, and each says what it led to.
func TestRows(t *testing.T) {
	var all []Access
	for i, a := range []Access{{RIP: 1, Was: "1", rsp: 8}, {RIP: 1, Was: "1", rsp: 8}, {RIP: 2, Was: "1", rsp: 8, Write: true}, {RIP: 2, Was: "5", rsp: 8, Write: true},
		{RIP: 2, Was: "6", rsp: 16, Write: true}, {RIP: 3, Was: "7", rsp: 16}} {
		a.Times, a.Position = 1, vmm.Position{At: vmm.Instant(i)}
		all = a.behind(all)
	}
	all[len(all)-1].Is = "7"
	var got []string
	for _, a := range all {
		got = append(got, strings.Join(strings.Fields(a.Line()), " "))
	}
	want := []string{"-0.000 ms 0 read 1, 2 times 0x1", "-0.000 ms 0 write 1 -> 6, 2 times 0x2", "-0.000 ms 0 write 6 -> 7 0x2", "-0.000 ms 0 read 7 0x3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct {
		b    string
		want string
	}{{"\xff", "-1"}, {"\x34\x12", "4660"}, {"\xff\xff\xff\xff", "-1"}, {"\x00\x00\x00\x80\x00\x00\x00\x00", "0x80000000"}, {"abc", "61 62 63"}, {"", ""}} {
		if got := number([]byte(c.b)); got != c.want {
			t.Errorf("% x is %q, want %q", c.b, got, c.want)
		}
	}
}
