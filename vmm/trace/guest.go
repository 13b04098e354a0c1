package trace

import (
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
)

// A guest is what a trace knows of what runs on the machine.
type guest struct {
	m     *vmm.Machine
	att   bool
	linux *guestos.Linux // nil: not found so far

	// Where in RAM the current task's address is, and that task. Both stay where
	// they are; name and numbers are compared at every event, since a thread may
	// be renamed and its structure used for another.
	slot    uint64
	current uint64
	commAt  uint64 // in RAM, 0: unknown; and its numbers
	pidAt   uint64
	comm    [commBytes]byte
	pid     [pidBytes]byte
	now     *thread
	commOff uint64
	pidOff  uint64

	s     *cpu.State                   // the processor's, as of the event
	maps  map[uint64][]guestos.Mapping // of programs, by CR3
	lacks map[uint64]uint64            // the page, plus 1, that they were last read for
	gen   uint32                       // changes when names of addresses may
}

const (
	commBytes = 16 // TASK_COMM_LEN
	pidBytes  = 8  // pid and tgid, which follow one another
)

// A thread is who did it.
type thread struct {
	pid, tid int
	comm     string
	label    string // comm/tid
	addr     uint64 // of its task_struct
}

var nobody = &thread{label: "-"}

func newGuest(m *vmm.Machine, att bool) *guest {
	return &guest{m: m, att: att, now: nobody, s: m.CPU, maps: map[uint64][]guestos.Mapping{}, lacks: map[uint64]uint64{}}
}

// userTable is the bit of CR3 that tells a program's tables from the kernel's,
// where it isolates them (Linux, arch/x86/mm/pti.c).
const userTable = 1 << 12

// find looks for a kernel that has got as far as to run tasks.
func (g *guest) find() bool {
	defer func(s *cpu.State) { g.s = s }(g.s)
	g.s = g.m.CPU // an engine has it only while it runs
	ram := guestos.RAM(g.m.Mem.B)
	l, err := guestos.Find(ram, guestos.Of(g.m.CPU))
	if err != nil {
		return false
	}
	if _, err := l.Current(); err != nil {
		return false
	}
	at, err := currentSlot(l)
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
	g.linux, g.slot, g.commOff, g.pidOff = l, pa, f.Offset, pid
	return true
}

// currentSlot is where the kernel keeps its processor's current task.
func currentSlot(l *guestos.Linux) (uint64, error) {
	var base [8]byte
	if y, ok := l.Symbol("__per_cpu_offset"); ok && l.Read(y.Addr, base[:]) < len(base) {
		return 0, fmt.Errorf("no memory at %#x", y.Addr)
	}
	at := binary.LittleEndian.Uint64(base[:])
	if y, ok := l.Symbol("pcpu_hot"); ok { // Linux 6.2 to 6.14
		s, err := l.Struct("pcpu_hot")
		if err != nil {
			return 0, err
		}
		off, err := s.Offset("current_task")
		return at + y.Addr + off, err
	}
	y, ok := l.Symbol("current_task")
	if !ok {
		return 0, fmt.Errorf("the kernel has no symbol current_task")
	}
	return at + y.Addr, nil
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
		return nobody
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
	g.current, g.commAt, g.now = at, 0, nobody
	l, err := g.linux.At(guestos.RAM(g.m.Mem.B), guestos.Of(g.s))
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
	g.now = &thread{k.TGID, k.PID, k.Comm, k.Comm + "/" + strconv.Itoa(k.PID), at}
	g.linux = l
}

// matches tells whether a thread is the process that was asked for.
func (k *thread) matches(process string) bool {
	if process == "" {
		return true
	}
	n, err := strconv.Atoi(process)
	return process == k.comm || err == nil && k != nobody && (n == k.pid || n == k.tid)
}

// where names an address: a symbol of the kernel's, or a place in a program's
// file as its mappings have it.
func (g *guest) where(la uint64) string {
	if g.linux == nil {
		return ""
	}
	if la>>63 != 0 {
		if y, off, ok := g.linux.SymbolAt(la); ok {
			return symbol(y, off)
		}
		return ""
	}
	m, ok := g.mapping(la)
	if !ok || m.Path == "" {
		return ""
	}
	return path.Base(m.Path) + "+0x" + strconv.FormatUint(la-m.Start+m.Offset, 16)
}

func symbol(y guestos.Symbol, off uint64) string {
	n := y.Name + "+0x" + strconv.FormatUint(off, 16)
	if y.Module != "" {
		n += " [" + y.Module + "]"
	}
	return n
}

// mapping is what is mapped at a program's address. The list is read again where
// it lacks one, once a page.
func (g *guest) mapping(la uint64) (guestos.Mapping, bool) {
	space := g.s.CR3
	for again := false; ; again = true {
		for _, m := range g.maps[space] {
			if m.Start <= la && la < m.End {
				return m, true
			}
		}
		if page := la>>12 + 1; again || g.lacks[space] == page {
			return guestos.Mapping{}, false
		}
		l, err := g.linux.At(guestos.RAM(g.m.Mem.B), guestos.Of(g.s))
		if err != nil {
			return guestos.Mapping{}, false
		}
		k, err := l.Current()
		if err != nil {
			return guestos.Mapping{}, false
		}
		if g.gen++; len(g.maps) >= maxSpaces {
			g.forget()
		}
		g.lacks[space] = la>>12 + 1
		g.maps[space], _ = k.Maps()
	}
}

// maxSpaces bounds the programs whose mappings are kept.
const maxSpaces = 256

// forget forgets what programs have mapped.
func (g *guest) forget() {
	clear(g.maps)
	clear(g.lacks)
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
