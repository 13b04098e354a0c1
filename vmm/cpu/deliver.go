package cpu

// Deliver gives c.Fault to the guest. A fault on the way becomes a double
// fault or takes its place, and a fault while delivering a double fault shuts
// the processor down (SDM vol. 3A, 6.15, table 6-5).
func (c *Core) Deliver() {
	for {
		f := c.Fault
		if c.Watcher != nil {
			c.Watcher.Raise(f.Vector)
		}
		if c.attempt(f) {
			return
		}
		switch n := c.Fault; {
		case f.Vector == DF:
			c.Dead = true
			c.Bus.TripleFault()
			return
		case contributory(f.Vector) && contributory(n.Vector),
			f.Vector == PF && (contributory(n.Vector) || n.Vector == PF):
			c.Fault = Fault{Vector: DF}
		}
	}
}

func contributory(v uint8) bool { return 1<<v&(1<<DE|1<<TS|1<<NP|1<<SS|1<<GP) != 0 }

// Interrupt delivers an external interrupt or NMI.
func (c *Core) Interrupt(vector uint8) {
	if !c.attemptExternal(vector) {
		c.Deliver()
	}
}

func (c *Core) attemptExternal(vector uint8) (ok bool) {
	defer c.catch(&ok)
	c.Met = 0
	c.enter(vector, gate{external: true})
	c.met()
	return true
}

// met makes a trap after the delivery of the data breakpoints that it met.
func (c *Core) met() {
	c.PendDB |= c.Met
	c.Met = 0
}

// attempt tries to deliver f; false leaves the fault met on the way in c.Fault.
func (c *Core) attempt(f Fault) (ok bool) {
	defer c.catch(&ok)
	c.Met = 0
	if f.Vector == PF {
		c.CR2 = f.Addr
	}
	if f.Vector == DB {
		c.debugged(uint64(f.Code))
	}
	c.enter(f.Vector, gate{code: f.Code, push: hasCode>>f.Vector&1 != 0, external: true, fault: f.Vector != DB || f.Code == DR6BD})
	c.met()
	return true
}

// catch turns a guest fault's panic into ok = false.
func (c *Core) catch(ok *bool) {
	switch r := recover(); r {
	case nil:
	case &c.Fault:
		*ok = false
	default:
		panic(r)
	}
}

// SoftInterrupt is INT n, INT3, INTO and INT1: it may raise, and RIP must
// already stand behind the instruction.
func (c *Core) SoftInterrupt(vector uint8, privileged bool) {
	c.enter(vector, gate{soft: !privileged, external: privileged})
}

// A gate is how a vector is entered.
type gate struct {
	code     uint32
	push     bool // an error code is pushed
	soft     bool // INT n: the gate's DPL counts
	external bool // sets EXT in error codes met on the way
	fault    bool // RF is set in the pushed flags
}

// ext is the EXT bit of error codes (SDM vol. 3A, 6.13).
func (g *gate) ext() uint32 {
	if g.external {
		return 1
	}
	return 0
}

// flags are the flags that are pushed.
func (c *Core) flags(g *gate) uint64 {
	if g.fault {
		return c.RFLAGS | FlagRF
	}
	return c.RFLAGS
}

// enter goes through the IDT. Everything that can fault happens before the
// first register changes.
func (c *Core) enter(vector uint8, g gate) {
	if c.Long() {
		c.enterLong(vector, g)
		return
	}
	c.protectedOnly("an interrupt or exception")
	c.enterLegacy(vector, g)
}

// Types of gates and task state segments (SDM vol. 3A, table 3-2).
const (
	typeTSS16    = 1
	typeCall16   = 4
	typeTaskGate = 5
	typeInt16    = 6
	typeTrap16   = 7
	typeCall     = 12
	typeInt      = 14
	typeTrap     = 15
)

// readGate reads and checks vector's entry of n bytes in the IDT; hi is the
// second half of a long one.
func (c *Core) readGate(vector uint8, g *gate, n uint32, types uint32) (lo, hi uint64) {
	idx := uint32(vector)<<3 | 2 | g.ext()
	if uint32(vector)*n+n-1 > uint32(c.IDTR.Limit) {
		c.GP(idx)
	}
	la := c.IDTR.Base + uint64(uint32(vector)*n)
	lo = c.ReadSys(la, 8)
	if n == 16 {
		hi = c.ReadSys(la+8, 8)
	}
	if types>>(lo>>40&0x1f)&1 == 0 || g.soft && uint8(lo>>45&3) < c.CPL() {
		c.GP(idx)
	}
	if lo>>47&1 == 0 {
		c.Raise(NP, idx)
	}
	return lo, hi
}

// handle goes on at the handler: an interrupt gate clears IF.
func (c *Core) handle(cs Segment, cpl uint8, ip uint64, interrupt bool) {
	cs.Sel = cs.Sel&^3 | uint16(cpl)
	c.SetCS(cs)
	c.RIP = ip
	c.RFLAGS &^= FlagTF | FlagNT | FlagRF | FlagVM
	if interrupt {
		c.RFLAGS &^= FlagIF
	}
}

// enterLegacy is the way through the IDT outside long mode (SDM vol. 3A, 6.12;
// vol. 2A, INT n).
func (c *Core) enterLegacy(vector uint8, g gate) {
	const types = 1<<typeTaskGate | 1<<typeInt16 | 1<<typeTrap16 | 1<<typeInt | 1<<typeTrap
	d, _ := c.readGate(vector, &g, 8, types)
	typ, ext := d>>40&0xf, g.ext()
	if typ == typeTaskGate {
		c.Unbuilt("an interrupt or exception through a task gate")
	}
	n, ip := 4, d&0xffff|d>>32&0xffff0000
	if typ&8 == 0 {
		n, ip = 2, ip&0xffff
	}
	cs, csLA := c.handlerSegment(uint16(d>>16), ext)
	cpl := cs.handlerRing(c.CPL())

	var vals [6]uint64
	v := vals[:0]
	s, ssLA := c.current(), uint64(0)
	s.code = ext
	if cpl != c.CPL() {
		s, ssLA = c.innerStack(cpl, ext)
		v = append(v, uint64(c.Seg[segSS].Sel), c.R[4])
	}
	v = append(v, c.flags(&g), uint64(c.Seg[segCS].Sel), c.RIP)
	if g.push {
		v = append(v, uint64(g.code))
	}
	c.room(&s, len(v), n)
	if ip > uint64(cs.Limit) {
		c.GP(ext)
	}
	c.setAccessed(&cs, csLA)
	c.setAccessed(&s.seg, ssLA)
	c.push(&s, n, v)
	c.Seg[segSS], c.R[4] = s.seg, s.sp
	c.handle(cs, cpl, ip, typ&1 == 0)
}

// enterLong is the way through the IDT in long mode (SDM vol. 3A, 6.14).
func (c *Core) enterLong(vector uint8, g gate) {
	lo, hi := c.readGate(vector, &g, 16, 1<<typeInt|1<<typeTrap)
	ext := g.ext()
	ip := lo&0xffff | lo>>32&0xffff0000 | hi<<32
	cs, csLA := c.handlerSegment(uint16(lo>>16), ext)
	cpl := cs.handlerRing(c.CPL())
	sp := c.handlerStack(uint8(lo>>32&7), cpl, ext)
	if !Canonical(ip) {
		c.GP(ext)
	}
	c.setAccessed(&cs, csLA)
	c.frame(sp, &g, ext, cpl == 3)
	if cpl != c.CPL() {
		c.Seg[segSS] = Segment{Sel: uint16(cpl), Attr: uint16(cpl) << 5}
	}
	n := uint64(40)
	if g.push {
		n = 48
	}
	c.R[4] = sp - n
	c.handle(cs, cpl, ip, lo>>40&1 == 0)
}

// handlerRing is the ring in which code of segment s runs when a gate leads
// there from ring cpl.
func (s *Segment) handlerRing(cpl uint8) uint8 {
	if s.conforming() {
		return cpl
	}
	return s.DPL()
}

// handlerSegment checks the code segment that a gate names; la is where its
// descriptor stands.
func (c *Core) handlerSegment(sel uint16, ext uint32) (cs Segment, la uint64) {
	if sel&^3 == 0 {
		c.GP(ext)
	}
	code := uint32(sel&^3) | ext
	d, la := c.descriptor(sel, GP, ext)
	cs = decode(sel, d)
	if !cs.code() || cs.DPL() > c.CPL() || c.Long() && cs.Attr&(AttrL|AttrD) != AttrL {
		c.GP(code)
	}
	if !cs.present() {
		c.Raise(NP, code)
	}
	return cs, la
}

// handlerStack is the stack pointer that a handler starts with in long mode,
// aligned to 16 bytes: from the interrupt stack table, for an inner ring from
// the task state segment, else the current one (SDM vol. 3A, 6.14.2, 6.14.5).
func (c *Core) handlerStack(ist, cpl uint8, ext uint32) uint64 {
	switch {
	case ist != 0:
		return c.stack64(28+8*uint32(ist), ext) &^ 15
	case cpl != c.CPL():
		return c.stack64(4+8*uint32(cpl), ext) &^ 15
	}
	return c.R[4] &^ 15
}

// frame pushes SS, RSP, RFLAGS, CS, RIP and the error code below sp.
func (c *Core) frame(sp uint64, g *gate, ext uint32, user bool) {
	vals := [6]uint64{uint64(c.Seg[segSS].Sel), c.R[4], c.flags(g), uint64(c.Seg[segCS].Sel), c.RIP, uint64(g.code)}
	n := 5
	if g.push {
		n = 6
	}
	if !Canonical(sp - 8) {
		c.Raise(SS, ext)
	}
	c.Walk(sp-8, Write, user) // SS is pushed first, and its fault is the first
	c.Walk(sp-uint64(8*n), Write, user)
	for i, v := range vals[:n] {
		c.WriteSys(sp-uint64(8*(i+1)), 8, v, user)
	}
}
