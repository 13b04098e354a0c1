//go:build linux && amd64

package jit

import (
	"fmt"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

const (
	codeBytes = 64 << 20
	roomBytes = 128 << 10 // more than any translation takes
)

// A site is a place where emitted code leaves.
type site struct {
	code   *cpu.Code
	rip    uint64 // of a jump
	resume uint32 // where to go on after LeaveDo and LeaveMiss
	retry  uint32 // the access again
	at     int32  // the hole of a jump that can be linked, or 0
	key    uint32 // where its constant for the check of another page ends, or 0
	kind   cpu.LeaveKind
	k      uint8
	size   uint8 // of the access
	write  bool
	named  bool // a jump whose target is in the arena
	saved  bool // the jump's flags are in memory, not in the host's
	stale  bool // the entry of code that was dropped
}

// A Translator is the translating engine's back end: see cpu.Translator.
type Translator struct {
	asm
	mem   codeMemory
	a     *arena
	unmap func() error
	host  features
	seed  uint64 // of poison, or 0
	blind uint64 // flags that are taken for dead, wrongly: for a test of poison

	ram      *mem.RAM
	ramAt    uint64
	enterAt  uint32
	leaveAt  uint32
	loadAt   uint32
	farAt    [2]uint32          // looks at far: for reads, for writes
	extentAt [extents][2]uint32 // likewise
	restAt   int                // where the fixed pieces end
	sites    []site
	codes    []*cpu.Code
	last     *site // what the last jump left by
	space    int   // the one in use
	cached   [cpu.Spaces][cpu.Banks][]uint16
	fetched  [cpu.Spaces][2][]uint16
	stats    cpu.Translated
}

// Stats implements cpu.Translator.
func (j *Translator) Stats() cpu.Translated {
	s := j.stats
	s.Far = j.a.Missed
	s.CodeBytes, s.CodeRoom = uint64(j.p), uint64(len(j.buf))
	return s
}

// New returns a translator, or why this host cannot run one.
func (o Options) New() (cpu.Translator, error) {
	j := &Translator{host: hostFeatures()}
	j.host.drop(o.Without)
	if j.seed = o.Poison; j.seed != 0 {
		j.host.amd = false // trust no host's undefined flags
	}
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
	for s := range j.a.TLB {
		for b := range j.a.TLB[s] {
			t := &j.a.TLB[s][b]
			for i := range t.far {
				t.far[i] = empty(uint64(i))
			}
			t.emptyNear()
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
	j.stats.Resets++
}

// Enter implements cpu.Translator.
func (j *Translator) Enter(s *cpu.State, t *cpu.Code, r cpu.Run) cpu.Leave {
	key := execKey(t.LA, t.PA)
	j.a.Jumps[t.LA%jumpSize] = jump{t.LA + kind(t.Mode), key, t.LA >> 12 % execSize * 8, j.run(t.Alt)}
	j.fetchable(r.Space, t, t.LA, key)
	if t.Split {
		j.fetchable(r.Space, t, second(t), execKey(second(t), t.PA2))
	}
	return j.enter(s, t.Alt, r)
}

// run is the address of offset p to the host's processor.
func (j *Translator) run(p uint32) uint64 { return uint64(j.mem.x) + uint64(p) }

// kind tells apart code of the same address under different rights; it is
// less than jumpSize, so that two kinds of two addresses never look alike.
func kind(mode uint16) uint64 { return uint64(mode) + 1 }

// Resume implements cpu.Translator.
func (j *Translator) Resume(s *cpu.State, r cpu.Run) cpu.Leave {
	t := j.sites[j.a.Site]
	at := t.resume
	for k := int(t.k) + 1; t.kind == cpu.LeaveDo && k < len(t.code.Rest) && t.code.Rest[k] != 0; k++ {
		at = t.code.Rest[k]
	}
	r.Budget -= int64(len(t.code.Insts))
	return j.enter(s, at, r)
}

// Retry implements cpu.Translator.
func (j *Translator) Retry(s *cpu.State, r cpu.Run) cpu.Leave {
	t := &j.sites[j.a.Site]
	r.Budget -= int64(len(t.code.Insts))
	return j.enter(s, t.retry, r)
}

func (j *Translator) enter(s *cpu.State, at uint32, r cpu.Run) cpu.Leave {
	a := j.a
	a.R, a.X, a.MXGuest, a.Loaded = s.R, s.XMM, s.MXCSR, 0
	a.FS, a.GS, a.KernelGS = s.Seg[4].Base, s.Seg[5].Base, s.KernelGSBase
	a.TopFS, a.TopGS = s.Seg[4].Top(), s.Seg[5].Top()
	a.Flags = (s.RFLAGS&0xd5|2)<<8 | s.RFLAGS>>11&1
	a.System = s.RFLAGS &^ cpu.FlagsArith
	a.TSC, a.Offset, a.Aux, a.Pending = r.TSC, s.TSCOffset, s.TSCAux&0xffffffff, 0
	a.enterSpace(r, s.Seg[2].Attr>>5&3 == 3, s.RFLAGS&cpu.FlagAC != 0)
	a.openGates(s)
	a.openReturns(s, r)
	j.space, a.StackEnd = r.Space, 0
	for x := range a.Extents {
		a.Extents[x].Read, a.Extents[x].Write = 0, 0
	}
	if r.Pending {
		a.Pending = 1
	}
	a.Budget, a.Resume = r.Budget, j.run(at)
	enter(a.rsp(), uintptr(j.run(j.enterAt)))
	s.R = a.R
	s.RFLAGS = a.System | a.Flags>>8&0xd5 | a.Flags&1<<11
	s.Seg[5].Base, s.KernelGSBase = a.GS, a.KernelGS
	if a.Loaded != 0 {
		s.XMM, s.MXCSR = a.X, a.MXGuest
	}
	if a.Crossed != 0 {
		a.land(s)
	}
	j.stats.Entries++
	return j.left()
}

// left says what the last exit was.
func (j *Translator) left() cpu.Leave {
	t := &j.sites[j.a.Site]
	l := cpu.Leave{Kind: t.kind, Code: t.code, K: int(t.k), RIP: t.rip, Left: j.a.Budget}
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
	case cpu.LeaveMiss:
		j.stats.Misses++
		l.Addr, l.Size, l.Write = j.a.Addr, t.size, t.write
	default:
		j.stats.Others++
		j.stats.Left[t.code.Insts[t.k].Sem]++
	}
	l.Shadow = t.k > 0 && t.code.Insts[t.k-1].Sem == x86.SemSti && j.a.Before&cpu.FlagIF == 0
	l.Left += int64(len(t.code.Insts))
	return l
}

// Link implements cpu.Translator.
func (j *Translator) Link(to *cpu.Code) {
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
	j.fill(hole(t.at), int(dst))
	if t.key != 0 {
		p, key := j.p, execKey(to.LA, to.PA)
		j.p = int(t.key) - 8
		j.imm(int64(key), 8)
		j.p = p
		j.fetchable(j.space, to, to.LA, key)
	}
}

// fetchable notes that a page of t, that of la, is where it was translated.
func (j *Translator) fetchable(space int, t *cpu.Code, la, key uint64) {
	u, i := userBank(t), la>>12%execSize
	e := &j.a.Exec[space][u][i]
	if *e == 0 {
		j.fetched[space][u] = append(j.fetched[space][u], uint16(i))
	}
	*e = key
}

func userBank(t *cpu.Code) int {
	if t.User {
		return 1
	}
	return 0
}

// execKey names a page of code: linear page number and, plus one, since 0 is no
// page, physical page number together.
func execKey(la, pa uint64) uint64 { return la>>12<<28 | (pa>>12 + 1) }

// noTag is the tag of an entry without a page: that of an address whose entry
// is another one.
func noTag(i uint64) uint64 { return -((i ^ 1) << 12) }

func empty(i uint64) entry { return entry{r: noTag(i), w: noTag(i)} }

func (t *table) emptyNear() {
	for i := range t.near {
		t.near[i] = empty(uint64(i))
	}
}

// Cache implements cpu.Translator.
func (j *Translator) Cache(space, bank int, la, pa uint64, write bool) {
	t, i := &j.a.TLB[space][bank], la>>12%farSize
	e := &t.far[i]
	if e.listed == 0 {
		j.cached[space][bank] = append(j.cached[space][bank], uint16(i))
	}
	*e = entry{r: -la, w: noTag(i), host: j.ramAt + pa, listed: 1}
	if write {
		e.w = -la
	}
	n := i % tlbSize
	if t.near[n] = *e; !write {
		t.near[n].w = noTag(n)
	}
}

// Flush implements cpu.Translator.
func (j *Translator) Flush() {
	for s := range j.cached {
		j.FlushSpace(s)
	}
	j.stats.Flushes++
}

// FlushSpace implements cpu.Translator.
func (j *Translator) FlushSpace(s int) {
	a := j.a
	for b, list := range j.cached[s] {
		if len(list) == 0 {
			continue
		}
		for _, i := range list {
			a.TLB[s][b].far[i] = empty(uint64(i))
		}
		a.TLB[s][b].emptyNear()
		j.cached[s][b] = list[:0]
	}
	for u, list := range j.fetched[s] {
		for _, i := range list {
			a.Exec[s][u][i] = 0
		}
		j.fetched[s][u] = list[:0]
	}
}

// FlushLow implements cpu.Translator.
func (j *Translator) FlushLow() {
	for s := range j.cached {
		for b, list := range j.cached[s] {
			if len(list) == 0 {
				continue
			}
			t := &j.a.TLB[s][b]
			kept := list[:0]
			for _, i := range list {
				if (-t.far[i].r)>>63 != 0 {
					kept = append(kept, i)
				} else {
					t.far[i] = empty(uint64(i))
				}
			}
			j.cached[s][b] = kept
			for i := range t.near {
				if (-t.near[i].r)>>63 == 0 {
					t.near[i] = empty(uint64(i))
				}
			}
		}
		for u, list := range j.fetched[s] {
			kept := list[:0]
			for _, i := range list {
				if j.a.Exec[s][u][i]>>63 != 0 { // bit 47 of the address
					kept = append(kept, i)
				} else {
					j.a.Exec[s][u][i] = 0
				}
			}
			j.fetched[s][u] = kept
		}
	}
}

// Inherit implements cpu.Translator.
func (j *Translator) Inherit(from, to int, slots *[8]uint64) {
	in := func(la uint64) bool { k := la >> 39 & 511; return slots[k/64]>>(k%64)&1 != 0 }
	a := j.a
	for b, list := range j.cached[from] {
		for _, i := range list {
			if e := a.TLB[from][b].far[i]; e.r != noTag(uint64(i)) && in(-e.r) {
				a.TLB[to][b].far[i] = e
				j.cached[to][b] = append(j.cached[to][b], i)
			}
		}
	}
	for u, list := range j.fetched[from] {
		for _, i := range list {
			if key := a.Exec[from][u][i]; in(key >> 28 << 12) {
				a.Exec[to][u][i] = key
				j.fetched[to][u] = append(j.fetched[to][u], i)
			}
		}
	}
}

// DropPages implements cpu.Translator.
func (j *Translator) DropPages(first, n, every uint32) {
	for s := range j.cached {
		for b, list := range j.cached[s] {
			if len(list) == 0 {
				continue
			}
			t := &j.a.TLB[s][b]
			dropPages(t.near[:], first, n, every)
			dropPages(t.far[:], first, n, every)
		}
	}
}

func dropPages(t []entry, first, n, every uint32) {
	for i := first; int(i) < len(t); i += every {
		for k := i; k < i+n; k++ {
			t[k].r, t[k].w = noTag(uint64(k)), noTag(uint64(k))
		}
	}
}

// Unwrite implements cpu.Translator.
func (j *Translator) Unwrite(pa uint64) {
	host := j.ramAt + pa
	for s := range j.cached {
		for b, list := range j.cached[s] {
			t := &j.a.TLB[s][b]
			for _, i := range list {
				if e := &t.far[i]; e.host == host {
					e.w = noTag(uint64(i))
				}
				if n := i % tlbSize; t.near[n].host == host {
					t.near[n].w = noTag(uint64(n))
				}
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
	if t.Loop != 0 {
		j.lead(t.Loop, t.Gone[0])
	}
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
