package guestos

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// structs are the layouts of the tests' kernel: name and size, then members
// with type and place in bytes. A member without a name is an anonymous union.
const structs = `
list_head 16: next u64 0, prev u64 8
thread_struct 32: sp u64 8, fsbase u64 16, gsbase u64 24
task_struct 256: __state u32 4, exit_state u32 8, flags u32 12, pid u32 16, tgid u32 20, comm u8[16] 24, mm u64 40, signal u64 48, real_parent u64 56, tasks list_head 64, thread_node list_head 80, stack u64 96, stack_vm_area u64 104, thread thread_struct 128
signal_struct 32: thread_head list_head 16
maple_tree 16: ma_root u64 8
mm_anon 96: mm_mt maple_tree 0, pgd u64 16, arg_start u64 24, arg_end u64 32, brk u64 40, start_brk u64 48, start_stack u64 56, exe_file u64 64
mm_struct 104:  mm_anon 8
maple_range_64 256: pivot u64[15] 8, slot u64[16] 128
maple_arange_64 256: pivot u64[9] 8, slot u64[10] 80
flags_anon 8: vm_flags u64 0
vm_area_struct 64: vm_start u64 0, vm_end u64 8,  flags_anon 16, vm_ops u64 24, vm_pgoff u64 32, vm_file u64 40, vm_private_data u64 48
vm_special_mapping 16: name u64 8
path 16: mnt u64 0, dentry u64 8
file 32: f_path path 8
qstr 16: name u64 8
dentry 32: d_parent u64 0, d_name qstr 8
vfsmount 16: mnt_root u64 0
mount 64: mnt_parent u64 8, mnt vfsmount 16, mnt_mountpoint u64 32
module_layout 16: base u64 0, size u32 8
mod_arch_specific 24: num_orcs u32 0, orc_unwind_ip u64 8, orc_unwind u64 16
module 192: list list_head 0, name u8[56] 16, core_layout module_layout 72, kallsyms u64 96, sect_attrs u64 104, arch mod_arch_specific 112
attribute 16: name u64 0
bin_attribute 64: attr attribute 8
module_sect_attr 80: battr bin_attribute 0, address u64 64
module_sect_attrs 176: nsections u32 8, attrs module_sect_attr 16
mod_kallsyms 32: symtab u64 0, num_symtab u32 8, strtab u64 16, typetab u64 24
vm_struct 8: nr_pages u32 0
inactive_task_frame 56: r15 u64 0, r14 u64 8, r13 u64 16, r12 u64 24, bx u64 32, bp u64 40, ret_addr u64 48
pt_regs 168: r15 u64 0, r14 u64 8, r13 u64 16, r12 u64 24, bp u64 32, bx u64 40, r11 u64 48, r10 u64 56, r9 u64 64, r8 u64 72, ax u64 80, cx u64 88, dx u64 96, si u64 104, di u64 112, orig_ax u64 120, ip u64 128, cs u64 136, flags u64 144, sp u64 152, ss u64 160
pcpu_hot 16: current_task u64 8
`

// testBTF are the structs as BTF.
func testBTF() []byte {
	b := newBTF()
	ids := map[string]uint32{"u8": b.add(kindInt, "u8", 1, 0, 8), "u32": b.add(kindInt, "u32", 4, 0, 32), "u64": b.add(kindInt, "u64", 8, 0, 64)}
	for line := range strings.Lines(strings.TrimSpace(structs)) {
		head, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, size, _ := strings.Cut(head, " ")
		var all []member
		for part := range strings.SplitSeq(rest, ", ") {
			f := strings.Split(part, " ")
			typ, count, array := strings.Cut(f[1], "[")
			id := ids[typ]
			if array {
				id = b.add(kindArray, "", 0, 0, id, id, uint32(atoi(strings.TrimSuffix(count, "]"))))
			}
			all = append(all, member{f[0], uint32(atoi(f[2])) * 8, id})
		}
		kind := kindStruct
		if strings.HasSuffix(name, "_anon") {
			kind, name = kindUnion, ""
		}
		id := b.structure(kind, name, uint32(atoi(size)), 0, all...)
		n, _, _ := strings.Cut(head, " ")
		ids[n] = id
	}
	return b.bytes()
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// Places in the tests' guest: the image at physical 2 MiB, all of RAM again at
// direct, things made from 4 MiB on.
const (
	imagePhys = 2 << 20
	direct    = 0xffff8880_00000000
	heapPhys  = 4 << 20
	ramBytes  = 6 << 20
	ahead     = testBase - linkedAt

	text, initTask, offsets, notes, cpus, modlist        = testBase + 0x1000, testBase + 0x3000, testBase + 0x4000, testBase + 0x4100, testBase + 0x4200, testBase + 0x4300
	infoData, infoSize, banner, vmops, btfAt, kallsymsAt = testBase + 0x4400, testBase + 0x4408, testBase + 0x5000, testBase + 0x5800, testBase + 0x6000, testBase + 0x10000

	perCPU = direct + heapPhys // where the processor's variables are
)

// A world is a guest made by hand.
type world struct {
	layout
	hot    bool // pcpu_hot has the current task
	levels int
	ram    RAM
	regs   Registers
	btf    *btf
	next   uint64 // free memory
	tables uint64 // free pages for page tables
}

func (w *world) put(pa uint64, b []byte) { copy(w.ram[pa:], b) }

func (w *world) put64(la, v uint64) {
	pa := la - direct
	if la >= testBase {
		pa = la - testBase + imagePhys
	}
	binary.LittleEndian.PutUint64(w.ram[pa:], v)
}

// alloc gives zeroed memory, by its address in the kernel.
func (w *world) alloc(n uint64) uint64 {
	at := (w.next + 255) &^ 255
	w.next = at + n
	return direct + at
}

// data puts bytes somewhere.
func (w *world) data(s string) uint64 {
	at := w.alloc(uint64(len(s)) + 1)
	w.put(at-direct, []byte(s))
	return at
}

// set sets members of a structure: a path and a value each.
func (w *world) set(at uint64, typ string, pairs ...any) uint64 {
	s, err := w.btf.Struct(typ)
	for i := 0; i < len(pairs) && err == nil; i += 2 {
		var f Field
		f, err = s.Field(pairs[i].(string))
		pa := at + f.Offset - direct
		if at >= testBase {
			pa = at + f.Offset - testBase + imagePhys
		}
		switch v := pairs[i+1].(type) {
		case int:
			copy(w.ram[pa:pa+f.Size], binary.LittleEndian.AppendUint64(nil, uint64(v)))
		case uint64:
			copy(w.ram[pa:pa+f.Size], binary.LittleEndian.AppendUint64(nil, v))
		case string:
			copy(w.ram[pa:pa+f.Size], v)
		}
	}
	if err != nil {
		panic(err)
	}
	return at
}

// object makes a structure.
func (w *world) object(typ string, pairs ...any) uint64 {
	s, err := w.btf.Struct(typ)
	if err != nil {
		panic(err)
	}
	return w.set(w.alloc(s.Size), typ, pairs...)
}

// table makes an empty page table.
func (w *world) table() uint64 {
	w.tables += pageBytes
	return w.tables
}

// mapAt maps a page, a large one of 2 MiB if asked.
func (w *world) mapAt(root, la, pa uint64, large bool) {
	last := 12
	if large {
		last = 21
	}
	for shift := 12 + 9*(w.levels-1); ; shift -= 9 {
		e := w.ram[root+la>>shift&511*8:][:8]
		if shift == last {
			binary.LittleEndian.PutUint64(e, pa|1|uint64(last/21)<<7|1<<63)
			return
		}
		if root = le64(e) & physMask; root == 0 {
			root = w.table()
			binary.LittleEndian.PutUint64(e, root|1)
		}
	}
}

// newSpace makes page tables with the kernel in them.
func (w *world) newSpace() uint64 {
	root := w.table()
	w.mapAt(root, testBase, imagePhys, true)
	for pa := uint64(0); pa < ramBytes; pa += largeBytes {
		w.mapAt(root, direct+pa, pa, true)
	}
	return root
}

// build makes the guest. It has two processes, one of them with two threads
// and memory of its own.
func (w *world) build() *world {
	w.ram, w.next, w.levels = make(RAM, ramBytes), heapPhys+0x1000, max(w.levels, 4)
	types := testBTF()
	btf, err := parseBTF(types)
	if err != nil {
		panic(err)
	}
	w.btf = btf
	w.put(banner-testBase+imagePhys, []byte("Linux version 6.1.0-test (somebody) #1\n"))
	w.put(btfAt-testBase+imagePhys, types)
	w.put(notes-testBase+imagePhys, []byte("\x04\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00GNU\x00zz\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00GNU\x00\xde\xad\xbe\xef"))
	w.put64(cpus, 1)
	w.put64(modlist, modlist)
	gs := w.symbols(btfAt + uint64(len(types)))
	w.put64(offsets, gs)
	w.regs = Registers{EFER: lma, CR3: w.newSpace() | 5, LSTAR: text + 0x20, RIP: 0x401000, KernelGSBase: gs}
	if w.levels == 5 {
		w.regs.CR4 = la57
	}
	w.put64(perCPU+0x500, w.processes())
	return w
}

// symbols writes the table. It returns what GS adds to per-cpu variables.
func (w *world) symbols(btfEnd uint64) (gs uint64) {
	s := func(name string, at uint64) Symbol { return Symbol{Name: name, Type: 'T', Addr: at} }
	all := []Symbol{s("_text", testBase), s("entry_SYSCALL_64", text), s("next_function", text+0x100), s("init_task", initTask),
		s("__per_cpu_offset", offsets), s("__start_notes", notes), s("__stop_notes", notes+40), s("nr_cpu_ids", cpus), s("modules", modlist),
		s("vmcoreinfo_data", infoData), s("vmcoreinfo_size", infoSize), s("linux_banner", banner), s("special_mapping_vmops", vmops),
		s("__start_BTF", btfAt), s("__stop_BTF", btfEnd)}
	for i := range 300 {
		all = append(all, s(fmt.Sprintf("filler_%d", i), kallsymsAt+uint64(i)))
	}
	all = append(all, s("_end", testBase+largeBytes))
	current := Symbol{Name: "current_task", Type: 'A', Addr: 0x500}
	if w.hot {
		current = Symbol{Name: "pcpu_hot", Type: 'A', Addr: 0x500 - 8}
	}
	if gs = perCPU; !w.absolute { // per-cpu variables have addresses in the image
		current.Addr += testBase
		gs -= testBase
	}
	all = append(all, current)
	slices.SortStableFunc(all, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	w.put(kallsymsAt-testBase+imagePhys, w.kallsyms(all, testBase))
	return gs
}

// build is what tests ask for.
func build(t testing.TB, w *world) *Linux {
	t.Helper()
	w.build()
	l, err := Find(w.ram, w.regs)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
