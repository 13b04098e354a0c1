package slice

import (
	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/mem"
)

const (
	stackBytes = 16 << 10 // THREAD_SIZE
	maxRange   = 64 << 20 // of the kernel's, that is read whole
	userEnd    = 1<<47 - 1
)

// debuggers uses the pages that a debugger reads where the machine stands. Of a
// guest in which no Linux is found there is nothing to read beforehand.
func debuggers(m *vmm.Machine) {
	regs := guestos.Of(m.CPU)
	l, err := guestos.Find(guestos.RAM(m.Mem.B), regs) // reads the image, and uses nothing
	if err != nil {
		return
	}
	if l, err = l.At(m.Mem, regs); err != nil {
		return
	}
	la, n := l.SymbolTable()
	read(l, la, n)
	for _, r := range [...][2]string{
		{"__start_notes", "__stop_notes"},
		{"__start_BTF", "__stop_BTF"},
		{"__start_orc_unwind_ip", "__stop_orc_unwind_ip"},
		{"__start_orc_unwind", "__stop_orc_unwind"},
	} {
		from, ok := l.Symbol(r[0])
		to, ok2 := l.Symbol(r[1])
		if ok && ok2 && to.Addr-from.Addr <= maxRange {
			read(l, from.Addr, to.Addr-from.Addr)
		}
	}
	// What follows cannot tell more than there is: where the guest's structures
	// are damaged, a debugger meets the same error.
	_, _ = l.VmcoreinfoText()
	if all, err := l.Modules(); err == nil {
		for _, mod := range all {
			read(l, mod.Base, min(mod.Size, maxRange))
		}
	}
	l.ModuleSymbols()
	all, _ := l.Tasks()
	current, _ := l.Current()
	for _, t := range all {
		task(l, t)
		if t.TGID == current.TGID && t.CR3 != 0 {
			program(m, regs, t.CR3)
		}
	}
}

// task uses what is to be told of a task.
func task(l *guestos.Linux, t guestos.Task) {
	if s, err := l.Struct("task_struct"); err == nil {
		read(l, t.Addr, s.Size)
		if off, err := s.Offset("stack"); err == nil {
			var b [8]byte
			if l.Read(t.Addr+off, b[:]) == len(b) {
				read(l, le64(b), stackBytes)
			}
		}
	}
	_, _ = t.Saved()
	_, _ = t.User()
	_, _ = t.Exe()
	_, _ = t.Args()
	_, _ = t.Maps()
}

func le64(b [8]byte) (v uint64) {
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// read uses [la, la+n) of the kernel's space.
func read(l *guestos.Linux, la, n uint64) {
	p := make([]byte, mem.PageBytes)
	for end := la + n; la < end; {
		k := min(mem.PageBytes-la%mem.PageBytes, end-la)
		l.Read(la, p[:k])
		la += k
	}
}

// program uses every page that a program has in memory.
func program(m *vmm.Machine, regs guestos.Registers, cr3 uint64) {
	regs.CR3 = cr3
	guestos.Tables(m.Mem, regs, 0, userEnd, func(r guestos.Mapped) bool {
		for pa := r.PA; pa < r.PA+r.Size && m.Mem.Has(pa, 1); pa += mem.PageBytes {
			m.Mem.Use(pa)
		}
		return true
	})
}
