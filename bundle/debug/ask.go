package debug

import (
	"fmt"

	"vmrecord/vmm/gdb"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/x86"
)

// A Here says where a session stands.
type Here struct {
	At      uint64  `json:"at"`
	Inputs  uint64  `json:"inputs"`
	Seconds float64 `json:"seconds"` // of guest time since the recording's start
	*Who            // nil: nobody knows
	Addr    Hex     `json:"addr"`            // of the instruction that is next
	Where   string  `json:"where,omitempty"` // its symbol, and its line
	Ring    int     `json:"ring"`
}

// Here says where the session stands.
func (s *Session) Here() Here {
	w := s.asking()
	m := s.line.Machine()
	p := m.Position()
	h := Here{At: uint64(p.At), Inputs: p.Inputs, Seconds: s.seconds(p), Addr: Hex(m.CPU.RIP), Ring: int(privilege(m.CPU))}
	if w.linux != nil {
		if t, err := w.linux.Current(); err == nil {
			h.Who = &Who{t.Comm, t.TGID, t.PID}
			w.programs.look(t)
		}
	}
	h.Where = w.where(m.CPU.RIP, 0)
	return h
}

// asking is a prober that only looks symbols up, where the session stands.
func (s *Session) asking() *prober {
	w := &prober{s: s, programs: &s.programs}
	w.files, w.lacks = w.programs.all()
	w.linux, _ = s.guest.at(s.line.Machine())
	return w
}

// Resolve finds where something is: an address, a name of the kernel's or, by
// Symbols, a program's function, or FILE:LINE. It may be in more than one place.
// Its error is *ProbeError.
func (s *Session) Resolve(what string) ([]Call, error) {
	w := s.asking()
	w.At = what
	if err := w.find(); err != nil {
		return nil, err
	}
	w.locate()
	var all []Call
	for _, site := range w.sites {
		for _, la := range w.places(site) {
			all = append(all, Call{Hex(la), w.where(la, 0)})
		}
	}
	if len(all) == 0 {
		return nil, &ProbeError{Why: fmt.Sprintf("no process that is here has the file of %q mapped", what)}
	}
	return all, nil
}

// Hash is the SHA-256 over everything that the machine is here, as the end of a
// recording has it.
func (s *Session) Hash() string { return fmt.Sprintf("%x", tape.EndHash(s.line.Machine())) }

// Values are a thread's registers by name, those that are known.
func (s *Session) Values(thread uint64) map[string]Hex {
	c, known := s.Registers(thread)
	all := map[string]Hex{}
	put := func(k gdb.Known, name string, v uint64) {
		if known&k == k {
			all[name] = Hex(v)
		}
	}
	for i, name := range generalNames() {
		k := gdb.General
		if i >= 12 || i >= 3 && i <= 5 {
			k = gdb.Saved
		}
		put(k, name, c.R[i])
	}
	put(gdb.Saved, "rip", c.RIP)
	put(gdb.General, "rflags", c.RFLAGS)
	put(gdb.Base, "fs_base", c.Seg[x86.FS].Base)
	put(gdb.Base, "gs_base", c.Seg[x86.GS].Base)
	for name, n := range map[string]int{"cs": x86.CS, "ss": x86.SS, "ds": x86.DS, "es": x86.ES, "fs": x86.FS, "gs": x86.GS} {
		put(gdb.Selector, name, uint64(c.Seg[n].Sel))
	}
	for name, v := range map[string]uint64{"cr0": c.CR0, "cr2": c.CR2, "cr3": c.CR3, "cr4": c.CR4, "efer": c.EFER} {
		put(gdb.System, name, v)
	}
	return all
}

// Backtrace are the callers of what the processor runs, the nearest first.
func (s *Session) Backtrace() []Call {
	w := s.asking()
	c := s.line.Machine().CPU
	return w.stack(c, w.isFirst(c.RIP))
}

// isFirst tells whether an address is a function's first.
func (w *prober) isFirst(la uint64) bool {
	if la >= kernelHalf && w.linux != nil {
		_, off, ok := w.linux.SymbolAt(la)
		return ok && off == 0
	}
	i, ok := w.s.imageAt(w.programs, la)
	if !ok {
		return false
	}
	_, off, ok := i.SymbolAt(la - i.Moved)
	return ok && off == 0
}
