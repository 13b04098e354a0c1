package debug

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"vmrecord/vmm/guestos"
)

// Symbols of C, C++ and Rust are demangled; the place in a function is told.
const mangled = `
int counter = 7;
__asm__(".globl plain, _ZN2ns5Class6methodEi, _RNvC5crate3run\n.text\n"
	".type plain, @function\nplain: nop\nnop\nret\n.size plain, 3\n"
	".type _ZN2ns5Class6methodEi, @function\n_ZN2ns5Class6methodEi: ret\n.size _ZN2ns5Class6methodEi, 1\n"
	".type _RNvC5crate3run, @function\n_RNvC5crate3run: ret\n.size _RNvC5crate3run, 1\n"
	".globl _start\n_start: ret\n");
`

func TestNames(t *testing.T) {
	dir := t.TempDir()
	source, file := filepath.Join(dir, "x.c"), filepath.Join(dir, "x")
	ok(t, os.WriteFile(source, []byte(mangled), 0o600))
	if out, err := exec.Command("gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x401000", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n, err := readNames(file)
	ok(t, err)
	for _, c := range []struct {
		addr, off uint64
		want      string
	}{{0x401000, 0, "plain"}, {0x401002, 2, "plain"}, {0x401003, 0, "ns::Class::method"}, {0x401004, 0, "crate::run"}, {0x401005, 0, "_start"}, {0x1000, 0, ""}} {
		if name, off, ok := n.at(c.addr); name != c.want || ok && off != c.off || ok != (c.want != "") {
			t.Errorf("%#x is %s+%d (%t), want %s+%d", c.addr, name, off, ok, c.want, c.off)
		}
	}
	f, err := OpenFiles(dir)
	ok(t, err)
	if f.of("y", "") != nil || f.Used() || f.of("x", "") == nil || !f.Used() {
		t.Error("x names y, or not itself")
	}
	for _, c := range []struct {
		m    guestos.Mapping
		want uint64
	}{{guestos.Mapping{Start: 0x401000, Offset: 0x1000}, 0}, {guestos.Mapping{Start: 0x7f0000401000, Offset: 0x1000}, 0x7f0000000000}} {
		if got := n.moved(c.m); got != c.want {
			t.Errorf("%+v is moved by %#x, want %#x", c.m, got, c.want)
		}
	}
	if f, err := OpenFiles(t.TempDir()); err == nil {
		t.Errorf("an empty folder holds %v", f.all)
	}
}

// A Go program names its functions, stripped or not: this one.
func TestGoNames(t *testing.T) {
	exe, err := os.Executable()
	ok(t, err)
	n, err := readNames(exe)
	ok(t, err)
	pc := uint64(reflect.ValueOf(TestGoNames).Pointer())
	if name, off, ok := n.at(pc); name != "vmrecord/bundle/debug.TestGoNames" || off != 0 || !ok {
		t.Errorf("%#x is %s+%#x", pc, name, off)
	}
}
