package guestos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// userTable is set in CR3 where page-table isolation gives programs tables of
// their own, beside the kernel's (arch/x86/mm/pti.c).
const userTable = 1 << 12

// linkedAt is where a kernel is that nobody moved (LOAD_PHYSICAL_ADDR above the
// image's place).
const linkedAt = 0xffffffff_81000000

// A kernel is what of a Linux does not change while it runs.
type kernel struct {
	syms     *symbols
	tableAt  uint64 // where they stand in the image
	tableLen uint64
	btf      *btf
	btfErr   error // why there is none
	banner   string
	bannerAt uint64
	release  string
	buildID  string
}

// A Linux is a guest's kernel at one instant. Its methods read the memory that
// Find was given, which must still hold that instant; none writes. It may be
// used by many goroutines if that memory may.
type Linux struct {
	*kernel
	regs    Registers
	space   space // the kernel's
	modules func() (loaded, error)
}

// Find finds the kernel of a guest. It reads the whole image, tens of megabytes;
// At, for other instants of the same, does not.
func Find(m Memory, r Registers) (*Linux, error) {
	if r.EFER&lma == 0 {
		return nil, errors.New("no 64-bit Linux kernel found: the processor is not in 64-bit mode; look at a later instant if the guest still boots, 32-bit kernels cannot be read")
	}
	s := newSpace(m, r.CR3, r.CR4)
	l, err := find(s, r)
	if err != nil && s.cr3&userTable != 0 {
		s.cr3 &^= userTable
		if l, e := find(s, r); e == nil {
			return l, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("no Linux kernel found: %w", err)
	}
	return l, nil
}

func find(s space, r Registers) (*Linux, error) {
	img, err := findImage(s, r)
	if err != nil {
		return nil, err
	}
	k, err := newKernel(img)
	if err != nil {
		return nil, err
	}
	l := k.in(s, r)
	return l, l.check()
}

// At is the same kernel at another instant. It fails if there is another one
// by then, or none.
func (l *Linux) At(m Memory, r Registers) (*Linux, error) {
	s := newSpace(m, r.CR3, r.CR4)
	for _, cr3 := range []uint64{s.cr3, s.cr3 &^ userTable} {
		s.cr3 = cr3
		if n := l.kernel.in(s, r); n.isThere() {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the kernel %s is not in memory at this instant; find the one that is", l.release)
}

func (k *kernel) in(s space, r Registers) *Linux {
	l := &Linux{kernel: k, regs: r, space: s}
	l.modules = sync.OnceValues(l.readModules)
	return l
}

// isThere tells whether the kernel's banner is where it was.
func (l *Linux) isThere() bool {
	b := make([]byte, len(l.banner))
	return l.Read(l.bannerAt, b) == len(b) && string(b) == l.banner
}

const bannerBytes = 1024

func newKernel(img *image) (*kernel, error) {
	all, from, to, err := parseKallsyms(img.b)
	if err != nil {
		return nil, err
	}
	end := img.base + uint64(len(img.b))
	if i := slices.IndexFunc(all, func(y Symbol) bool { return y.Name == "_end" }); i >= 0 {
		end = min(end, all[i].Addr)
	}
	k := &kernel{syms: newSymbols(all, end), tableAt: img.base + uint64(from), tableLen: uint64(to - from)}
	y, _ := k.syms.byName("linux_banner")
	k.bannerAt = y.Addr
	k.banner = strings.TrimSpace(cstring(img.at(y.Addr, min(y.Size, bannerBytes))))
	words := strings.Fields(k.banner)
	if !strings.HasPrefix(k.banner, "Linux version ") || len(words) < 3 {
		return nil, fmt.Errorf("its symbols say that the banner is at %#x; %.40q is there", y.Addr, k.banner)
	}
	k.release = words[2]
	k.buildID = NoteBuildID(k.between(img, "__start_notes", "__stop_notes"))
	if b := k.between(img, "__start_BTF", "__stop_BTF"); b == nil {
		k.btfErr = errors.New("the guest's kernel has no BTF (CONFIG_DEBUG_INFO_BTF): symbols can be read, processes cannot")
	} else if k.btf, err = parseBTF(slices.Clone(b)); err != nil {
		k.btfErr = fmt.Errorf("the guest's kernel: %w", err)
	}
	return k, nil
}

// between is what is in the image from one symbol to another.
func (k *kernel) between(img *image, from, to string) []byte {
	a, ok := k.syms.byName(from)
	b, ok2 := k.syms.byName(to)
	if !ok || !ok2 || b.Addr < a.Addr {
		return nil
	}
	return img.at(a.Addr, b.Addr-a.Addr)
}

// check compares what was found with what the kernel says of itself, once it
// has: VMCOREINFO (Documentation/admin-guide/kdump/vmcoreinfo.rst).
func (l *Linux) check() error {
	info, err := l.Vmcoreinfo()
	if err != nil {
		return nil // the guest has not got so far, or has none
	}
	for _, c := range [][2]string{{"OSRELEASE", l.release}, {"KERNELOFFSET", fmt.Sprintf("%x", l.KASLR())}} {
		if got, ok := info[c[0]]; ok && got != c[1] {
			return fmt.Errorf("its VMCOREINFO says %s=%.80q, its symbols %q", c[0], got, c[1])
		}
	}
	return nil
}

// Vmcoreinfo is what the kernel tells those who read its memory, by name.
func (l *Linux) Vmcoreinfo() (map[string]string, error) {
	text, err := l.VmcoreinfoText()
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			m[name] = value
		}
	}
	return m, err
}

// VmcoreinfoText is the same as it stands in memory: lines of NAME=VALUE, at
// most 64 KiB.
func (l *Linux) VmcoreinfoText() (string, error) {
	const limit = 64 << 10
	data, ok := l.syms.byName("vmcoreinfo_data")
	size, ok2 := l.syms.byName("vmcoreinfo_size")
	if !ok || !ok2 {
		return "", errors.New("the guest's kernel has no VMCOREINFO (CONFIG_VMCORE_INFO)")
	}
	v := l.view()
	at, n := v.u64(data.Addr), v.u64(size.Addr)
	if v.err == nil && (at == 0 || n == 0 || n > limit) {
		v.fail("the guest's kernel has not made its VMCOREINFO yet")
	}
	return string(v.bytes(at, int(min(n, limit)))), v.err
}

// Banner is what the kernel says first on its console.
func (l *Linux) Banner() string { return l.banner }

// Release is what uname -r says.
func (l *Linux) Release() string { return l.release }

// BuildID is the build id of the kernel's image, in hex; "" if it has none.
func (l *Linux) BuildID() string { return l.buildID }

// KASLR is how far the kernel is from where it was linked to be: what to add
// to the addresses of its vmlinux.
func (l *Linux) KASLR() uint64 {
	y, ok := l.syms.byName("_text")
	if !ok {
		y, _ = l.syms.byName("_stext")
	}
	return y.Addr - linkedAt
}

// Symbols are the kernel's own, by address. They are not to be changed.
func (l *Linux) Symbols() []Symbol { return l.syms.all }

// SymbolTable is where in the kernel's address space the table of symbols stands,
// without which Find finds nothing.
func (l *Linux) SymbolTable() (addr, bytes uint64) { return l.tableAt, l.tableLen }

// Struct is the layout of one of the kernel's structures.
func (l *Linux) Struct(name string) (Struct, error) { return l.layout(name) }

// Func is the prototype of one of the kernel's functions.
func (l *Linux) Func(name string) (params []Param, result Param, err error) {
	if l.btfErr != nil {
		return nil, Param{}, l.btfErr
	}
	return l.btf.Func(name)
}

func (k *kernel) layout(name string) (Struct, error) {
	if k.btfErr != nil {
		return Struct{}, k.btfErr
	}
	return k.btf.Struct(name)
}

// Symbol finds a symbol by name, in the kernel and then in its modules.
func (l *Linux) Symbol(name string) (Symbol, bool) {
	if y, ok := l.syms.byName(name); ok {
		return y, true
	}
	m, _ := l.modules()
	return m.syms.byName(name)
}

// SymbolAt tells what la is in, and how far from its beginning.
func (l *Linux) SymbolAt(la uint64) (y Symbol, off uint64, ok bool) {
	if y, off, ok = l.syms.at(la); ok {
		return y, off, ok
	}
	m, _ := l.modules()
	return m.syms.at(la)
}

// Read copies from the kernel's address space, up to the first byte that is
// not mapped, and tells how much that was.
func (l *Linux) Read(la uint64, p []byte) int { return l.space.read(la, p) }

// A view reads the kernel's structures. Its first error stays.
type view struct {
	reader
	k      *kernel
	fields map[[2]string]Field // that were asked for
}

func (l *Linux) view() *view {
	return &view{reader: reader{space: l.space}, k: l.kernel, fields: map[[2]string]Field{}}
}

// field is a member's place.
func (v *view) field(typ, path string) Field {
	f, ok := v.fields[[2]string{typ, path}]
	if ok || v.err != nil {
		return f
	}
	s, err := v.k.layout(typ)
	if err == nil {
		f, err = s.Field(path)
	}
	v.fields[[2]string{typ, path}], v.err = f, err
	return f
}

func (v *view) offset(typ, path string) uint64 { return v.field(typ, path).Offset }

// has tells whether a structure has a member.
func (v *view) has(typ, path string) bool {
	s, err := v.k.layout(typ)
	if err != nil {
		return false
	}
	_, err = s.Field(path)
	return err == nil
}

// get is the value of a member of the structure at la.
func (v *view) get(la uint64, typ, path string) uint64 {
	f := v.field(typ, path)
	if v.err == nil && (f.Size == 0 || f.Size > 8) {
		v.fail("the kernel's %s.%s has %d bytes", typ, path, f.Size)
	}
	return v.num(la+f.Offset, int(f.Size))
}

// size is that of a structure.
func (v *view) size(typ string) uint64 {
	s, err := v.k.layout(typ)
	if v.err == nil {
		v.err = err
	}
	return s.Size
}

// symbol is the address of a symbol that must be there.
func (v *view) symbol(name string) uint64 {
	y, ok := v.k.syms.byName(name)
	if !ok {
		v.fail("the kernel has no symbol %s (CONFIG_KALLSYMS_ALL)", name)
	}
	return y.Addr
}
