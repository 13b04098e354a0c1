package lockstep

import (
	"math/rand/v2"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// A shaker is a translator under difficulties: what it remembers is taken away
// from it at random, and its budget cut. Nothing of that may show.
type shaker struct {
	cpu.Translator
	rng    *rand.Rand
	ram    *mem.RAM
	codes  []*cpu.Code
	rates  rates
	lo, hi uint64 // translate only what hashes to this range
	spoil  func(*cpu.State)
	met    []*cpu.Code // translated, for a report
}

// rates say how often something happens: once in so many times; 0: never.
type rates struct {
	forget int // a translation of an address, when it is found
	flush  int // all of them, on entry
	unlink int // a jump to a block
	drop   int // a block
	reset  int // all of them
	cut    int // the budget, on entry
}

func (s *shaker) once(n int) bool { return n != 0 && s.rng.IntN(n) == 0 }

// Attach implements cpu.Translator.
func (s *shaker) Attach(r *mem.RAM) {
	s.ram, s.codes = r, s.codes[:0]
	s.Translator.Attach(r)
}

// Translate implements cpu.Translator.
func (s *shaker) Translate(t *cpu.Code) bool {
	if h := Hash(t); h < s.lo || h > s.hi {
		return false
	}
	if s.once(s.rates.reset) {
		s.Attach(s.ram)
	}
	if !s.Translator.Translate(t) {
		return false
	}
	s.codes = append(s.codes, t)
	s.met = append(s.met, t)
	return true
}

// Hash is a number that belongs to code, the same in every run.
func Hash(t *cpu.Code) uint64 {
	h := t.LA ^ t.PA<<32 ^ uint64(t.Mode)
	for i := range t.Insts {
		in := &t.Insts[i]
		for _, w := range [...]uint64{uint64(in.Row), uint64(in.ModRM), uint64(in.Len), uint64(in.Imm), uint64(in.Mem.Disp)} {
			h = (h ^ w ^ h>>29) * 0x9e3779b97f4a7c15
		}
	}
	return h ^ h>>32
}

// Enter implements cpu.Translator.
func (s *shaker) Enter(c *cpu.State, t *cpu.Code, r cpu.Run) cpu.Leave {
	if s.once(s.rates.flush) {
		s.Translator.Flush()
	}
	if s.once(s.rates.flush) {
		s.Translator.Unwrite(s.rng.Uint64N(ramBytes) &^ (pageBytes - 1))
	}
	if s.once(s.rates.drop) {
		if x := s.codes[s.rng.IntN(len(s.codes))]; x != t {
			s.Translator.Drop(x)
		}
	}
	return s.cut(c, r, int64(len(t.Insts)), func(r cpu.Run) cpu.Leave { return s.Translator.Enter(c, t, r) })
}

// Resume implements cpu.Translator.
func (s *shaker) Resume(c *cpu.State, r cpu.Run) cpu.Leave {
	return s.cut(c, r, cpu.MaxCode, func(r cpu.Run) cpu.Leave { return s.Translator.Resume(c, r) })
}

// cut runs f with the budget or, now and then, with a smaller one.
func (s *shaker) cut(c *cpu.State, r cpu.Run, least int64, f func(cpu.Run) cpu.Leave) cpu.Leave {
	less := int64(0)
	if s.once(s.rates.cut) && r.Budget > least {
		less = r.Budget - least - s.rng.Int64N(min(r.Budget-least, 200))
	}
	r.Budget -= less
	r.TSC -= uint64(less)
	l := f(r)
	l.Left += less
	if s.spoil != nil {
		s.spoil(c)
	}
	return l
}

// Link implements cpu.Translator.
func (s *shaker) Link(to *cpu.Code) {
	if !s.once(s.rates.unlink) {
		s.Translator.Link(to)
	}
}

// Cache implements cpu.Translator.
func (s *shaker) Cache(space, bank int, la, pa uint64, write bool) {
	if !s.once(s.rates.forget) {
		s.Translator.Cache(space, bank, la, pa, write)
	}
}
