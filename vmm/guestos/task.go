package guestos

import (
	"fmt"
	"math/bits"
)

// A Task is one of the guest's threads, as the kernel has it: a process is the
// tasks with the same TGID, a thread of the kernel's own has no CR3.
type Task struct {
	PID, TGID, Parent int    // thread, process, and the process that started it
	Comm              string // 15 bytes at most
	State             byte   // a letter, as ps has it
	Kernel            bool   // a thread of the kernel's
	Running           bool   // it is what the processor runs at this instant
	CR3               uint64 // its page tables, 0 if it has none
	Addr              uint64 // of its task_struct

	l *Linux
}

// A Frame is what registers the kernel keeps of a task.
type Frame struct {
	R              [16]uint64 // in the processor's order: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
	Known          uint16     // a bit for each of R that is known
	RIP, RFLAGS    uint64     // RFLAGS 0 if not known
	CS, SS         uint16     // 0 if not known
	FSBase, GSBase uint64     // the program's, as of when the task was last switched away from
	OrigRAX        uint64     // the number of the system call, if one was entered
}

// generalNames are the registers of R as the kernel's structures name them.
var generalNames = [16]string{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// A program has all registers; in the kernel there are those that functions
// keep (System V ABI, AMD64 supplement, 3.2.1).
const (
	rsp      = 4
	allKnown = 1<<16 - 1
	kept     = 1<<3 | 1<<5 | 0xf<<12

	maxTasks = 1 << 17

	kernelThread  = 0x00200000 // PF_KTHREAD
	taskIdle      = 0x402      // TASK_IDLE
	taskReport    = 0x7f       // TASK_REPORT
	stateLetters  = "RSDTtXZPI"
	maxStackBytes = 1 << 20
	stackBytes    = 16 << 10 // THREAD_SIZE, where the kernel does not say
)

// Tasks lists all tasks, the idle one (swapper) first, and each process's
// threads together. If the guest's lists are damaged, as at some instants within
// the kernel, it returns what it could read and an error.
func (l *Linux) Tasks() ([]Task, error) {
	v := l.view()
	current, _ := l.currentAddr()
	first := v.symbol("init_task")
	link, node := v.offset("task_struct", "tasks"), v.offset("task_struct", "thread_node")
	var all []Task
	seen := map[uint64]bool{}
	add := func(at uint64) bool {
		t := l.task(v, at)
		if v.err != nil || seen[at] || len(all) == maxTasks {
			v.fail("the list of tasks runs in a circle at %#x", at)
			return false
		}
		seen[at], t.Running = true, at == current
		all = append(all, t)
		return true
	}
	for at := first; add(at); {
		if sig := v.get(at, "task_struct", "signal"); sig != 0 {
			head := sig + v.offset("signal_struct", "thread_head")
			for n := v.u64(head); n != head && v.err == nil; n = v.u64(n) {
				if n-node != at {
					add(n - node)
				}
			}
		}
		if at = v.u64(at+link) - link; at == first {
			break
		}
	}
	if v.err != nil && len(all) > 0 {
		return all, fmt.Errorf("after %d of the guest's tasks: %w", len(all), v.err)
	}
	return all, v.err
}

// task reads one task_struct.
func (l *Linux) task(v *view, at uint64) Task {
	t := Task{Addr: at, l: l, PID: int(int32(v.get(at, "task_struct", "pid"))), TGID: int(int32(v.get(at, "task_struct", "tgid")))}
	comm := v.field("task_struct", "comm")
	t.Comm = cstring(v.bytes(at+comm.Offset, int(min(comm.Size, 64))))
	t.State = letter(v.get(at, "task_struct", "__state"), v.get(at, "task_struct", "exit_state"))
	t.Kernel = v.get(at, "task_struct", "flags")&kernelThread != 0
	if p := v.get(at, "task_struct", "real_parent"); p != 0 {
		t.Parent = int(int32(v.get(p, "task_struct", "tgid")))
	}
	if mm := v.get(at, "task_struct", "mm"); mm != 0 {
		pgd := v.get(mm, "mm_struct", "pgd")
		pa, _, ok := v.phys(pgd)
		if !ok {
			v.fail("task %d has its page tables at %#x, where no memory is", t.PID, pgd)
		}
		t.CR3 = pa
	}
	return t
}

// letter is the state of a task: TASK_ and EXIT_ constants as /proc/PID/stat
// shows them.
func letter(state, exit uint64) byte {
	s := (state | exit) & taskReport
	if state&taskIdle == taskIdle {
		return 'I'
	}
	return stateLetters[bits.Len64(s)]
}

// TaskAt is the task whose task_struct is at an address. That there is one is
// for the caller to know.
func (l *Linux) TaskAt(addr uint64) (Task, error) {
	v := l.view()
	t := l.task(v, addr)
	current, _ := l.currentAddr()
	t.Running = addr == current
	return t, v.err
}

// Current is the task that the processor runs.
func (l *Linux) Current() (Task, error) {
	at, err := l.currentAddr()
	if err != nil {
		return Task{}, err
	}
	v := l.view()
	t := l.task(v, at)
	t.Running = true
	return t, v.err
}

// currentAddr is the address of the current task.
func (l *Linux) currentAddr() (uint64, error) {
	v := l.view()
	slot, err := l.CurrentSlot()
	if err != nil {
		return 0, err
	}
	at := v.u64(slot)
	if v.err == nil && !plausible(at) {
		v.fail("no task: the guest has not booted that far")
	}
	return at, v.err
}

// CurrentSlot is where the kernel keeps the address of the task that the
// processor runs, 8 bytes: among the processor's per-cpu variables, which are
// found by way of GS and stay where they are.
func (l *Linux) CurrentSlot() (uint64, error) {
	v := l.view()
	base, err := l.perCPU(v)
	if err != nil {
		return 0, err
	}
	if y, ok := l.syms.byName("pcpu_hot"); ok { // Linux 6.2 to 6.14
		return y.Addr + base + v.offset("pcpu_hot", "current_task"), v.err
	}
	return v.symbol("current_task") + base, v.err
}

// perCPU is what to add to per-cpu variables' addresses: the kernel's GS base,
// which is the one of two that the kernel lists. (A program may set its own to
// anything.)
func (l *Linux) perCPU(v *view) (uint64, error) {
	const limit = 8192
	table, ok := l.syms.byName("__per_cpu_offset")
	if !ok {
		return 0, nil // a kernel for one processor
	}
	count := min(v.num(v.symbol("nr_cpu_ids"), 4), limit)
	list := v.bytes(table.Addr, int(count)*8)
	for _, base := range []uint64{l.regs.GSBase, l.regs.KernelGSBase} {
		for b := list; len(b) >= 8 && base != 0; b = b[8:] {
			if le64(b) == base {
				return base, nil
			}
		}
	}
	if v.err == nil && count > 0 && le64(list) == 0 { // before Linux has set it up
		return 0, nil
	}
	v.fail("neither GS base (%#x, %#x) is one of the kernel's", l.regs.GSBase, l.regs.KernelGSBase)
	return 0, v.err
}

// Saved are the registers with which a task that does not run goes on in the
// kernel, where it was switched away from.
func (t Task) Saved() (r Frame, err error) {
	if t.Running {
		return r, fmt.Errorf("task %d is running: its registers are the processor's", t.PID)
	}
	const frame = "inactive_task_frame"
	v := t.l.view()
	sp := v.get(t.Addr, "task_struct", "thread.sp")
	for n, name := range generalNames {
		if kept>>n&1 != 0 {
			r.R[n] = v.get(sp, frame, name)
		}
	}
	r.RIP = v.get(sp, frame, "ret_addr")
	r.R[rsp] = sp + v.size(frame)
	r.Known = kept | 1<<rsp
	if t.bases(v, &r); v.err != nil {
		return Frame{}, fmt.Errorf("registers of task %d: %w", t.PID, v.err)
	}
	return r, nil
}

// User are the registers of a task's program, as they were when it last entered
// the kernel.
func (t Task) User() (r Frame, err error) {
	switch {
	case t.Kernel || t.CR3 == 0:
		return r, fmt.Errorf("task %d (%s) has no program: it is a thread of the kernel's, or has ended", t.PID, t.Comm)
	case t.Running && !plausible(t.l.regs.RIP):
		return r, fmt.Errorf("task %d is running its program: its registers are the processor's", t.PID)
	}
	v := t.l.view()
	at := t.userFrame(v)
	for n, name := range generalNames {
		r.R[n] = v.get(at, "pt_regs", name)
	}
	r.Known = allKnown
	r.RIP, r.RFLAGS, r.OrigRAX = v.get(at, "pt_regs", "ip"), v.get(at, "pt_regs", "flags"), v.get(at, "pt_regs", "orig_ax")
	r.CS, r.SS = uint16(v.get(at, "pt_regs", "cs")), uint16(v.get(at, "pt_regs", "ss"))
	if t.bases(v, &r); v.err == nil && r.CS&3 != 3 {
		v.fail("CS is %#x where a program's should be", r.CS)
	}
	if v.err != nil {
		return Frame{}, fmt.Errorf("registers of task %d's program: %w", t.PID, v.err)
	}
	return r, nil
}

// userFrame finds the pt_regs at the top of a task's kernel stack. Kernels with
// FRED leave 16 bytes above it (TOP_OF_KERNEL_STACK_PADDING).
func (t Task) userFrame(v *view) uint64 {
	size := uint64(stackBytes)
	if v.has("task_struct", "stack_vm_area") {
		if area := v.get(t.Addr, "task_struct", "stack_vm_area"); area != 0 {
			size = v.get(area, "vm_struct", "nr_pages") * pageBytes
		}
	}
	if size > maxStackBytes {
		v.fail("it has a stack of %d bytes", size)
	}
	at := v.get(t.Addr, "task_struct", "stack") + size - v.size("pt_regs")
	if v.get(at, "pt_regs", "cs")&3 != 3 {
		at -= 16
	}
	return at
}

// bases are those of segments FS and GS, which the kernel notes when it
// switches away from a task.
func (t Task) bases(v *view, r *Frame) {
	r.FSBase, r.GSBase = v.get(t.Addr, "task_struct", "thread.fsbase"), v.get(t.Addr, "task_struct", "thread.gsbase")
}
