package program

import (
	"strings"
	"testing"
)

// books is testdata/books, built for the guest and moved there.
func books(t *testing.T) Image {
	return Image{built(t, "go", "build", "-trimpath", "./testdata/books"), 0x1000}
}

// What was compiled into a function is told by its own name and line, but not what
// other packages gave.
func TestPlace(t *testing.T) {
	f := books(t)
	at, size, _ := f.Symbol("main.(*ledger).post")
	seen := map[string]bool{}
	for pc := at; pc < at+size; pc++ {
		p := f.Place(pc)
		seen[p.String()] = true
		if !strings.HasSuffix(p.File, "/testdata/books/main.go") {
			t.Errorf("%#x is in %+v", pc, p)
		}
	}
	for _, want := range []string{"main.(*ledger).post main.go:24", "main.(*ledger).post main.go:25", "main.(*account).add main.go:29"} {
		if !seen[want] {
			t.Errorf("nothing is at %s, but at %v", want, seen)
		}
	}
	if p := f.Place(1); p != (Place{}) {
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
	books, _, _ := f.Symbol("main.books")
	total, _, _ := f.Symbol("main.total")
	memory := map[uint64]uint64{books + f.Moved: 0x100000, 0x100008: 0x200000, 0x100010: 4} // books; accounts, and its length
	pointer := func(la uint64) (uint64, bool) { v, ok := memory[la]; return v, ok }
	for _, c := range []struct {
		text     string
		la, size uint64
		err      string
	}{
		{"main.books", books + f.Moved, 8, ""},
		{"main.books.audit", 0x100000, 1, ""},
		{"main.books.accounts", 0x100008, 24, ""},
		{"main.books.accounts[3].balance", 0x200000 + 3*56 + 48, 8, ""},
		{"main.books.accounts[1].owner[2]", 0x200000 + 56 + 32, 16, ""},
		{"main.total", total + f.Moved, 8, ""},
		{"main.total[1]", total + f.Moved + 4, 4, ""},
		{"main.books.accounts[4]", 0, 0, "there are 4 elements"},
		{"main.total[2]", 0, 0, "there are 2 elements"},
		{"main.total[-1]", 0, 0, "no index"},
		{"main.total[", 0, 0, "no index"},
		{"main.total.x", 0, 0, "no field .x"},
		{"main.books.accounts[0].owner[0].str.x", 0, 0, "points nowhere"},
		{"main.book", 0, 0, `no global variable "main.book"`},
		{"", 0, 0, "no global variable"},
	} {
		la, size, err := f.Variable(c.text, pointer)
		if c.err == "" && (err != nil || la != c.la || size != c.size) {
			t.Errorf("%s: %d bytes at %#x, %v; want %d at %#x", c.text, size, la, err, c.size, c.la)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", c.text, err, c.err)
		}
	}
}
