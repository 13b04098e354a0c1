package trace

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/x86"
)

// A call is a system call that was entered.
type call struct {
	who    *thread
	at     vmm.Instant
	number uint64
	name   string
	raw    [6]uint64
	kinds  []string // of arguments
	args   []string // as far as they are known
	result string
	split  bool // its beginning was written
	part   bool // what is being written is not the whole of it
}

// Stops, by index.
const (
	atEntry = iota
	atSysret
	atIret
)

// calls follows system calls.
type calls struct {
	t    *tracer
	open map[uint64]*call // by thread
	line *call            // the last one entered, if nothing was written since
}

func newCalls(t *tracer) *calls { return &calls{t: t, open: map[uint64]*call{}} }

// stops are at the entry of SYSCALL, and right before SYSRET and IRET lead back
// to programs (Linux, arch/x86/entry/entry_64.S).
func (k *calls) stops() []vmm.Stop {
	l := k.t.guest.linux
	if l == nil {
		return nil
	}
	list := []vmm.Stop{{First: k.t.m.CPU.LSTAR, Last: k.t.m.CPU.LSTAR, Any: true}}
	for _, name := range []string{"entry_SYSRETQ_unsafe_stack", "native_irq_return_iret"} {
		y, ok := l.Symbol(name)
		if !ok {
			k.t.err = fmt.Errorf("the guest's kernel has no symbol %s, so it cannot be seen where its system calls return; try --what insn", name)
			return nil
		}
		list = append(list, vmm.Stop{First: y.Addr, Last: y.Addr, Any: true})
	}
	return list
}

func (k *calls) found() {}

// end writes what is left open.
func (k *calls) end() {
	if k.line != nil {
		k.cut()
	}
}

func (k *calls) struck(h vmm.Hit) {
	g := k.t.guest
	if h.Stop == atIret && !g.toProgram() {
		return
	}
	who := g.who()
	if !who.known() {
		return
	}
	if h.Stop != atEntry {
		k.leave(who)
		return
	}
	k.enter(who)
}

// toProgram tells whether the IRET that is next leads to ring 3.
func (g *guest) toProgram() bool {
	b := g.peek(g.s.R[x86.RSP]+8, 8)
	return len(b) == 8 && binary.LittleEndian.Uint64(b)&3 == 3
}

// maxOpen bounds the calls that are known to be open.
const maxOpen = 1 << 16

func (k *calls) enter(who *thread) {
	r := &k.t.guest.s.R
	c := &call{who: who, at: k.t.m.Now(), number: r[x86.RAX], raw: [6]uint64{r[x86.RDI], r[x86.RSI], r[x86.RDX], r[x86.R10], r[x86.R8], r[x86.R9]}}
	c.name, c.kinds = "syscall_"+strconv.FormatUint(c.number, 10), strings.Fields("x x x x x x")
	if c.number < uint64(len(callNames)) && callNames[c.number] != "" {
		c.name = callNames[c.number]
		if p, ok := prototypes[c.name]; ok {
			c.kinds = strings.Fields(p)
		}
		if n := len(c.kinds) - 1; n > 0 && c.kinds[n] == "creat" && c.raw[n-1]&creates == 0 {
			c.kinds = c.kinds[:n]
		}
	}
	if len(k.open) >= maxOpen {
		clear(k.open)
	}
	k.open[who.addr] = c
	if !who.matches {
		return
	}
	k.cut()
	c.decode(k.t.guest)
	k.line = c
	if c.name == "exit" || c.name == "exit_group" { // there is nobody to return to
		c.result = "?"
		k.write(c, c.name+"("+strings.Join(c.args, ", ")+") = ?", false)
		k.line = nil
		delete(k.open, who.addr)
	}
}

// cut writes the beginning of the call whose line is open, since another
// thread's comes before its end.
func (k *calls) cut() {
	c := k.line
	if c == nil {
		return
	}
	k.line = nil
	c.split = true
	k.write(c, c.name+"("+strings.Join(c.args, ", ")+" <unfinished ...>", true)
}

func (k *calls) leave(who *thread) {
	c := k.open[who.addr]
	if c == nil { // of an interrupt, or entered before the window
		return
	}
	delete(k.open, who.addr)
	matches := c.who.matches || who.matches
	if !matches {
		return
	}
	if k.line != c {
		k.cut()
	}
	k.line = nil
	known := len(c.args)
	v := k.t.guest.s.R[x86.RAX]
	c.result = c.returned(v)
	c.finish(k.t.guest, v)
	all := c.name + "(" + strings.Join(c.args, ", ") + ") = " + c.result
	if c.split {
		rest := strings.Join(c.args[known:], ", ")
		if known > 0 && rest != "" {
			rest = ", " + rest
		}
		all = "<... " + c.name + " resumed>" + rest + ") = " + c.result
	}
	c.part = false
	k.t.form.event(&event{kind: "syscall", at: c.at, end: k.t.m.Now(), who: c.who, name: all, call: c})
}

// write writes a line of c as it is now.
func (k *calls) write(c *call, text string, part bool) {
	c.part = part
	k.t.form.event(&event{kind: "syscall", at: c.at, who: c.who, name: text, call: c})
}

// returned is a result: an error's name, or the number as its call means it.
func (c *call) returned(v uint64) string {
	if n := -int64(v); n > 0 && n < 4096 {
		if n < int64(len(errorNames)) && errorNames[n] != "" {
			return "-1 " + errorNames[n]
		}
		if name, ok := restarts[n]; ok {
			return "? " + name
		}
		return "-" + strconv.FormatInt(n, 10)
	}
	switch c.name {
	case "mmap", "brk", "mremap", "shmat":
		return hexNumber(v)
	}
	return strconv.FormatInt(int64(v), 10)
}

// restarts are results that programs never see (include/linux/errno.h).
var restarts = map[int64]string{512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}
