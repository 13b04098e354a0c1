//go:build linux && amd64

package jit

import (
	"fmt"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

const (
	codeBytes = 64 << 20
	roomBytes = 64 << 10 // more than any translation takes
)

// A site is a place where emitted code leaves.
type site struct {
	code   *cpu.Code
	kind   cpu.LeaveKind
	k      uint8
	missed bool   // an access: its address is in the arena
	named  bool   // a jump whose target is in the arena
	saved  bool   // the jump's flags are in memory, not in the host's
	stale  bool   // the entry of code that was dropped
	resume uint32 // where to go on after LeaveDo
	at     hole   // of a jump that can be linked, or 0
	key    uint32 // where its constant for the check of another page ends, or 0
	rip    uint64
}

// A Translator is the translating engine's back end: see cpu.Translator.
type Translator struct {
	asm
	mem   codeMemory
	a     *arena
	unmap func() error
	host  features

	ram     *mem.RAM
	ramAt   uint64
	enterAt uint32
	leaveAt uint32
	loadAt  uint32
	restAt  int // where the fixed pieces end
	sites   []site
	codes   []*cpu.Code
	last    *site // what the last jump left by
	cached  [banks][]uint16
	fetched [2][]uint16
	jumped  []uint16
	stats   cpu.Translated
}

// Stats implements cpu.Translator.
func (j *Translator) Stats() cpu.Translated {
	s := j.stats
	s.CodeBytes, s.CodeRoom = uint64(j.p), uint64(len(j.buf))
	return s
}

// New returns a translator, or why this host cannot run one.
func New() (cpu.Translator, error) {
	j := &Translator{host: hostFeatures()}
	if err := j.host.enough(); err != nil {
		return nil, err
	}
	var err error
	if j.mem, err = newCodeMemory(codeBytes); err != nil {
		return nil, err
	}
	if j.a, j.unmap, err = newArena(); err != nil {
		return nil, fmt.Errorf("%w (%w)", err, j.mem.free())
	}
	j.buf = j.mem.w
	for b := range j.a.TLB {
		for i := range j.a.TLB[b] {
			j.a.TLB[b][i] = entry{r: noTag(uint64(i)), w: noTag(uint64(i))}
		}
	}
	j.fixed()
	return j, nil
}

// Close gives the memory back.
func (j *Translator) Close() error {
	if j.unmap == nil {
		return nil
	}
	err := j.mem.free()
	if e := j.unmap(); err == nil {
		err = e
	}
	j.unmap, j.a, j.buf = nil, nil, nil
	return err
}

// Attach implements cpu.Translator.
func (j *Translator) Attach(r *mem.RAM) {
	j.ram, j.ramAt = r, address(r.B)
	j.reset()
	j.Flush()
}

// reset forgets all code.
func (j *Translator) reset() {
	for _, c := range j.codes {
		c.Entry = 0
	}
	j.codes, j.sites, j.last = j.codes[:0], j.sites[:0], nil
	j.p = j.restAt
	for i := range j.a.Jumps {
		j.a.Jumps[i] = jump{tag: uint64(i)}
	}
	j.jumped = j.jumped[:0]
	j.stats.Resets++
}

// Enter implements cpu.Translator.
func (j *Translator) Enter(s *cpu.State, t *cpu.Code, budget int64) cpu.Leave {
	i := t.LA % jumpSize
	if e := &j.a.Jumps[i]; e.tag != t.LA+kind(t) || e.code != j.run(t.Alt) {
		*e = jump{t.LA + kind(t), j.run(t.Alt)}
		j.jumped = append(j.jumped, uint16(i))
	}
	return j.enter(s, t.Alt, budget)
}

// run is the address of offset p to the host's processor.
func (j *Translator) run(p uint32) uint64 { return uint64(j.mem.x) + uint64(p) }

// kind tells apart code of the same address under different rights; it is
// less than jumpSize, so that two kinds of two addresses never look alike.
func kind(t *cpu.Code) uint64 { return uint64(t.Mode) + 1 }

// Resume implements cpu.Translator.
func (j *Translator) Resume(s *cpu.State, budget int64) cpu.Leave {
	t := j.sites[j.a.Site]
	return j.enter(s, t.resume, budget-int64(len(t.code.Insts)))
}

func (j *Translator) enter(s *cpu.State, at uint32, budget int64) cpu.Leave {
	a := j.a
	a.R, a.X, a.MXGuest, a.Loaded = s.R, s.XMM, s.MXCSR, 0
	a.FS, a.GS = s.Seg[4].Base, s.Seg[5].Base
	a.Flags = (s.RFLAGS&0xd5|2)<<8 | s.RFLAGS>>11&1
	a.Budget, a.Resume = budget, j.run(at)
	enter(a.rsp(), uintptr(j.run(j.enterAt)))
	s.R = a.R
	s.RFLAGS = s.RFLAGS&^cpu.FlagsArith | a.Flags>>8&0xd5 | a.Flags&1<<11
	if a.Loaded != 0 {
		s.XMM, s.MXCSR = a.X, a.MXGuest
	}
	j.stats.Entries++
	return j.left()
}

// left says what the last exit was.
func (j *Translator) left() cpu.Leave {
	t := &j.sites[j.a.Site]
	l := cpu.Leave{Kind: t.kind, Code: t.code, K: int(t.k), RIP: t.rip, Addr: cpu.NoAddr, Left: j.a.Budget}
	switch t.kind {
	case cpu.LeaveJump:
		j.stats.Jumps++
		j.last = t
		if t.named {
			l.RIP = j.a.Target
		}
		return l
	case cpu.LeaveBudget:
		j.stats.Budgets++
	default:
		j.stats.Others++
		if t.missed {
			j.stats.Misses++
			l.Addr = j.a.Addr
		} else {
			j.stats.Left[t.code.Insts[t.k].Sem]++
		}
	}
	l.Left += int64(len(t.code.Insts))
	return l
}

// Link implements cpu.Translator.
func (j *Translator) Link(to *cpu.Code, pa uint64) {
	t := j.last
	if t == nil || t.at == 0 || to.LA != t.rip || to.Entry == 0 {
		return
	}
	if t.stale && (to.PA != t.code.PA || to.Mode != t.code.Mode) {
		return
	}
	dst := to.Entry
	if t.saved {
		dst = to.Alt
	}
	j.fill(t.at, int(dst))
	if t.key != 0 {
		p, u, key := j.p, userBank(to), execKey(to.LA, pa)
		j.p = int(t.key) - 8
		j.imm(int64(key), 8)
		j.p = p
		i := to.LA >> 12 % execSize
		if j.a.Exec[u][i] != key {
			j.a.Exec[u][i] = key
			j.fetched[u] = append(j.fetched[u], uint16(i))
		}
	}
}

func userBank(t *cpu.Code) int {
	if t.User {
		return 1
	}
	return 0
}

// execKey names a page of code: linear and physical page number together.
func execKey(la, pa uint64) uint64 { return la>>12<<28 | pa>>12 }

// noTag is the tag of an entry without a page: that of an address whose entry
// is another one.
func noTag(i uint64) uint64 { return -((i ^ 1) << 12) }

// Cache implements cpu.Translator.
func (j *Translator) Cache(bank int, la, pa uint64, write bool) {
	i := la >> 12 % tlbSize
	e := &j.a.TLB[bank][i]
	if e.r == noTag(i) {
		j.cached[bank] = append(j.cached[bank], uint16(i))
	}
	*e = entry{r: -la, w: noTag(i), host: j.ramAt + pa}
	if write {
		e.w = -la
	}
}

// Flush implements cpu.Translator.
func (j *Translator) Flush() {
	a := j.a
	for b := range j.cached {
		for _, i := range j.cached[b] {
			a.TLB[b][i] = entry{r: noTag(uint64(i)), w: noTag(uint64(i))}
		}
		j.cached[b] = j.cached[b][:0]
	}
	for u := range j.fetched {
		for _, i := range j.fetched[u] {
			a.Exec[u][i] = 0
		}
		j.fetched[u] = j.fetched[u][:0]
	}
	for _, i := range j.jumped {
		a.Jumps[i] = jump{tag: uint64(i)}
	}
	j.jumped = j.jumped[:0]
	j.stats.Flushes++
}

// Unwrite implements cpu.Translator.
func (j *Translator) Unwrite(pa uint64) {
	for b := range j.cached {
		for _, i := range j.cached[b] {
			if e := &j.a.TLB[b][i]; e.host == j.ramAt+pa {
				e.w = noTag(uint64(i))
			}
		}
	}
}

// Drop implements cpu.Translator: whatever jumps to t comes out at once.
func (j *Translator) Drop(t *cpu.Code) {
	if t.Entry == 0 {
		return
	}
	j.lead(t.Entry, t.Gone[0])
	j.lead(t.Alt, t.Gone[1])
	t.Entry = 0
	j.stats.Drops++
}

// lead puts a jump at from.
func (j *Translator) lead(from, to uint32) {
	p := j.p
	j.p = int(from)
	j.fill(j.jmp(), int(to))
	j.p = p
}

// leaveBy emits an exit; flags are in memory.
func (j *Translator) leaveBy(s site) {
	j.ins(op32(0xc7), 0, state(oSite))
	j.imm(int64(len(j.sites)), 4)
	j.fill(j.jmp(), int(j.leaveAt))
	j.sites = append(j.sites, s)
}
