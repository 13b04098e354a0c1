package cpu

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm/mem"
)

// A page32 is one access through 2-level or PAE paging: the linear address, r,
// w or x, and u for ring 3; the entry of the upper level, that of the lower,
// and modes. What comes out: the physical address and the entries after, or the
// page fault's error code.
//
// The page directory is at 1000, the page table at 2000; entries are written
// for the linear address.
type page32 struct {
	access       string
	upper, lower uint64
	modes        string
	want         string
}

func (p page32) run() (got string) {
	f := strings.Fields(p.access)
	la, err := strconv.ParseUint(f[0], 16, 64)
	if err != nil {
		return err.Error()
	}
	c := &Core{Mem: mem.New(make([]byte, 0x10000))}
	c.CR0, c.CR3 = CR0PE|CR0PG, 0x1000
	for _, m := range strings.Fields(p.modes) {
		switch m {
		case "pae":
			c.CR4 |= CR4PAE
			c.PDPTE = [4]uint64{0x1001, 0, 0x1001, 0x1001}
		case "pse":
			c.CR4 |= CR4PSE
		case "wp":
			c.CR0 |= CR0WP
		case "nxe":
			c.EFER |= EFERNXE
		case "smep":
			c.CR4 |= CR4SMEP
		}
	}
	size, upper, lower := 4, 0x1000+la>>22*4, 0x2000+la>>12&1023*4
	if c.CR4&CR4PAE != 0 {
		size, upper, lower = 8, 0x1000+la>>21&511*8, 0x2000+la>>12&511*8
	}
	entry := func(at uint64) uint64 { return c.readEntry(at, size) }
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], p.upper)
	copy(c.Mem.B[upper:], b[:size])
	binary.LittleEndian.PutUint64(b[:], p.lower)
	copy(c.Mem.B[lower:], b[:size])

	var t Translation
	ok := func() (ok bool) {
		defer c.catch(&ok)
		t = c.Walk(la, map[byte]Access{'r': Read, 'w': Write, 'x': Exec}[f[1][0]], strings.HasSuffix(f[1], "u"))
		return true
	}()
	if !ok {
		if entry(upper) != p.upper || entry(lower) != p.lower {
			return "a faulting walk wrote"
		}
		return fmt.Sprintf("#PF(%x) %x", c.Fault.Code, c.Fault.Addr)
	}
	return fmt.Sprintf("%x %x %x", t.PA, entry(upper), entry(lower))
}

// 2-level paging (SDM vol. 3A, 4.3, 4.6, 4.7, 4.8).
func TestTwoLevelPaging(t *testing.T) {
	runPages(t, []page32{
		{"00403123 r", 0x2003, 0x5003, "", "5123 2023 5023"}, // A in both
		{"00403123 w", 0x2003, 0x5003, "", "5123 2023 5063"}, // D in the last
		{"ffffffff r", 0x2003, 0x5003, "", "5fff 2023 5023"},
		{"00403123 r", 0x2002, 0x5003, "", "#PF(0) 403123"},
		{"00403123 w", 0x2003, 0x5002, "", "#PF(2) 403123"},
		{"00403123 ru", 0x2007, 0x5006, "", "#PF(4) 403123"},
		{"00403123 ru", 0x2003, 0x5007, "", "#PF(5) 403123"}, // both must allow rings
		{"00403123 ru", 0x2007, 0x5003, "", "#PF(5) 403123"},
		{"00403123 wu", 0x2007, 0x5007, "", "5123 2027 5067"},
		{"00403123 wu", 0x2005, 0x5007, "", "#PF(7) 403123"},
		{"00403123 wu", 0x2007, 0x5005, "", "#PF(7) 403123"},
		{"00403123 w", 0x2007, 0x5005, "", "5123 2027 5065"}, // without WP ring 0 writes all
		{"00403123 w", 0x2007, 0x5005, "wp", "#PF(3) 403123"},
		{"00403123 w", 0x2005, 0x5007, "wp", "#PF(3) 403123"},
		{"00403123 x", 0x2003, 0x5003, "", "5123 2023 5023"},
		{"00403123 xu", 0x2003, 0x5003, "nxe", "#PF(5) 403123"}, // no I bit without PAE
		{"00403123 x", 0x2007, 0x5007, "smep", "#PF(11) 403123"},
		{"00403123 x", 0x2003, 0x5007, "smep", "5123 2023 5027"},
		{"00403123 r", 0x2083, 0x5003, "", "5123 20a3 5023"}, // PS without PSE
		{"00403123 r", 0x800083, 0x5003, "pse", "803123 8000a3 5003"},
		{"007fffff w", 0x800083, 0, "pse", "bfffff 8000e3 0"},
		{"00403123 r", 0x1fe083 | 0xffc00000, 0, "pse", "ffffc03123 ffdfe0a3 0"}, // 40 bits
		{"00403123 r", 0xa00083, 0, "pse", "#PF(9) 403123"},                      // bit 21
		{"00403123 wu", 0xa00083, 0, "pse", "#PF(f) 403123"},
	})
}

// PAE paging (SDM vol. 3A, 4.4, 4.6, 4.7).
func TestPAEPaging(t *testing.T) {
	const nx = 1 << 63
	runPages(t, []page32{
		{"00203123 w", 0x2003, 0x5003, "pae", "5123 2023 5063"},
		{"80203123 r", 0x2003, 0x5003, "pae", "5123 2023 5023"},
		{"40203123 r", 0x2003, 0x5003, "pae", "#PF(0) 40203123"}, // its PDPTE is not present
		{"00203123 r", 0x2003, 0xff00005003, "pae", "ff00005123 2023 ff00005023"},
		{"00203123 r", 0x2003, 0x10000005003, "pae", "#PF(9) 203123"}, // beyond 40 bits
		{"00203123 r", 0x2003, 1<<52 | 0x5003, "pae", "#PF(9) 203123"},
		{"00203123 r", 1<<62 | 0x2003, 0x5003, "pae", "#PF(9) 203123"},
		{"00203123 r", 0x2003, nx | 0x5003, "pae", "#PF(9) 203123"}, // NX without NXE
		{"00203123 r", 0x2003, nx | 0x5003, "pae nxe", "5123 2023 8000000000005023"},
		{"00203123 x", 0x2003, nx | 0x5003, "pae nxe", "#PF(11) 203123"},
		{"00203123 xu", nx | 0x2007, 0x5007, "pae nxe", "#PF(15) 203123"},
		{"00203123 x", 0x2003, 0x5002, "pae nxe", "#PF(10) 203123"},
		{"00203123 x", 0x2003, 0x5002, "pae", "#PF(0) 203123"},
		{"002fffff w", 0x600083, 0, "pae", "6fffff 6000e3 0"}, // 2 MBytes, PSE or not
		{"00203123 r", 0x602083, 0, "pae", "#PF(9) 203123"},   // bits 20:13
		{"00203123 ru", 0x600083, 0, "pae", "#PF(5) 203123"},
		{"00203123 w", 0x600081, 0, "pae wp", "#PF(3) 203123"},
		{"00203123 r", 0x2003, 0x5083, "pae", "5123 2023 50a3"}, // PAT, not PS
	})
}

func runPages(t *testing.T, lines []page32) {
	t.Helper()
	for _, p := range lines {
		if got := p.run(); got != p.want {
			t.Errorf("{%q, %#x, %#x, %q}: %s, want %s", p.access, p.upper, p.lower, p.modes, got, p.want)
		}
	}
}

// PAE's first level is loaded by MOV CR3 and by turning it on, all four entries
// or none (SDM vol. 3A, 4.4.1).
func TestPDPTEs(t *testing.T) {
	for _, p := range []struct {
		entry uint64
		load  func(*Core)
		ok    bool
	}{
		{0x2001, func(c *Core) { c.SetCR3(0x1020) }, true},
		{0xff00002001, func(c *Core) { c.SetCR3(0x1020) }, true},
		{0x2e19, func(c *Core) { c.SetCR3(0x1020) }, true}, // PWT, PCD and what is ignored
		{0x2003, func(c *Core) { c.SetCR3(0x1020) }, false},
		{0x2081, func(c *Core) { c.SetCR3(0x1020) }, false},
		{0x10000002001, func(c *Core) { c.SetCR3(0x1020) }, false},
		{1<<63 | 0x2001, func(c *Core) { c.SetCR3(0x1020) }, false},
		{1<<63 | 0x2002, func(c *Core) { c.SetCR3(0x1020) }, true}, // not present
		{0x2001, func(c *Core) { c.CR0, c.CR3 = CR0PE, 0x1020; c.SetCR0(CR0PE | CR0PG) }, true},
		{0x2003, func(c *Core) { c.CR0, c.CR3 = CR0PE, 0x1020; c.SetCR0(CR0PE | CR0PG) }, false},
		{0x2001, func(c *Core) { c.CR4, c.CR3 = 0, 0x1020; c.SetCR4(CR4PAE) }, true},
		{0x2003, func(c *Core) { c.CR4, c.CR3 = 0, 0x1020; c.SetCR4(CR4PAE) }, false},
	} {
		c := &Core{Mem: mem.New(make([]byte, 0x4000))}
		c.CR0, c.CR4, c.CR3 = CR0PE|CR0PG, CR4PAE, 0x3000
		c.PDPTE[2] = 7
		binary.LittleEndian.PutUint64(c.Mem.B[0x1030:], p.entry)
		ok := func() (ok bool) {
			defer c.catch(&ok)
			p.load(c)
			return true
		}()
		want := p.entry
		if !p.ok {
			want = 7
		}
		if ok != p.ok || c.PDPTE[2] != want || !ok && c.Fault != (Fault{Vector: GP}) {
			t.Errorf("%#x: loaded %v %#x, fault %+v", p.entry, ok, c.PDPTE[2], c.Fault)
		}
	}
}
