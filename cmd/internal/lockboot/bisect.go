package main

import (
	"cmp"
	"slices"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit/locktest/lockstep"
)

// A sieve translates only what hashes to a range, and notes what that is.
type sieve struct {
	cpu.Translator
	lo, hi uint64
	met    []hashed
}

type hashed struct {
	hash uint64
	code *cpu.Code
}

// Translate implements cpu.Translator.
func (s *sieve) Translate(c *cpu.Code) bool {
	h := lockstep.Hash(c)
	if h < s.lo || h > s.hi || !s.Translator.Translate(c) {
		return false
	}
	s.met = append(s.met, hashed{h, c})
	return true
}

// bisect finds the block whose translation is enough for the failure.
func (p *place) bisect() error {
	if err := p.rewind(); err != nil {
		return err
	}
	p.ref.to(p.at)
	lo, hi := uint64(0), ^uint64(0)
	met, bad, err := p.sieve(lo, hi)
	for err == nil && bad && len(met) > 1 {
		p.say("%d blocks, hashes %#x to %#x", len(met), lo, hi)
		mid := met[(len(met)-1)/2].hash
		half, fails, e := p.sieve(lo, mid)
		if e == nil && fails {
			met, hi = half, mid
			continue
		}
		if e == nil {
			half, fails, e = p.sieve(mid+1, hi)
		}
		if err = e; err != nil || !fails {
			break // it takes a block of each half
		}
		met, lo = half, mid+1
	}
	if err != nil {
		return err
	}
	if !bad {
		p.say("no difference with a sieve in between")
		return nil
	}
	p.say("%d blocks are enough:", len(met))
	for _, m := range met[:min(len(met), 6)] {
		p.say("%s", listing(m.code))
	}
	return nil
}

// sieve runs with translations of only what hashes to a range. met has each
// hash once, in order.
func (p *place) sieve(lo, hi uint64) (met []hashed, bad bool, err error) {
	var s *sieve
	err = p.fast(p.at, interp.Tuning{}, func(j cpu.Translator) cpu.Translator {
		s = &sieve{Translator: j, lo: lo, hi: hi}
		return s
	}, func(y *side) {
		d, _ := differences(p.ref, y)
		bad = len(d) > 0
	})
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(s.met, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	return slices.CompactFunc(s.met, func(a, b hashed) bool { return a.hash == b.hash }), bad, nil
}
