package cpu

// Bits of DR6 and DR7 (SDM vol. 3B, 18.2.3 and 18.2.4).
const (
	DR6BD  = 1 << 13 // a debug register was accessed while DR7.GD was set
	DR6BS  = 1 << 14 // single step
	dr6Hit = 0xf     // B3-B0
	DR7GD  = 1 << 13

	dr6Ones, dr6Bits = 0xffff0ff0, 0xe00f // what reads as one, what may be written
	dr7Ones, dr7Bits = 0x400, 0xffff2bff
)

// A Watch says which kinds of breakpoints are enabled.
type Watch uint8

const (
	WatchExec Watch = 1 << iota
	WatchData
	WatchIO
)

// A breakpoint is one of the four, taken apart: kind 0 is execution, 1 writes,
// 2 I/O, 3 reads and writes.
type breakpoint struct {
	on      bool
	kind    uint8
	at, end uint64 // [at, end); the low address bits do not count
}

func (c *Core) breakpoint(i int) breakpoint {
	d := c.DR[7]
	b := breakpoint{on: d>>(2*i)&3 != 0, kind: uint8(d >> (16 + 4*i) & 3)}
	if !b.on || b.kind == 2 && c.CR4&CR4DE == 0 {
		return breakpoint{} // I/O breakpoints are reserved without CR4.DE
	}
	n := [...]uint64{1, 2, 8, 4}[d>>(18+4*i)&3]
	b.at = c.DR[i] &^ (n - 1)
	b.end = b.at + n
	return b
}

// Armed tells what kinds of breakpoints DR7 enables, locally or globally; LE
// and GE change nothing, all breakpoints are exact.
func (c *Core) Armed() (w Watch) {
	if c.DR[7]&0xff == 0 {
		return 0
	}
	for i := range 4 {
		if b := c.breakpoint(i); b.on {
			w |= [...]Watch{WatchExec, WatchData, WatchIO, WatchData}[b.kind]
		}
	}
	return w
}

// hits collects the DR6 bits of the breakpoints that [a, a+n) touches and
// whose kind is among kinds, a bitmap.
func (c *Core) hits(a uint64, n int, kinds uint8) (dr6 uint64) {
	for i := range 4 {
		b := c.breakpoint(i)
		if b.on && kinds>>b.kind&1 != 0 && a < b.end && b.at < a+uint64(n) {
			dr6 |= 1 << i
		}
	}
	return dr6
}

// ExecBreaks is DR6 for an instruction whose first byte is at la; LEN is taken
// as 0, the only legal value.
func (c *Core) ExecBreaks(la uint64) (dr6 uint64) {
	for i := range 4 {
		if b := c.breakpoint(i); b.on && b.kind == 0 && c.DR[i] == la {
			dr6 |= 1 << i
		}
	}
	return dr6
}

// DataBreaks is DR6 for an access to n bytes at la.
func (c *Core) DataBreaks(la uint64, n int, write bool) uint64 {
	if write {
		return c.hits(la, n, 1<<1|1<<3)
	}
	return c.hits(la, n, 1<<3)
}

// meet tells the Watcher of, and notes the data breakpoints that an access of the Core's own met: they see
// descriptor tables, task state and frames like any memory (SDM vol. 3B, 18.2.5;
// APM vol. 2, 13.1.2).
func (c *Core) meet(la uint64, n int, write bool) {
	if c.DR[7]&0xff != 0 {
		c.Met |= c.DataBreaks(la, n, write)
	}
	if c.Watcher != nil {
		c.Watcher.Meet(la, n, write)
	}
}

// PortBreaks is DR6 for an access to n bytes of I/O space.
func (c *Core) PortBreaks(port uint16, n int) uint64 { return c.hits(uint64(port), n, 1<<2) }

// debugged notes a #DB in DR6 and DR7. B3-B0 are replaced by every breakpoint
// and general detect, not by a single step (AMD APM vol. 2, 13.1.1.3); the
// other bits stay until software clears them. GD is cleared so that the handler
// may use the registers.
func (c *Core) debugged(bits uint64) {
	if bits&(dr6Hit|DR6BD) != 0 {
		c.DR[6] &^= dr6Hit
	}
	c.DR[6] |= bits
	c.DR[7] &^= DR7GD
}

// ReadDR is MOV from debug register n, after the privilege check.
func (c *Core) ReadDR(n uint8) uint64 { return c.DR[c.debugReg(n)] }

// WriteDR is MOV to debug register n, after the privilege check. The upper
// half of DR6 and DR7 must be zero.
func (c *Core) WriteDR(n uint8, v uint64) {
	n = c.debugReg(n)
	if n >= 6 && v>>32 != 0 {
		c.GP(0)
	}
	switch n {
	case 6:
		v = v&dr6Bits | dr6Ones
	case 7:
		v = v&dr7Bits | dr7Ones
	}
	c.DR[n] = v
	c.Recode = true
}

// debugReg checks a debug register's number: 4 and 5 are 6 and 7 unless CR4.DE
// is set; DR7.GD traps every access, after #UD and #GP (SDM vol. 3B, 18.2.2,
// 18.2.4; vol. 2B, MOV to and from debug registers).
func (c *Core) debugReg(n uint8) uint8 {
	if n&^7 != 0 || n&^1 == 4 && c.CR4&CR4DE != 0 {
		c.UD()
	}
	if c.DR[7]&DR7GD != 0 {
		c.Raise(DB, DR6BD)
	}
	return n | n>>1&2 // 4 and 5 to 6 and 7
}
