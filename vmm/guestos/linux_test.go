package guestos

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// processes makes swapper, init with two threads, which has page tables of its
// own, a thread of the kernel's, and a dead child of init's. init is current.
func (w *world) processes() (current uint64) {
	tasksAt, nodeAt := uint64(64), uint64(80)
	list := func(at ...uint64) { // a ring
		for i, a := range at {
			w.put64(a, at[(i+1)%len(at)])
		}
	}
	signal := func(threads ...uint64) uint64 {
		s := w.object("signal_struct")
		ring := []uint64{s + 16}
		for _, t := range threads {
			w.set(t, "task_struct", "signal", s)
			ring = append(ring, t+nodeAt)
		}
		list(ring...)
		return s
	}
	mm := w.program()
	frame := w.object("inactive_task_frame", "r15", 15, "r14", 14, "r13", 13, "r12", 12, "bx", 3, "bp", 5, "ret_addr", uint64(text+0x44))
	stack := w.alloc(8 * pageBytes)
	regs := stack + 8*pageBytes - 168
	w.set(regs, "pt_regs", "ax", 0, "cx", 1, "dx", 2, "bx", 3, "sp", 4, "bp", 5, "si", 6, "di", 7, "r8", 8, "r9", 9, "r10", 10, "r11", 11,
		"r12", 12, "r13", 13, "r14", 14, "r15", 15, "orig_ax", 202, "ip", 0x401234, "cs", 0x33, "ss", 0x2b, "flags", 0x246)
	swapper := w.set(initTask, "task_struct", "comm", "swapper/0", "flags", kernelThread, "real_parent", uint64(initTask))
	init := w.object("task_struct", "pid", 1, "tgid", 1, "comm", "init", "mm", mm, "real_parent", swapper)
	thread := w.object("task_struct", "pid", 7, "tgid", 1, "comm", "a-long-comm-15c", "mm", mm, "real_parent", swapper, "__state", 1, "stack", stack,
		"stack_vm_area", w.object("vm_struct", "nr_pages", 8), "thread.sp", frame, "thread.fsbase", 0xf5, "thread.gsbase", 0x65)
	worker := w.object("task_struct", "pid", 2, "tgid", 2, "comm", "kworker/0:0", "flags", kernelThread, "__state", 0x402, "real_parent", swapper)
	dead := w.object("task_struct", "pid", 9, "tgid", 9, "comm", "gone", "__state", 0x80, "exit_state", 0x20, "real_parent", init)
	signal(swapper)
	signal(init, thread)
	signal(worker)
	list(swapper+tasksAt, init+tasksAt, worker+tasksAt, dead+tasksAt)
	return init
}

// program makes an address space with a command line and mappings: three of a
// file on a second mount, in a tree of two levels, and special ones.
func (w *world) program() (mm uint64) {
	pgd := w.newSpace()
	args := w.alloc(2 * pageBytes)
	args = (args + pageBytes - 1) &^ (pageBytes - 1)
	w.put(args-direct+0xff8, []byte("/sbin/in"))
	w.mapAt(pgd, 0x7ffe_0000_0000, args-direct, false)
	page := w.alloc(2 * pageBytes)
	page = (page + pageBytes - 1) &^ (pageBytes - 1)
	w.put(page-direct, []byte("it\x00a b\x00\x00--c\x00"))
	w.mapAt(pgd, 0x7ffe_0000_1000, page-direct, false)

	root := w.object("dentry", "d_name.name", w.data("/"))
	w.set(root, "dentry", "d_parent", root)
	down := func(parent uint64, name string) uint64 {
		return w.object("dentry", "d_parent", parent, "d_name.name", w.data(name))
	}
	top := w.object("mount", "mnt.mnt_root", root)
	w.set(top, "mount", "mnt_parent", top, "mnt_mountpoint", root)
	second := w.object("dentry", "d_name.name", w.data("/"))
	w.set(second, "dentry", "d_parent", second)
	usr := w.object("mount", "mnt.mnt_root", second, "mnt_parent", top, "mnt_mountpoint", down(down(root, "mnt"), "usr"))
	file := w.object("file", "f_path.mnt", usr+16, "f_path.dentry", down(down(second, "sbin"), "init"))
	memfd := w.object("dentry", "d_name.name", w.data("memfd:x"))
	w.set(memfd, "dentry", "d_parent", memfd)
	nameless := w.object("file", "f_path.mnt", w.object("mount", "mnt.mnt_root", root)+16, "f_path.dentry", memfd)

	const area = "vm_area_struct"
	vdso := w.object("vm_special_mapping", "name", w.data("[vdso]"))
	vmas := []uint64{
		w.object(area, "vm_start", 0x400000, "vm_end", 0x402000, "vm_flags", 0x875, "vm_file", file),
		w.object(area, "vm_start", 0x402000, "vm_end", 0x403000, "vm_flags", 0x73, "vm_file", file, "vm_pgoff", 2),
		w.object(area, "vm_start", 0x403000, "vm_end", 0x404000, "vm_flags", 3),
		w.object(area, "vm_start", 0x500000, "vm_end", 0x600000, "vm_flags", 0),
		w.object(area, "vm_start", 0x7000_0000_0000, "vm_end", 0x7000_0000_1000, "vm_flags", 0x79, "vm_file", nameless, "vm_pgoff", 1),
		w.object(area, "vm_start", 0x7ffe_0000_0000, "vm_end", 0x7ffe_0000_2000, "vm_flags", 3),
		w.object(area, "vm_start", 0x7fff_0000_0000, "vm_end", 0x7fff_0000_1000, "vm_flags", 5, "vm_ops", uint64(vmops), "vm_private_data", vdso),
	}
	end := func(vma uint64) uint64 { return le64(w.ram[vma+8-direct:]) - 1 }
	leaf := func(last uint64, slots ...uint64) uint64 { // vmas, 0 for a gap up to the next
		n := w.object("maple_range_64")
		for i, s := range slots {
			w.put64(n+128+8*uint64(i), s)
			switch {
			case s != 0:
				w.put64(n+8+8*uint64(i), end(s))
			case i < len(slots)-1:
				w.put64(n+8+8*uint64(i), le64(w.ram[slots[i+1]-direct:])-1)
			default:
				w.put64(n+8+8*uint64(i), last)
			}
		}
		return n | mapleLeaf64<<3 | 4
	}
	const half = 0x6fff_ffff_ffff
	low := leaf(half, 0, vmas[0], vmas[1], vmas[2], 0, vmas[3], 0)
	high := leaf(^uint64(0), vmas[4], 0, vmas[5], 0, vmas[6], 0)
	inner := w.object("maple_arange_64")
	w.put64(inner+8, half) // and no pivot for the last
	w.put64(inner+80, low)
	w.put64(inner+88, high)
	return w.object("mm_struct", "pgd", direct+pgd, "arg_start", 0x7ffe_0000_0ff8, "arg_end", 0x7ffe_0000_100c, "start_brk", 0x403000, "brk", 0x403800,
		"start_stack", 0x7ffe_0000_0ff0, "exe_file", file, "mm_mt.ma_root", inner|mapleArange64<<3|2)
}

const wantTasks = `0 0 0 R "swapper/0" kernel
1 1 0 R "init" running
1 7 0 S "a-long-comm-15c"
2 2 0 I "kworker/0:0" kernel
9 9 1 Z "gone"
`

const wantMaps = `00400000-00402000 r-xp 00000000 /mnt/usr/sbin/init
00402000-00403000 rw-p 00002000 /mnt/usr/sbin/init
00403000-00404000 rw-p 00000000 [heap]
00500000-00600000 ---p 00000000
700000000000-700000001000 r--s 00001000 memfd:x
7ffe00000000-7ffe00002000 rw-p 00000000 [stack]
7fff00000000-7fff00001000 r-xp 00000000 [vdso]
`

// listed are tasks as text.
func listed(all []Task) (s string) {
	for _, t := range all {
		s += fmt.Sprintf("%d %d %d %c %q", t.TGID, t.PID, t.Parent, t.State, t.Comm)
		if t.Kernel {
			s += " kernel"
		}
		if t.Running {
			s += " running"
		}
		s += "\n"
	}
	return s
}

// told is all that a guest's memory says.
func told(l *Linux) string {
	all, err := l.Tasks()
	s := fmt.Sprintln(l.Release(), l.BuildID(), l.KASLR() == ahead) + listed(all) + fmt.Sprintln(err)
	for _, t := range all {
		u, err := t.User()
		k, err2 := t.Saved()
		args, err3 := t.Args()
		exe, err4 := t.Exe()
		maps, err5 := t.Maps()
		s += fmt.Sprintf("%d: %x %v\n%x %v\n%q %v\n%s %v\n%v %v\n", t.PID, u, err, k, err2, args, err3, exe, err4, maps, err5)
	}
	c, err := l.Current()
	mods, err2 := l.Modules()
	return s + fmt.Sprintln(c.PID, err, mods, err2)
}

func TestFind(t *testing.T) {
	first := ""
	for name, w := range map[string]*world{
		"6.1":         {layout: layout{absolute: true}},
		"6.4":         {layout: layout{absolute: true, late: true}, hot: true},
		"6.15":        {layout: layout{late: true}},
		"five levels": {layout: layout{absolute: true}, levels: 5},
	} {
		l := build(t, w)
		if l.Release() != "6.1.0-test" || l.BuildID() != "deadbeef" || l.KASLR() != ahead {
			t.Errorf("%s: %q, build id %s, KASLR %#x", name, l.Banner(), l.BuildID(), l.KASLR())
		}
		if y, off, ok := l.SymbolAt(text + 0x20); !ok || y.Name != "entry_SYSCALL_64" || off != 0x20 || y.Size != 0x100 {
			t.Errorf("%s: SymbolAt: %+v+%#x", name, y, off)
		}
		if y, ok := l.Symbol("init_task"); !ok || y.Addr != initTask {
			t.Errorf("%s: init_task: %+v", name, y)
		}
		s := told(l)
		if first == "" {
			first = s
		}
		if s != first || !strings.Contains(s, wantTasks) {
			t.Errorf("%s:\n%s\nwant\n%s\nand\n%s", name, s, first, wantTasks)
		}
	}
}

func TestProgram(t *testing.T) {
	l := build(t, &world{layout: layout{absolute: true}})
	all, err := l.Tasks()
	if err != nil || len(all) != 5 {
		t.Fatal(len(all), err)
	}
	init, thread, worker := all[1], all[2], all[3]
	if args, err := init.Args(); err != nil || !slices.Equal(args, []string{"/sbin/init", "a b", "", "--c"}) {
		t.Errorf("args %q, %v", args, err)
	}
	if exe, err := init.Exe(); exe != "/mnt/usr/sbin/init" || err != nil {
		t.Errorf("exe %q, %v", exe, err)
	}
	for _, c := range []struct {
		task Task
		text string
		want bool
	}{
		{init, "init", true}, {thread, "init", true}, {thread, "a-long-comm-15c", true}, {thread, "a-long-comm-15char", true},
		{thread, "7", true}, {thread, "1", true}, {init, "7", false}, {worker, "kworker/0:0", true}, {worker, "init", false}, {init, "", false}, {init, "sbin", false},
	} {
		if got := c.task.Is(c.text); got != c.want {
			t.Errorf("task %d (%s) is %q: %v, want %v", c.task.PID, c.task.Comm, c.text, got, c.want)
		}
	}
	maps, err := init.Maps()
	s := ""
	for _, m := range maps {
		s += m.String() + "\n"
	}
	if s != wantMaps || err != nil {
		t.Errorf("%v, mappings\n%s\nwant\n%s", err, s, wantMaps)
	}
	b := make([]byte, pageBytes)
	if n := init.Read(0x7ffe_0000_1ffe, b); n != 2 {
		t.Errorf("%d bytes read up to the end of what is mapped, want 2", n)
	}
	want := Frame{Known: allKnown, RIP: 0x401234, RFLAGS: 0x246, CS: 0x33, SS: 0x2b, FSBase: 0xf5, GSBase: 0x65, OrigRAX: 202}
	for i, v := range []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} {
		want.R[i] = v
	}
	if r, err := thread.User(); r != want || err != nil {
		t.Errorf("user's %+v, %v, want %+v", r, err, want)
	}
	r, err := thread.Saved()
	want = Frame{Known: 1<<3 | 1<<4 | 1<<5 | 0xf<<12, RIP: text + 0x44, FSBase: 0xf5, GSBase: 0x65}
	want.R = [16]uint64{3: 3, 4: r.R[4], 5: 5, 12: 12, 13: 13, 14: 14, 15: 15}
	if r != want || err != nil || r.R[4]%256 != 56 {
		t.Errorf("kernel's %+v, %v, want %+v", r, err, want)
	}
	for name, f := range map[string]func() error{
		"is running:":                 func() error { _, err := init.Saved(); return err },
		"is running its program":      func() error { _, err := init.User(); return err },
		"(kworker/0:0) has no progr":  func() error { _, err := worker.User(); return err },
		"task has no program":         func() error { _, err := worker.Args(); return err },
		"has no program: it is a thr": func() error { _, err := worker.Maps(); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

// sections makes a module_sect_attrs of names and addresses.
func (w *world) sections(pairs ...any) uint64 {
	const head, size = 16, 80
	n := len(pairs) / 2
	at := w.alloc(uint64(head + n*size))
	w.set(at, "module_sect_attrs", "nsections", n)
	for i := range n {
		w.set(at+uint64(head+i*size), "module_sect_attr", "battr.attr.name", w.data(pairs[2*i].(string)), "address", pairs[2*i+1])
	}
	return at
}

// racerAt is where the code of the module is that load makes.
const racerAt = uint64(imageEnd + 0x1000)

// load puts a module into the guest.
func (w *world) load() (at uint64) {
	const base = racerAt
	sym := func(name uint32, section uint16, at uint64, size uint64) string {
		b := binary.LittleEndian.AppendUint32(nil, name)
		b = binary.LittleEndian.AppendUint16(append(b, 0, 0), section)
		return string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, at), size))
	}
	table := w.data(sym(0, 0, 0, 0) + sym(1, 2, base+0x20, 16) + sym(6, 0, base, 0) + sym(11, 3, base+0x800, 0))
	k := w.object("mod_kallsyms", "symtab", table, "num_symtab", 4, "strtab", w.data("\x00race\x00none\x00data\x00"), "typetab", w.data("?tUd"))
	m := w.object("module", "name", "racer", "core_layout.base", base, "core_layout.size", 0x1000, "kallsyms", k, "list.next", uint64(modlist),
		"sect_attrs", w.sections(".text", base, ".init.text", base+0x5000, ".note.gnu.build-id", w.data("\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00\xca\xfe")),
		"arch.num_orcs", 7, "arch.orc_unwind_ip", base+0x900, "arch.orc_unwind", base+0x980)
	w.put64(modlist, m)
	return m
}

func TestModules(t *testing.T) {
	const base = racerAt
	w := &world{layout: layout{absolute: true}}
	l := build(t, w)
	m := w.load()
	l, err := l.At(w.ram, w.regs)
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.Modules()
	if got, want := fmt.Sprintf("%x", all), fmt.Sprintf("[{%x %x 1000 %x [{%x %x} {%x", "racer", base, "cafe", ".text", base, ".init.text"); err != nil || !strings.HasPrefix(got, want) ||
		all[0].ORC != (ORC{base + 0x900, base + 0x980, 7}) {
		t.Errorf("modules %s, %v; want %s", got, err, want)
	}
	if y := l.ModuleSymbols(); len(y) != 2 || y[0].Name != "race" {
		t.Errorf("symbols of modules: %+v", y)
	}
	want := Symbol{Name: "race", Module: "racer", Type: 't', Addr: base + 0x20, Size: 16}
	if y, off, ok := l.SymbolAt(base + 0x21); y != want || off != 1 || !ok {
		t.Errorf("%+v+%d, want %+v", y, off, want)
	}
	if y, ok := l.Symbol("data"); !ok || y.Addr != base+0x800 || y.Type != 'd' {
		t.Errorf("data: %+v", y)
	}
	if _, ok := l.Symbol("none"); ok {
		t.Error("a symbol that the module only uses")
	}
	w.set(m, "module", "sect_attrs", uint64(direct)-pageBytes) // where no memory is
	if l, err = l.At(w.ram, w.regs); err != nil {
		t.Fatal(err)
	}
	if all, err := l.Modules(); err != nil || len(all) != 1 || all[0].Name != "racer" || all[0].Sections != nil || all[0].BuildID != "" {
		t.Errorf("without sections: %+v, %v", all, err)
	}
	w.put64(banner, 0)
	if _, err := l.At(w.ram, w.regs); err == nil || !strings.Contains(err.Error(), "6.1.0-test is not in memory") {
		t.Errorf("another kernel: %v", err)
	}
}
