package program

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
	d, err := OpenFolder(dir)
	ok(t, err)
	defer d.Close()
	f := d.Choose("x", "")
	for _, c := range []struct {
		addr, off uint64
		want      string
	}{{0x401000, 0, "plain"}, {0x401002, 2, "plain"}, {0x401003, 0, "ns::Class::method"}, {0x401004, 0, "crate::run"}, {0x401005, 0, "_start"}, {0x1000, 0, ""}} {
		if name, off, ok := f.SymbolAt(c.addr); name != c.want || ok && off != c.off || ok != (c.want != "") {
			t.Errorf("%#x is %s+%d (%t), want %s+%d", c.addr, name, off, ok, c.want, c.off)
		}
	}
	for _, c := range []struct {
		name            string
		addr, functions uint64
	}{{"plain", 0x401000, 1}, {"ns::Class::method", 0x401003, 1}, {"_ZN2ns5Class6methodEi", 0x401003, 1}, {"_start", 0x401005, 0}, {"method", 0, 0}} {
		addr, _, ok := f.Symbol(c.name)
		if all := f.Functions(c.name); addr != c.addr || ok != (addr != 0) || len(all) != int(c.functions) || c.functions > 0 && all[0].Addr != addr {
			t.Errorf("%s is at %#x, functions %+v", c.name, addr, all)
		}
	}
	if addr, size, ok := f.Symbol("counter"); !ok || size != 4 || !f.Is(addr, nil) || f.Is(addr+1<<20, nil) {
		t.Errorf("counter is at %#x, %d bytes", addr, size)
	}
	for _, c := range []struct {
		m    guestos.Mapping
		want uint64
	}{{guestos.Mapping{Start: 0x401000, Offset: 0x1000}, 0}, {guestos.Mapping{Start: 0x7f0000401000, Offset: 0x1000}, 0x7f0000000000}} {
		if got, ok := f.movedBy(c.m.Offset, c.m.Start); !ok || got != c.want {
			t.Errorf("%+v is moved by %#x, want %#x", c.m, got, c.want)
		}
	}
	task, m := guestos.Task{}, guestos.Mapping{Path: "/bin/x", Start: 0x401000, End: 0x402000, Offset: 0x1000}
	other := m
	other.Path = "/bin/y"
	if d.Names(task, nil, other) != nil || d.Used() {
		t.Error("x names y")
	}
	if at := d.Names(task, nil, m); at == nil || !d.Used() {
		t.Error("x does not name itself")
	} else if name, off, ok := at(0x401001); name != "plain" || off != 1 || !ok {
		t.Errorf("%s+%d %t", name, off, ok)
	}
}

// A Go program names its functions, stripped or not: this one.
func TestGoNames(t *testing.T) {
	exe, err := os.Executable()
	ok(t, err)
	f, err := Open(exe)
	ok(t, err)
	defer f.Close()
	pc := uint64(reflect.ValueOf(TestGoNames).Pointer())
	if name, off, ok := f.SymbolAt(pc); name != "vmrecord/bundle/debug/program.TestGoNames" || off != 0 || !ok {
		t.Errorf("%#x is %s+%#x", pc, name, off)
	}
}
