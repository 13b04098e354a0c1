package guestos

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestDamaged: whatever a guest's memory is, what was looked for is said.
func TestDamaged(t *testing.T) {
	infoText := func(text string) func(w *world) {
		return func(w *world) {
			w.put64(infoData, w.data(text))
			w.put64(infoSize, uint64(len(text)))
		}
	}
	for _, c := range []struct {
		name, want string
		damage     func(w *world)
	}{
		{"nothing", "", func(w *world) {}},
		{"no LSTAR but an IDT", "", func(w *world) {
			w.regs.LSTAR, w.regs.IDTR = 0, w.alloc(256)
			w.put64(w.regs.IDTR+14*16, text>>16&0xffff<<48|text&0xffff)
			w.put64(w.regs.IDTR+14*16+8, text>>32)
		}},
		{"the user's half of two tables", "", func(w *world) {
			kernels := (w.tables + 2*pageBytes) &^ (2*pageBytes - 1) // on an even page; the user's is the next
			copy(w.ram[kernels:][:pageBytes], w.ram[w.regs.CR3&physMask:])
			w.regs.CR3 = kernels | userTable
		}},
		{"VMCOREINFO agrees", "", infoText("OSRELEASE=6.1.0-test\nKERNELOFFSET=2000000\n")},

		{"32 bits", "not in 64-bit mode", func(w *world) { w.regs.EFER = 0 }},
		{"not booted", "LSTAR is 0", func(w *world) { w.regs.LSTAR = 0 }},
		{"another system", "no register leads to code in a 64-bit Linux kernel's place", func(w *world) { w.regs.LSTAR = 0xfffff800_00001000 }},
		{"no page tables", "no register leads", func(w *world) { w.regs.CR3 = ramBytes }},
		{"no symbols", "CONFIG_KALLSYMS", func(w *world) { clear(w.ram[kallsymsAt-testBase+imagePhys:][:1<<20]) }},
		{"no banner", "its symbols say that the banner is at", func(w *world) { w.put64(banner, 0) }},
		{"another release", `VMCOREINFO says OSRELEASE="6.2", its symbols "6.1.0-test"`, infoText("OSRELEASE=6.2\n")},
		{"another place", "VMCOREINFO says KERNELOFFSET", infoText("KERNELOFFSET=0\n")},
		{"no BTF", "tasks: the guest's kernel: BTF: it does not begin", func(w *world) { w.put64(btfAt, 0) }},
		{"no GS", "current: neither GS base", func(w *world) { w.regs.KernelGSBase = 0x1000 }},
		{"no current task", "current: no task", func(w *world) { w.put64(perCPU+0x500, 0) }},
		{"a circle of tasks", "tasks: after 2 of the guest's tasks: the list of tasks runs in a circle", func(w *world) {
			w.put64(initTask+64, initTask+64+0x100)
			clear(w.ram[initTask+0x100-testBase+imagePhys:][:256])
			w.put64(initTask+0x100+64, initTask+0x100+64)
		}},
		{"an end of tasks", "no memory at", func(w *world) { w.put64(initTask+64, 0) }},
	} {
		w := (&world{layout: layout{absolute: true}}).build()
		c.damage(w)
		l, err := Find(w.ram, w.regs)
		s := ""
		if err == nil {
			if _, e := l.Tasks(); e != nil {
				s = "tasks: " + e.Error()
			} else if _, e = l.Current(); e != nil {
				s = "current: " + e.Error()
			}
		} else if s = err.Error(); !strings.HasPrefix(s, "no ") {
			t.Errorf("%s: %s", c.name, s)
		}
		if (s == "") != (c.want == "") || !strings.Contains(s, c.want) {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

// FuzzGuest changes words of a guest's memory where something is, and asks
// everything.
func FuzzGuest(f *testing.F) {
	w := (&world{layout: layout{absolute: true}}).build()
	module := w.load()
	used := [][2]uint64{{0, w.tables + pageBytes}, {imagePhys, imagePhys + 0x18000}, {heapPhys, w.next}}
	pair := func(at, v uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, at), v)
	}
	f.Add(pair(0, 0))
	f.Add(append(pair(used[0][1]+initTask-testBase+64, initTask+64), pair(used[0][1]+0x6000+32, 1)...))
	f.Add(pair(used[0][1]+0x18000+0x2000, ^uint64(0)))
	f.Add(pair(used[0][1]+0x18000+module-direct-heapPhys+104, module))
	ram := make(RAM, ramBytes)
	f.Fuzz(func(t *testing.T, words []byte) {
		copy(ram, w.ram)
		for ; len(words) >= 16; words = words[16:] {
			at := le64(words) % (1 << 20)
			for _, u := range used {
				n := u[1] - u[0]
				if at < n {
					binary.LittleEndian.PutUint64(ram[u[0]+at&^7:], le64(words[8:]))
					break
				}
				at -= n
			}
		}
		if l, err := Find(ram, w.regs); err == nil {
			told(l)
		}
	})
}
