package interp

import (
	"errors"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Stops (vmm.Stop) are met before anything happened that could be seen:
//
//   - Exec: at a boundary, before the fetch. A block in which one may lie is run
//     up to it, and never translated.
//   - Read and Write: pages with one get no tags for data, so that accesses to
//     them come to span and probe, and are compared there. Accesses that are no
//     instruction's own come by way of cpu.Watcher.
//   - Ports, MSRs, INT n: where the instruction has passed its checks.
//   - Vector and Exception: at the delivery, after what tells its vector.
//
// A step that is struck part of the way is taken back. What it did to State
// before its last access hold has kept; what it did to RAM is accessed and dirty
// bits and stores of package cpu, which Keep has noted. The instant tells which
// notes are the current step's. A device cannot be asked twice: a step in which
// one was is not struck any more.

// stops is the engine's own view of the board's stops.
type stops struct {
	list []vmm.Stop
	gen  uint32
	by   [vmm.StopException + 1]reach
	back bool // some are met within a step, which is taken back then

	on   bool // they count in this step
	last vmm.Hit

	entry  int64       // left when the current block was entered
	going  bool        // what was abandoned was not REP's first iteration
	sti    bool        // translated code let STI's shadow fall on the current instruction
	start  vmm.Instant // where the stretch began, and
	rf     uint64      // what it cleared
	shadow uint8

	asked  vmm.Instant // that of the last device access, and one
	held   cpu.State   // of the boundary at heldAt, less one; 0: of none
	heldAt vmm.Instant
	undo   func() // the board's, at kept, less one
	kept   vmm.Instant
	notes  []note // what RAM held, all at notedAt
	noted  vmm.Instant
}

// A reach is what the stops of a kind lie in.
type reach struct {
	any         bool
	first, last uint64
}

func (r *reach) holds(first, last uint64) bool {
	return r.any && (last < first || first <= r.last && r.first <= last)
}

// A note is what a few bytes of RAM held.
type note struct {
	pa  uint64
	n   int
	old [8]byte
}

var errStruck = errors.New("interp: struck")

// takeStops takes over the board's stops if there are others.
func (c *CPU) takeStops() {
	c.stops.notes, c.stops.heldAt, c.stops.undo, c.stops.asked = c.stops.notes[:0], 0, nil, 0
	list, gen := c.board.Stops()
	if gen == c.stops.gen {
		return
	}
	was := c.stops.list
	c.stops.list, c.stops.gen, c.stops.by = list, gen, [len(c.stops.by)]reach{}
	c.stops.back = slices.ContainsFunc(list, func(s vmm.Stop) bool { return s.On != vmm.StopExec })
	for i := range list {
		s := &list[i]
		if int(s.On) >= len(c.stops.by) {
			continue
		}
		r := &c.stops.by[s.On]
		if !r.any {
			*r = reach{true, s.First, s.Last}
		}
		r.first, r.last = min(r.first, s.First), max(r.last, s.Last)
	}
	if sameExec(was, list) {
		c.flush()
	} else {
		c.Drop(nil)
	}
}

// sameExec tells whether two lists have the same stops of StopExec.
func sameExec(a, b []vmm.Stop) bool {
	next := func(l []vmm.Stop) ([]vmm.Stop, bool) {
		for len(l) > 0 && l[0].On != vmm.StopExec {
			l = l[1:]
		}
		return l, len(l) > 0
	}
	for {
		var more, too bool
		a, more = next(a)
		b, too = next(b)
		if !more || !too {
			return more == too
		}
		if a[0].First != b[0].First || a[0].Last != b[0].Last {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

// heedStops decides whether stops count in the coming steps.
func (c *CPU) heedStops(on bool) {
	c.stops.on = on
	c.Watcher = nil
	if on {
		c.Watcher = watcher{c}
	}
}

// meets strikes if a stop of a kind is among first to last, in this address
// space. last is less than first where an access wraps around.
func (c *CPU) meets(on vmm.StopOn, first, last uint64, h vmm.Hit) {
	if !c.stops.on || !c.stops.by[on].holds(first, last) || c.stops.asked == c.instant()+1 {
		return
	}
	for i := range c.stops.list {
		s := &c.stops.list[i]
		r := reach{true, s.First, s.Last}
		if s.On != on || !s.Any && (s.CR3^c.CR3)&tableMask != 0 {
			continue
		}
		if last < first && (s.Last >= first || s.First <= last) || last >= first && r.holds(first, last) {
			h.Stop, h.Addr = i, first
			c.stops.last = h
			panic(errStruck)
		}
	}
}

// tableMask is the table's address in CR3: PAE paging's stands at 32 bytes, and
// those of 4-level paging have flags or a PCID below (SDM vol. 3A, 4.3 to 4.5).
const tableMask = 1<<52 - 1<<12

// heed is meets for an access to n bytes of memory.
func (c *CPU) heed(la uint64, n int, write bool) {
	if !c.stops.on || n == 0 {
		return
	}
	on := vmm.StopRead
	if write {
		on = vmm.StopWrite
	}
	la = c.wrap(la)
	c.meets(on, la, c.wrap(la+uint64(n)-1), vmm.Hit{Size: uint8(min(n, 255)), Write: write})
}

// heedPort and heedMSR are meets for those.
func (c *CPU) heedPort(p uint16, n uint8, write bool) {
	on := vmm.StopPortIn
	if write {
		on = vmm.StopPortOut
	}
	c.meets(on, uint64(p), uint64(p)+uint64(n)-1, vmm.Hit{Size: n, Write: write})
}

func (c *CPU) heedMSR(write bool) {
	n := uint64(uint32(c.R[x86.RCX]))
	c.meets(vmm.StopMSR, n, n, vmm.Hit{Size: 8, Write: write})
}

// heedVector is meets for a delivery.
func (c *CPU) heedVector(on vmm.StopOn, v uint8) {
	c.meets(on, uint64(v), uint64(v), vmm.Hit{})
}

// watched tells that accesses to la's page must be looked at.
func (c *CPU) watched(la uint64) bool {
	r, w := &c.stops.by[vmm.StopRead], &c.stops.by[vmm.StopWrite]
	first, last := la&^pageMax, la|pageMax
	if !r.holds(first, last) && !w.holds(first, last) {
		return false
	}
	for i := range c.stops.list {
		s := &c.stops.list[i]
		if (s.On == vmm.StopRead || s.On == vmm.StopWrite) && s.First <= last && first <= s.Last {
			return true
		}
	}
	return false
}

// stopsIn tells whether a stop of StopExec may lie in n bytes of code at RIP.
func (c *CPU) stopsIn(n int) bool {
	r := &c.stops.by[vmm.StopExec]
	if !r.any {
		return false
	}
	if !c.level || !c.flat && c.RIP+uint64(n) > 1<<32 {
		return true // a base, or a block that may wrap around
	}
	if !r.holds(c.RIP, c.RIP+uint64(n)-1) {
		return false
	}
	for i := range c.stops.list {
		s := &c.stops.list[i]
		if s.On == vmm.StopExec && s.First <= c.RIP+uint64(n)-1 && c.RIP <= s.Last {
			return true
		}
	}
	return false
}

// stopAt tells whether a stop of StopExec may be met at ip.
func (c *CPU) stopAt(ip uint64) bool {
	la := c.codeAt(ip)
	if !c.stops.by[vmm.StopExec].holds(la, la) {
		return false
	}
	for i := range c.stops.list {
		if s := &c.stops.list[i]; s.On == vmm.StopExec && s.First <= la && la <= s.Last {
			return true
		}
	}
	return false
}

// upTo is how many of b's instructions, at RIP, may be run before the next one
// that a stop may be met at.
func (c *CPU) upTo(b *block, n int) int {
	if !c.stopsIn(int(b.size)) {
		return n
	}
	for i := 1; i < n; i++ {
		if c.stopAt(c.wrapIP(c.RIP + uint64(b.ops[i].Off))) {
			return i
		}
	}
	return n
}

// heedExec strikes if there is a stop at RIP, unless REP goes on there.
func (c *CPU) heedExec() {
	rf := c.stops.rf != 0 && c.instant() == c.stops.start
	if !c.stopAt(c.RIP) || rf && c.repAt(c.codeAt(c.RIP)) {
		return
	}
	la := c.codeAt(c.RIP)
	c.meets(vmm.StopExec, la, la, vmm.Hit{})
}

// repAt tells whether there is a string instruction with a repeat prefix at la,
// without a trace.
func (c *CPU) repAt(la uint64) bool {
	var b [x86.MaxLen]byte
	v := cpu.Look(&c.State, c.Mem)
	in, err := x86.Decode(b[:v.Peek(la, b[:])], c.mode)
	if err != nil || in.Prefixes&prefixRepeat == 0 {
		return false
	}
	switch in.Sem {
	case x86.SemMovs, x86.SemCmps, x86.SemStos, x86.SemLods, x86.SemScas, x86.SemIns, x86.SemOuts:
		return true
	}
	return false
}

// instant is that of the current step.
func (c *CPU) instant() vmm.Instant {
	return c.limit - vmm.Instant(c.left) + vmm.Instant(c.i)
}

// hold keeps the State, but for RIP, for a step that changes it before its last
// access. What a step holds first counts.
func (c *CPU) hold() {
	if at := c.instant() + 1; c.stops.on && c.stops.heldAt != at {
		c.stops.held, c.stops.heldAt = c.State, at
	}
}

// keepBoard keeps what an acknowledge changes, if the delivery may be struck.
func (c *CPU) keepBoard() {
	c.stops.undo = nil
	by := &c.stops.by
	if c.stops.on && (by[vmm.StopVector].any || by[vmm.StopRead].any || by[vmm.StopWrite].any || by[vmm.StopException].any) {
		c.stops.undo, c.stops.kept = c.board.Keep(), c.instant()+1
	}
}

// strike makes everything that of the boundary before the current step, after
// what was struck has come to abandon.
func (c *CPU) strike() {
	s := &c.stops
	now := c.instant()
	if s.heldAt == now+1 {
		rip := c.RIP
		c.State = s.held
		c.RIP = rip
	}
	s.heldAt = 0
	if s.undo != nil && s.kept == now+1 {
		s.undo()
	}
	s.undo = nil
	if len(s.notes) != 0 && s.noted == now {
		for i := len(s.notes) - 1; i >= 0; i-- {
			n := &s.notes[i]
			copy(c.Mem.B[n.pa:], n.old[:n.n])
		}
		c.Stale = true // entries are as if not walked through
	}
	s.notes = s.notes[:0]
	c.Met, c.hits, c.leave = 0, 0, stay
	c.struck = true
	c.board.Strike(s.last)
}

// restart gives back what the stretch cleared for its first step, and marks an
// unfinished REP as cut does.
func (c *CPU) restart() {
	switch s := &c.stops; {
	case c.instant() == s.start:
		c.RFLAGS |= s.rf
		c.Shadow |= s.shadow
	case s.going && c.RFLAGS&cpu.FlagTF == 0:
		c.RFLAGS |= cpu.FlagRF
	case s.sti:
		c.Shadow |= cpu.ShadowSTI
	}
}

// watcher is the engine as its Core's Watcher.
type watcher struct{ c *CPU }

func (w watcher) Meet(la uint64, n int, write bool) { w.c.heed(la, n, write) }
func (w watcher) Raise(v uint8)                     { w.c.heedVector(vmm.StopException, v) }

func (w watcher) Keep(pa uint64, n int) {
	s := &w.c.stops
	if now := w.c.instant(); now != s.noted {
		s.notes, s.noted = s.notes[:0], now
	}
	k := note{pa: pa, n: n}
	copy(k.old[:n], w.c.Mem.B[pa:])
	s.notes = append(s.notes, k)
}
