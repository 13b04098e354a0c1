package interp

import (
	"errors"
	"fmt"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A block is a run of instructions within one page, decoded once. It ends
// with an instruction that may change RIP, the mode or what interrupts may do;
// at the end of the page; or after blockMax instructions.
type block struct {
	ops   []Op
	size  uint16 // bytes
	next  [2]next
	turn  uint8 // the entry of next to be replaced
	cross bool  // lies in two pages: never followed without a look

	heat    uint8 // runs so far, up to Tuning.Hot
	refused bool  // there is no translating it
	fast    []*translation
}

// A next remembers where a block went on: valid while gen is the cache's.
type next struct {
	rip uint64
	gen uint32
	b   *block
}

const (
	blockMax = 64
	jumpSize = 8192  // entries of the jump cache
	physSize = 16384 // entries in front of the block table
)

// A key names code: where its bytes are and under which guards it was decoded.
type key struct {
	pa     uint64
	guards guards
}

// guards are the bits of mode and privilege that decide what bytes mean: code
// decoded under one set is not run under another, so that no routine need ask.
type guards uint8

const (
	guardMode guards = 3      // the x86.Mode
	guardUser guards = 1 << 2 // CPL is not 0
	guardEM   guards = 1 << 3 // CR0.EM
	guardTS   guards = 1 << 4 // CR0.TS
	guardSSE  guards = 1 << 5 // CR4.OSFXSR is clear
	guardRing guards = 1 << 6 // CPL is 3: the user TLB
	guardMP   guards = 1 << 7 // CR0.MP
)

// A jump finds a block by linear address; it is a cache over translation and
// block table, emptied with the translations.
type jump struct {
	la     uint64
	gen    uint32 // cache.gen when it was made
	guards guards
	b      *block
}

// A found is a block under its key; b is nil in an empty entry.
type found struct {
	key key
	b   *block
}

// A cache holds decoded blocks. Nothing in it can be seen by the guest.
type cache struct {
	blocks map[key]*block
	pages  map[uint32][]key // blocks by page
	jumps  [jumpSize]jump
	phys   [physSize]found // in front of blocks
	gen    uint32          // of the current space
	count  uint32          // the last one given out
	cross  map[uint64]*crossing
	splits map[uint32][]uint64 // by page: where crossings are that were translated
	held   int                 // instructions in blocks and their translations, and cost of each block
}

const (
	// heldMost is when the cache is emptied. A guest may jump to every byte of its
	// memory: blocks for all would take a hundred times as much.
	heldMost  = 2 << 20
	blockCost = 2 // of a block beside its instructions, in instructions
)

// A crossing is an instruction that lies in two pages. Its bytes are compared
// on every run, since the second page may be mapped or changed behind it.
// Translated, it looks itself where the second page is, and both pages tell of
// stores to it.
type crossing struct {
	bytes  [x86.MaxLen]byte
	guards guards
	b      block
}

const crossMax = 4096

func (k *cache) reset() {
	k.blocks, k.pages = map[key]*block{}, map[uint32][]key{}
	k.phys = [physSize]found{}
	k.cross, k.splits = map[uint64]*crossing{}, map[uint32][]uint64{}
	k.held = 0
}

// dropPage forgets the code of page p.
func (c *CPU) dropPage(p uint32) {
	k := &c.cache
	for _, x := range k.pages[p] {
		b := k.blocks[x]
		c.dropFast(b)
		k.held -= len(b.ops) + blockCost
		delete(k.blocks, x)
		if f := &k.phys[(x.pa^x.pa>>12)%physSize]; f.key == x {
			*f = found{}
		}
	}
	delete(k.pages, p)
	for _, la := range k.splits[p] {
		c.dropCrossing(la)
	}
	delete(k.splits, p)
	c.forget()
}

// dropCrossing forgets the crossing at la.
func (c *CPU) dropCrossing(la uint64) {
	if x := c.cache.cross[la]; x != nil {
		c.dropFast(&x.b)
		delete(c.cache.cross, la)
	}
}

// follow returns the block at RIP, which came after block p in this stretch.
func (c *CPU) follow(p *block) *block {
	if !c.chains {
		return c.lookup()
	}
	if n := &p.next[0]; n.rip == c.RIP && n.gen == c.cache.gen {
		return n.b
	}
	if n := &p.next[1]; n.rip == c.RIP && n.gen == c.cache.gen {
		return n.b
	}
	b := c.lookup()
	if !b.cross {
		p.next[p.turn&1] = next{c.RIP, c.cache.gen, b}
		p.turn++
	}
	return b
}

// lookup returns the block at RIP, decoding it if needed. It raises the fetch's faults.
func (c *CPU) lookup() *block {
	if c.flat {
		return c.lookupAt(c.RIP)
	}
	cs := &c.Seg[x86.CS]
	if !cs.Fetches(c.RIP) {
		c.GP(0)
	}
	b := c.lookupAt((cs.Base + c.RIP) & 0xffffffff)
	if room := uint64(cs.Limit) - c.RIP + 1; uint64(b.size) > room {
		return c.below(b, room)
	}
	return b
}

// below is the part of b that lies in the room left below the code segment's
// limit: an instruction beyond it raises #GP(0) (SDM vol. 3A, 5.3).
func (c *CPU) below(b *block, room uint64) *block {
	for i := range b.ops {
		if uint64(b.ops[i].Off)+uint64(b.ops[i].Len) <= room {
			continue
		}
		if i == 0 {
			c.GP(0)
		}
		return &block{ops: b.ops[:i], size: b.ops[i].Off, cross: b.cross}
	}
	return b
}

// lookupAt is lookup by linear address.
func (c *CPU) lookupAt(la uint64) *block {
	j := &c.cache.jumps[(la^la>>12)%jumpSize]
	if j.la == la && j.gen == c.cache.gen && j.guards == c.guards {
		return j.b
	}
	pa := c.fetch(la)
	k := key{pa, c.guards}
	f := &c.cache.phys[(pa^pa>>12)%physSize]
	b := f.b
	if b == nil || f.key != k {
		if b = c.cache.blocks[k]; b == nil && !c.crossed(la) {
			b = c.decode(la, pa)
		}
		if b == nil {
			return c.decodeCrossing(la)
		}
		*f = found{k, b}
	}
	*j = jump{la, c.cache.gen, c.guards, b}
	return b
}

// fetch translates an instruction fetch; code must be in RAM.
func (c *CPU) fetch(la uint64) uint64 {
	e := &c.tlb[la>>12%tlbSize]
	if e.x == la&^pageMax {
		return la + e.add
	}
	pa, ram := c.translate(la, cpu.Exec)
	if !ram {
		c.stop(fmt.Errorf("interp: instruction fetch from %#x, physical %#x, which is not RAM", la, pa))
	}
	if c.tlb != &c.noTags {
		c.claim(la, pa).x = la &^ pageMax
	}
	return pa
}

// stop ends the run with an error that is no fault of the guest's.
func (c *CPU) stop(err error) {
	c.err = err
	panic(errStop)
}

var errStop = errors.New("interp: stop")

// decode makes a block from the bytes at pa, up to the end of the page. It
// returns nil where the first instruction goes on into the next page.
func (c *CPU) decode(la, pa uint64) *block {
	code := c.Mem.B[pa : pa|pageMax+1]
	b := &block{}
	for len(b.ops) < blockMax && int(b.size) < len(code) {
		in, err := x86.Decode(code[b.size:], c.mode)
		if err == x86.ErrShort {
			break
		}
		op, ok := c.op(in, err)
		if !ok {
			if len(b.ops) == 0 {
				c.refuse(la, code, err)
			}
			break
		}
		op.Off = b.size
		b.ops = append(b.ops, op)
		b.size += uint16(op.Len)
		if ends(&op.Inst) {
			break
		}
	}
	if len(b.ops) == 0 {
		return nil
	}
	c.Mem.MarkCode(pa, int(b.size))
	k, p := key{pa, c.guards}, uint32(pa>>12)
	if len(c.cache.pages[p]) == 0 {
		c.dropWrites(pa)
	}
	c.cache.blocks[k] = b
	c.cache.pages[p] = append(c.cache.pages[p], k)
	if c.cache.held += len(b.ops) + blockCost; c.cache.held > heldMost {
		c.board.Attention = true // run makes room
	}
	return b
}

// op turns a decoding into an Op; ok is false where the machine must stop.
func (c *CPU) op(in x86.Inst, err error) (Op, bool) {
	if err == x86.ErrTooLong {
		// more than 15 bytes: #GP(0) (SDM vol. 2A, 2.3.11)
		return Op{Fn: raiseGP, Inst: x86.Inst{Len: x86.MaxLen, Sem: x86.SemUd}}, true
	}
	if err != nil {
		return Op{}, false
	}
	fn := special(&in, c.mode)
	if fn == nil {
		fn = semantics[in.Sem].of(in.OpSize)
	}
	if g := c.guard(x86.Table[in.Row]); g != nil && in.Prefixes&x86.PrefixLock == 0 {
		fn = g // an illegal LOCK comes first
	}
	return Op{Fn: fn, EA: eaOf(&in, c.mode), Inst: in}, fn != nil
}

// guard is what a row does instead where a feature is not claimed, the ring is
// wrong, or a unit is switched off (SDM vol. 3A, tables 2-3 and 13-1).
func (c *CPU) guard(f x86.Form) func(*CPU, *Op) {
	g, unit := c.guards, f.Attr&(x86.AttrX87|x86.AttrMmx|x86.AttrSse)
	switch {
	case !cpu.Claims(f.Feature):
		return raiseUD
	case f.Sem == x86.SemFwait:
		if g&guardMP != 0 && g&guardTS != 0 {
			return raiseNM
		}
	case unit == x86.AttrX87 && g&(guardEM|guardTS) != 0:
		return raiseNM
	case unit&(x86.AttrMmx|x86.AttrSse) != 0 && g&guardEM != 0, unit&x86.AttrSse != 0 && g&guardSSE != 0:
		return raiseUD
	case unit != 0 && g&guardTS != 0:
		return raiseNM
	case f.Sem == x86.SemXsetbv || f.Sem == x86.SemXsaves || f.Sem == x86.SemXrstors:
		return nil // CR4.OSXSAVE comes before privilege: their routines look
	case f.Attr&x86.AttrPriv != 0 && g&guardUser != 0:
		return raiseGP
	case f.Attr&x86.AttrPrivud != 0 && g&guardUser != 0:
		return raiseUD
	}
	return nil
}

func raiseUD(c *CPU, _ *Op) { c.UD() }
func raiseNM(c *CPU, _ *Op) { c.Raise(cpu.NM, 0) }
func raiseGP(c *CPU, _ *Op) { c.GP(0) }

// refuse stops the machine at bytes that are no instruction of the table, or
// one without a routine.
func (c *CPU) refuse(la uint64, code []byte, err error) {
	n := min(len(code), x86.MaxLen)
	if err == nil {
		err = errors.New("its row has no semantic routine")
	}
	mode := [...]string{"64-bit", "32-bit", "16-bit"}[c.mode]
	c.stop(fmt.Errorf("interp: unknown instruction % x at RIP %#x (linear %#x), %s mode, ring %d: %w",
		code[:n], c.RIP, la, mode, c.cpl, err))
}

// crossed tells whether the last instruction found at la lay in two pages.
func (c *CPU) crossed(la uint64) bool {
	return la&pageMax > mem.PageBytes-x86.MaxLen && c.cache.cross[la] != nil
}

// decodeCrossing fetches an instruction that lies in two pages.
func (c *CPU) decodeCrossing(la uint64) *block {
	var buf [x86.MaxLen]byte
	n := copy(buf[:], c.Mem.B[c.fetch(la):][:mem.PageBytes-la&pageMax])
	next := c.wrap(la + uint64(n))
	if cs := &c.Seg[x86.CS]; !c.flat && c.RIP+uint64(n) > uint64(cs.Limit) {
		c.GP(0)
	}
	n += copy(buf[n:], c.Mem.B[c.fetch(next):])
	x := c.cache.cross[la]
	if x != nil && x.guards == c.guards && x.bytes == buf {
		return &x.b
	}
	in, err := x86.Decode(buf[:n], c.mode)
	op, ok := c.op(in, err)
	if !ok {
		c.refuse(la, buf[:n], err)
	}
	c.dropCrossing(la)
	if len(c.cache.cross) >= crossMax {
		for p := range uint32(len(c.Mem.Flags)) {
			for _, la := range c.cache.splits[p] {
				c.dropCrossing(la)
			}
		}
		clear(c.cache.cross)
		clear(c.cache.splits)
	}
	x = &crossing{bytes: buf, guards: c.guards, b: block{ops: []Op{op}, size: uint16(op.Len), cross: true}}
	c.cache.cross[la] = x
	return &x.b
}

// look consumes what was stored to marked lines: code there is dropped, and
// so are the translations that came through paging entries.
func (c *CPU) look() {
	for _, l := range c.Mem.Hits {
		if c.Mem.IsCode(l) {
			p := l >> 6
			c.dropPage(p)
			c.Mem.ClearCode(p)
		}
	}
	c.dropStale(c.Mem.Hits)
	c.Mem.Hits = c.Mem.Hits[:0]
}

// ends tells which instructions are the last of their block: those that always
// leave it. Others that do so now and then just leave.
func ends(in *x86.Inst) bool {
	switch in.Sem {
	case x86.SemJmp, x86.SemJcc, x86.SemCall, x86.SemRet, x86.SemLoop, x86.SemLoope, x86.SemLoopne, x86.SemJcxz,
		x86.SemJmpfar, x86.SemCallfar, x86.SemRetfar, x86.SemIret, x86.SemInt, x86.SemInt3, x86.SemInt1,
		x86.SemSyscall, x86.SemSysret, x86.SemHlt, x86.SemMovtocr, x86.SemUd:
		return true
	}
	return false
}
