package debug

import (
	"fmt"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/gdb"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/x86"
)

// A guest is the guest's kernel, once it was found.
type guest struct {
	kernel *guestos.Linux
	not    guestos.Registers // those of the last search in vain: entries and tables
	err    error             // of that search
}

// A look is what is to be seen at a position.
type look struct {
	m       *vmm.Machine
	pos     vmm.Position
	retired uint64
	linux   *guestos.Linux // nil: no Linux, or not yet
	err     error          // why not, or why some tasks are missing
	tasks   map[uint64]guestos.Task
	order   []uint64 // of tasks
	threads []gdb.Thread
}

// Threads that are no process: PIDs of Linux are below 1<<22.
const (
	idleThread = 1 << 22 // the task that runs when no other does, whose PID is 0
	processor  = 1<<22 + 1
)

// here is the look at the machine as it stands.
func (v *view) here() *look {
	m := v.machine()
	if l := &v.seen; l.m == m && l.pos == m.Position() && l.retired == m.Retired() {
		return l
	}
	v.seen = look{m: m, pos: m.Position(), retired: m.Retired(), tasks: map[uint64]guestos.Task{}}
	l := &v.seen
	if l.linux, l.err = v.guest.at(m); l.linux != nil {
		var all []guestos.Task
		all, l.err = l.linux.Tasks()
		l.list(all)
	}
	if len(l.threads) == 0 || !l.tasks[l.threads[0].ID].Running {
		l.threads = append([]gdb.Thread{{ID: processor, Name: "cpu", Note: ring(m.CPU)}}, l.threads...)
	}
	return l
}

// at finds the kernel in the machine as it is now.
func (g *guest) at(m *vmm.Machine) (*guestos.Linux, error) {
	ram, regs := m.Mem, guestos.Of(m.CPU)
	if g.kernel != nil {
		if l, err := g.kernel.At(ram, regs); err == nil {
			return l, nil
		}
	}
	entries := guestos.Registers{IDTR: regs.IDTR, LSTAR: regs.LSTAR}
	if g.err != nil && g.not == entries {
		return nil, g.err
	}
	l, err := guestos.Find(ram, regs)
	if err != nil {
		g.not, g.err = entries, fmt.Errorf("no Linux is to be seen in the guest here: %w", err)
		return nil, g.err
	}
	g.kernel, g.err = l, nil
	return l, nil
}

// list makes threads of tasks, the running one first.
func (l *look) list(all []guestos.Task) {
	for _, t := range all {
		id := uint64(t.PID)
		if t.PID == 0 {
			id = idleThread
		}
		if _, twice := l.tasks[id]; twice || t.PID < 0 || id > idleThread {
			continue
		}
		l.tasks[id] = t
		l.order = append(l.order, id)
		note := stateName(t)
		if t.PID != t.TGID {
			note += fmt.Sprintf(", of process %d", t.TGID)
		}
		th := gdb.Thread{ID: id, Name: t.Comm, Note: note}
		if t.Running {
			th.Note = "running, " + ring(l.m.CPU)
			l.threads = append([]gdb.Thread{th}, l.threads...)
			continue
		}
		l.threads = append(l.threads, th)
	}
}

// stateName is a task's state as ps(1) explains its letters.
func stateName(t guestos.Task) string {
	names := map[byte]string{'R': "ready", 'S': "sleeps", 'D': "waits", 'T': "stopped", 't': "traced", 'X': "dead", 'Z': "zombie",
		'P': "parked", 'I': "idle"}
	if t.Running {
		return "running"
	}
	return names[t.State]
}

// ring is the privilege that the processor has.
func ring(c *cpu.State) string { return fmt.Sprintf("ring %d", privilege(c)) }

func privilege(c *cpu.State) uint64 {
	const dpl = 5 // bits 6:5 of SS's attributes are CPL (SDM vol. 3A, 5.5)
	return uint64(c.Seg[x86.SS].Attr >> dpl & 3)
}

// current is the task that runs; false: none, or not known.
func (l *look) current() (guestos.Task, bool) {
	t, ok := l.tasks[l.threads[0].ID]
	return t, ok
}

// symbol is a kernel address as NAME+OFFSET; "" if there is none.
func (l *look) symbol(la uint64) string {
	if l.linux == nil {
		return ""
	}
	return symbol(l.linux, la)
}

func symbol(k *guestos.Linux, la uint64) string {
	y, off, ok := k.SymbolAt(la)
	switch {
	case !ok:
		return ""
	case off == 0:
		return y.Name
	}
	return fmt.Sprintf("%s+%#x", y.Name, off)
}

// at is what runs, and where, in a line.
func (s *Session) at() string {
	l := s.here()
	if t, ok := l.current(); ok {
		s.programs.look(t)
	}
	return l.what(s.place(l.m.CPU.RIP).String())
}

// what is what runs, at a place that has a name, or if it is "" perhaps a symbol of
// the kernel's.
func (l *look) what(name string) string {
	out := fmt.Sprintf("%#x", l.m.CPU.RIP)
	if name == "" {
		name = l.symbol(l.m.CPU.RIP)
	}
	if name != "" {
		out += " <" + name + ">"
	}
	if t, ok := l.current(); ok {
		out += ", " + taskName(t)
	}
	return out + ", " + ring(l.m.CPU)
}

// taskName is a task as a line has it: process and thread.
func taskName(t guestos.Task) string {
	if t.PID != t.TGID {
		return fmt.Sprintf("process %d %s, thread %d", t.TGID, printable(t.Comm), t.PID)
	}
	return fmt.Sprintf("process %d %s", t.PID, printable(t.Comm))
}

// printable keeps a guest's text from playing tricks on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// A Process is one of the guest's, as Processes lists them.
type Process struct {
	PID     int      `json:"pid"`
	Parent  int      `json:"parent"`
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Current bool     `json:"current"` // it, or one of its threads, is what the processor runs
	Kernel  bool     `json:"kernel"`  // a thread of the kernel's own
	Threads int      `json:"threads"`
	Exe     string   `json:"exe,omitempty"`
	Args    []string `json:"args,omitempty"`
}

// Processes lists the guest's processes as the machine stands. The error says what
// is missing.
func (v *view) Processes() ([]Process, error) {
	l := v.here()
	if l.linux == nil {
		return nil, l.err
	}
	var all []Process
	at := map[int]int{}
	for _, id := range l.order {
		t := l.tasks[id]
		if i, ok := at[t.TGID]; ok {
			all[i].Threads++
			all[i].Current = all[i].Current || t.Running
			continue
		}
		p := Process{PID: t.TGID, Parent: t.Parent, Name: t.Comm, State: stateName(t), Current: t.Running, Kernel: t.Kernel, Threads: 1}
		if !t.Kernel {
			p.Exe, _ = t.Exe() // what ended has none
			p.Args, _ = t.Args()
		}
		at[t.TGID] = len(all)
		all = append(all, p)
	}
	return all, l.err
}

// Line is the process as a row of a list.
func (p Process) Line() string {
	mark, what := " ", strings.Join(p.Args, " ")
	if p.Current {
		mark = "*"
	}
	if what == "" {
		what = "[" + p.Name + "]"
	}
	return fmt.Sprintf("%s %7d %7d  %-8s %s", mark, p.PID, p.Parent, p.State, printable(what))
}
