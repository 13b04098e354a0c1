package debug

import (
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/gdb"
	"vmrecord/vmm/x86"
)

// A view is a machine that stands still, as gdb sees it.
type view struct {
	machine func() *vmm.Machine
	seen    look
	guest   guest
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
	if t, ok := l.tasks[thread]; ok && thread != l.threads[0].ID {
		if t.CR3 == 0 {
			return l.linux.Read(la, p)
		}
		return t.Read(la, p)
	}
	return cpu.Peek(l.m.CPU, l.m.Mem, la, p)
}
