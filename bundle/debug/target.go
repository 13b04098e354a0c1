package debug

import (
	"fmt"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/gdb"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/x86"
)

// A view is a machine that stands still, as gdb sees it.
type view struct {
	machine func() *vmm.Machine
	seen    look
	guest   guest
	onLack  func(text string) // nil: nobody
}

// Threads are the guest's tasks, the one that runs first; or the processor.
func (v *view) Threads() []gdb.Thread { return v.here().threads }

// Registers are the processor's, or what the guest's kernel saved of a task.
func (v *view) Registers(thread uint64) (*cpu.State, gdb.Known) {
	l := v.here()
	if thread == l.threads[0].ID {
		return l.m.CPU, gdb.All
	}
	t, ok := l.tasks[thread]
	if !ok {
		return new(cpu.State), 0
	}
	f, err := t.Saved()
	if err != nil {
		return new(cpu.State), 0
	}
	c := &cpu.State{R: f.R, RIP: f.RIP, EFER: l.m.CPU.EFER}
	c.Seg[x86.FS].Base, c.Seg[x86.GS].Base = f.FSBase, f.GSBase
	return c, gdb.Saved | gdb.Base
}

// Read copies memory as a thread sees it; a thread of the kernel's sees the
// kernel only.
func (v *view) Read(thread, la uint64, p []byte) int {
	l := v.here()
	n := l.read(thread, la, p)
	if n < len(p) && v.onLack != nil {
		if text, lacks := lacks(l.m, la+uint64(n)); lacks {
			v.onLack(text)
		}
	}
	return n
}

func (l *look) read(thread, la uint64, p []byte) int {
	if t, ok := l.tasks[thread]; ok && thread != l.threads[0].ID {
		if t.CR3 == 0 {
			return l.linux.Read(la, p)
		}
		return t.Read(la, p)
	}
	return cpu.Peek(l.m.CPU, l.m.Mem, la, p)
}

// OnLack has f told of what Read did not find because the bundle is of a level that
// does not hold it; nil for nobody.
func (s *Session) OnLack(f func(text string)) { s.onLack = f }

// lacks tells whether memory at la is, or may be, left out of the bundle, and says so.
func lacks(m *vmm.Machine, la uint64) (text string, ok bool) {
	if !m.Mem.Partial() {
		return "", false
	}
	pa, mapped := cpu.PeekPA(m.CPU, m.Mem, la)
	switch {
	case !mapped: // or the page table that would tell is left out
		return fmt.Sprintf("no memory at %#x, or it is %s", la, guestos.NotHere), true
	case m.Mem.Lacks(pa):
		return fmt.Sprintf("%#x is %s", la, guestos.NotHere), true
	}
	return "", false
}

// none says that there is no memory at la.
func none(m *vmm.Machine, la uint64) string {
	if text, ok := lacks(m, la); ok {
		return text
	}
	return fmt.Sprintf("no memory at %#x", la)
}
