package trace

import (
	"cmp"
	"encoding/binary"
	"path"
	"strconv"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
)

// A guest is what a trace knows of what runs on the machine.
type guest struct {
	m       *vmm.Machine
	att     bool
	process string
	kernel  finder
	linux   *guestos.Linux // nil: not found so far

	// Where in RAM the current task's address is, and that task. Both stay where
	// they are; name and numbers are compared at every event, since a thread may
	// be renamed and its structure used for another.
	slotLA  uint64
	slot    uint64
	current uint64
	commAt  uint64 // in RAM, 0: unknown; and its numbers
	pidAt   uint64
	comm    [commBytes]byte
	pid     [pidBytes]byte
	now     *thread
	commOff uint64
	pidOff  uint64

	s      *cpu.State // the processor's, as of the event
	names  Names
	spaces map[uint64]*space // of programs, by CR3
	gen    uint32            // changes when names of addresses may
	fixed  bool              // cleared by place where what it says may change
	asked  bool              // set where a disassembled instruction names an address
}

const (
	commBytes = 16 // TASK_COMM_LEN
	pidBytes  = 8  // pid and tgid, which follow one another
)

// A space is what is known of a program's address space.
type space struct {
	task  guestos.Task
	maps  []guestos.Mapping
	names map[uint64]namer // by mappings' beginnings
	lacks uint64           // the page, plus 1, that the mappings were last read for
}

// A namer finds the symbol that an address is in.
type namer = func(la uint64) (name string, off uint64, ok bool)

// A finder finds the guest's kernel, once.
type finder struct{ linux *guestos.Linux }

// find is the kernel as of where a machine stands, or nil as long as it has not
// got as far as to run tasks.
func (f *finder) find(m *vmm.Machine) *guestos.Linux {
	ram, regs := m.Mem, guestos.Of(m.CPU)
	var l *guestos.Linux
	var err error
	if f.linux != nil {
		l, err = f.linux.At(ram, regs)
	} else {
		l, err = guestos.Find(ram, regs)
	}
	if err != nil {
		return nil
	}
	if f.linux = l; l == nil {
		return nil
	}
	if _, err := l.Current(); err != nil {
		return nil
	}
	return l
}

// A thread is who did it.
type thread struct {
	pid, tid int
	comm     string
	label    string // comm/tid
	addr     uint64 // of its task_struct
	matches  bool   // it is of the process that was asked for, or none was
}

func newGuest(m *vmm.Machine, o Options) *guest {
	g := &guest{m: m, att: o.ATT, process: o.Process, names: o.Names, s: m.CPU, spaces: map[uint64]*space{}}
	g.now = g.nobody()
	return g
}

// nobody is who does what is done by no thread that is known.
func (g *guest) nobody() *thread { return &thread{label: "-", matches: g.process == ""} }

// userTable is the bit of CR3 that tells a program's tables from the kernel's,
// where it isolates them (Linux, arch/x86/mm/pti.c).
const userTable = 1 << 12

// find looks for a kernel that has got as far as to run tasks.
func (g *guest) find() bool { return g.adopt(g.kernel.find(g.m)) }

// restart has the guest known anew, where the machine stands, by a kernel that
// was found in another machine there; nil: none.
func (g *guest) restart(l *guestos.Linux) {
	g.linux, g.current, g.commAt, g.now = nil, 0, 0, g.nobody()
	g.forget()
	if l == nil {
		return
	}
	if l, err := l.At(g.m.Mem, guestos.Of(g.m.CPU)); err == nil {
		g.adopt(l)
	}
}

// adopt knows threads by a kernel from now on.
func (g *guest) adopt(l *guestos.Linux) bool {
	defer func(s *cpu.State) { g.s = s }(g.s)
	g.s = g.m.CPU // an engine has it only while it runs
	if l == nil {
		return false
	}
	at, err := l.CurrentSlot()
	if err != nil {
		return false
	}
	s, err := l.Struct("task_struct")
	if err != nil {
		return false
	}
	f, err := s.Field("comm")
	if err != nil || f.Size != commBytes {
		return false
	}
	pid, err := s.Offset("pid")
	if err != nil {
		return false
	}
	pa, ok := g.kernelPA(at)
	if !ok || !g.m.Mem.Has(pa, 8) {
		return false
	}
	g.linux, g.slotLA, g.slot, g.commOff, g.pidOff = l, at, pa, f.Offset, pid
	return true
}

// kernelPA translates one of the kernel's addresses.
func (g *guest) kernelPA(la uint64) (uint64, bool) {
	pa, ok := cpu.PeekPA(g.s, g.m.Mem, la)
	if !ok {
		pa, ok = cpu.LookIn(g.s, g.m.Mem, g.s.CR3&^userTable).PA(la)
	}
	return pa, ok
}

// who is the thread that runs.
func (g *guest) who() *thread {
	if g.linux == nil {
		return g.now
	}
	b := g.m.Mem.B
	if at := binary.LittleEndian.Uint64(b[g.slot:]); at != g.current ||
		g.commAt != 0 && ([commBytes]byte(b[g.commAt:]) != g.comm || [pidBytes]byte(b[g.pidAt:]) != g.pid) {
		g.switched(at)
	}
	return g.now
}

// switched reads the task at an address.
func (g *guest) switched(at uint64) {
	if at == g.current { // another program
		g.forget()
	}
	g.current, g.commAt, g.now = at, 0, g.nobody()
	l, err := g.linux.At(g.m.Mem, guestos.Of(g.s))
	if err != nil {
		return
	}
	k, err := l.Current()
	if k.Addr != at || err != nil && k.Comm == "" {
		return
	}
	comm, ok := g.kernelPA(at + g.commOff)
	pid, ok2 := g.kernelPA(at + g.pidOff)
	if ok && ok2 && g.m.Mem.Has(comm, commBytes) && g.m.Mem.Has(pid, pidBytes) {
		g.commAt, g.comm = comm, [commBytes]byte(g.m.Mem.B[comm:])
		g.pidAt, g.pid = pid, [pidBytes]byte(g.m.Mem.B[pid:])
	}
	g.now = g.thread(k)
	g.linux = l
}

// thread is a task as lines name it.
func (g *guest) thread(k guestos.Task) *thread {
	wanted := g.process == "" || k.Is(g.process)
	return &thread{k.TGID, k.PID, k.Comm, k.Comm + "/" + strconv.Itoa(k.PID), k.Addr, wanted}
}

// known tells whether it is somebody.
func (k *thread) known() bool { return k.addr != 0 }

// A place is what is known of an address.
type place struct {
	symbol string // "" if there is none
	off    uint64 // from its beginning
	name   string // symbol and offset, and of a module's the module; or a file's name and the offset in it
	module string // the kernel's module, "vmlinux" if it is none's, or the file's name
}

// kernelName stands for the kernel itself where a module is asked for.
const kernelName = "vmlinux"

// place finds what is known of an address: a symbol of the kernel's, or a place in a
// program's file as its mappings have it.
func (g *guest) place(la uint64) (p place) {
	if g.linux == nil {
		g.fixed = false
		return p
	}
	if la>>63 == 0 {
		g.fixed = false
		x, m, ok := g.mapping(la)
		return g.program(la, x, m, ok)
	}
	y, off, ok := g.linux.SymbolAt(la)
	if !ok || y.Module != "" {
		g.fixed = false
	}
	if ok {
		p = place{y.Name, off, symbol(y, off), cmp.Or(y.Module, kernelName)}
	}
	return p
}

func symbol(y guestos.Symbol, off uint64) string {
	n := y.Name + "+0x" + strconv.FormatUint(off, 16)
	if y.Module != "" {
		n += " [" + y.Module + "]"
	}
	return n
}

// target is place for what an instruction names, which may be any number: it has
// no mappings read again.
func (g *guest) target(la uint64) place {
	switch {
	case la>>63 != 0:
		g.asked = true
		return g.place(la)
	case g.names == nil:
		return place{}
	}
	g.asked = true
	x := g.spaces[g.s.CR3]
	m, ok := x.mapping(la)
	return g.program(la, x, m, ok)
}

// program is what is known of a program's address, in a mapping if there is one.
func (g *guest) program(la uint64, x *space, m guestos.Mapping, ok bool) (p place) {
	if !ok || m.Path == "" {
		return p
	}
	p.module = path.Base(m.Path)
	p.name = p.module + "+0x" + strconv.FormatUint(la-m.Start+m.Offset, 16)
	if g.names == nil {
		return p
	}
	find, ok := x.names[m.Start]
	if !ok {
		find = g.names(x.task, x.maps, m)
		x.names[m.Start] = find
	}
	if find == nil {
		return p
	}
	if y, off, ok := find(la); ok {
		p.symbol, p.off, p.name = y, off, symbol(guestos.Symbol{Name: y, Module: p.module}, off)
	}
	return p
}

// mapping is what is mapped at a program's address. The list is read again where
// it lacks one, once a page.
func (g *guest) mapping(la uint64) (*space, guestos.Mapping, bool) {
	cr3 := g.s.CR3
	for again := false; ; again = true {
		x := g.spaces[cr3]
		if m, ok := x.mapping(la); ok {
			return x, m, true
		}
		page := la>>12 + 1
		if again || x != nil && x.lacks == page {
			return nil, guestos.Mapping{}, false
		}
		l, err := g.linux.At(g.m.Mem, guestos.Of(g.s))
		if err != nil {
			return nil, guestos.Mapping{}, false
		}
		k, err := l.Current()
		if err != nil {
			return nil, guestos.Mapping{}, false
		}
		if g.gen++; len(g.spaces) >= maxSpaces {
			g.forget()
		}
		x = &space{task: k, names: map[uint64]namer{}, lacks: page}
		x.maps, _ = k.Maps()
		g.spaces[cr3] = x
	}
}

// mapping is what is known to be mapped at an address; x may be nil.
func (x *space) mapping(la uint64) (guestos.Mapping, bool) {
	if x != nil {
		for _, m := range x.maps {
			if m.Start <= la && la < m.End {
				return m, true
			}
		}
	}
	return guestos.Mapping{}, false
}

// maxSpaces bounds the programs whose mappings are kept.
const maxSpaces = 256

// forget forgets what programs have mapped.
func (g *guest) forget() {
	clear(g.spaces)
	g.gen++
}

// peek reads from the address space in use.
func (g *guest) peek(la uint64, n int) []byte {
	b := make([]byte, n)
	return b[:cpu.Peek(g.s, g.m.Mem, la, b)]
}

// text is what a zero byte ends at la.
func (g *guest) text(la uint64, most int) (s string, ok bool) {
	b := g.peek(la, most)
	n := strings.IndexByte(string(b), 0)
	if n < 0 {
		return string(b), len(b) == most
	}
	return string(b[:n]), true
}
