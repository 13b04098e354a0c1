package trace

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// deliveries follows interrupts and exceptions.
type deliveries struct{ t *tracer }

func (k *deliveries) stops() []vmm.Stop {
	return []vmm.Stop{{On: vmm.StopVector, Last: 255, Any: true}, {On: vmm.StopException, Last: 255, Any: true}}
}
func (k *deliveries) found() {}
func (k *deliveries) end()   {}

// exceptionNames by vector (SDM vol. 3A, table 6-1).
var exceptionNames = [32]string{0: "#DE", 1: "#DB", 2: "NMI", 3: "#BP", 4: "#OF", 5: "#BR", 6: "#UD", 7: "#NM", 8: "#DF", 10: "#TS",
	11: "#NP", 12: "#SS", 13: "#GP", 14: "#PF", 16: "#MF", 17: "#AC", 18: "#MC", 19: "#XM"}

func (k *deliveries) struck(h vmm.Hit) {
	g := k.t.guest
	who := g.who()
	la := g.pc()
	p := g.place(la)
	if !who.matches || !k.t.wants(p.module) {
		return
	}
	e := event{at: g.m.Now(), who: who, addr: la, where: p.name, kind: "irq", phase: 'i'}
	v := uint8(h.Addr)
	e.name = "interrupt " + strconv.Itoa(int(v))
	if n := int(v); n < len(exceptionNames) && exceptionNames[n] != "" {
		e.name = exceptionNames[n]
	}
	if to := g.handler(v); to != "" {
		e.name += " to " + to
	}
	k.t.form.event(&e)
}

// pc is the linear address of the next instruction.
func (g *guest) pc() uint64 {
	c := &g.s.Seg[x86.CS]
	if g.long() {
		return g.s.RIP
	}
	return (c.Base + g.s.RIP) & 0xffffffff
}

const gateSize = 16 // bytes of a gate in 64-bit mode (SDM vol. 3A, 6.14.1)

// long tells whether the code is 64-bit.
func (g *guest) long() bool { return g.s.EFER&cpu.EFERLMA != 0 && g.s.Seg[x86.CS].Attr&cpu.AttrL != 0 }

// handler names what a vector's gate leads to, in a kernel that was found.
func (g *guest) handler(v uint8) string {
	b := g.peek(g.s.IDTR.Base+gateSize*uint64(v), gateSize)
	if g.linux == nil || len(b) < gateSize {
		return ""
	}
	la := uint64(binary.LittleEndian.Uint16(b)) | uint64(binary.LittleEndian.Uint16(b[6:]))<<16 | uint64(binary.LittleEndian.Uint32(b[8:]))<<32
	y, off, ok := g.linux.SymbolAt(la)
	switch {
	case !ok:
		return ""
	case off == 0:
		return y.Name
	}
	return symbol(y, off)
}

// ports follows IN, OUT, INS and OUTS.
type ports struct{ t *tracer }

func (k *ports) stops() []vmm.Stop {
	return []vmm.Stop{{On: vmm.StopPortIn, Last: 0xffff, Any: true}, {On: vmm.StopPortOut, Last: 0xffff, Any: true}}
}
func (k *ports) found() {}
func (k *ports) end()   {}

// struck makes the step itself: what IN reads is known after it. The string
// forms' values are not in registers, and are left out.
func (k *ports) struck(h vmm.Hit) {
	g := k.t.guest
	who := g.who()
	la := g.pc()
	p := g.place(la)
	e := event{at: g.m.Now(), who: who, addr: la, where: p.name, kind: "io", phase: 'i'}
	text := "out"
	value, inRAX := g.s.R[x86.RAX], h.Size <= 4 && !g.stringAt(la)
	if !h.Write {
		text = "in "
		if _, err := k.t.p.Run(vmm.Position{At: g.m.Now() + 1, Inputs: g.m.Inputs()}); err != nil {
			k.t.err = err
			return
		}
		value = g.s.R[x86.RAX]
	}
	if !who.matches || !k.t.wants(p.module) {
		return
	}
	e.name = fmt.Sprintf("%s 0x%04x", text, h.Addr)
	if n := int(h.Size); inRAX {
		e.name += fmt.Sprintf(" 0x%0*x", 2*n, value&(1<<(8*n)-1))
	}
	k.t.form.event(&e)
}

// stringAt tells whether INS or OUTS is at la.
func (g *guest) stringAt(la uint64) bool {
	mode := x86.Mode16
	switch {
	case g.long():
		mode = x86.Mode64
	case g.s.Seg[x86.CS].Attr&cpu.AttrD != 0:
		mode = x86.Mode32
	}
	in, err := x86.Decode(g.peek(la, x86.MaxLen), mode)
	return err == nil && (in.Sem == x86.SemIns || in.Sem == x86.SemOuts)
}
