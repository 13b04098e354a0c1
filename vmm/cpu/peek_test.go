package cpu

import (
	"bytes"
	"encoding/binary"
	"testing"

	"vmrecord/vmm/mem"
)

// TestPeek: pages at 5000 and 6000, the second one at 9000, then nothing; in
// all forms of paging, in the space in use and in another one.
func TestPeek(t *testing.T) {
	const missing = -1
	for _, c := range []struct {
		name string
		s    State
		put  []uint64 // address and entry, in turns
		size int
		at   uint64
		n    int
		to   int // of the second page; missing where there is none
	}{
		{"none", State{}, nil, 8, 0x5ff8, 16, 0x6000},
		{"none, 4 GiB up", State{}, nil, 8, 1<<32 + 0x5ff8, 16, 0x6000},
		{"none, beyond RAM", State{}, nil, 8, 0xfffc, 4, missing},
		{"4-level", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2000, 0x3001, 0x3000, 0x4001, 0x4028, 0x5001, 0x4030, 0x9001},
			8, 0x5ff8, 16, 0x9000},
		{"4-level, no rights", State{CR0: CR0PG, EFER: EFERLMA | EFERNXE, CR3: 0x1fff}, []uint64{0x1000, 0x2001, 0x2000, 0x3001, 0x3000, 1<<63 | 0x4001,
			0x4028, 1<<63 | 0x5001, 0x4030, 1<<63 | 0x9001}, 8, 0x5ff8, 16, 0x9000},
		{"4-level, absent", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2000, 0x3001, 0x3000, 0x4001, 0x4028, 0x5001},
			8, 0x5ff8, 8, missing},
		{"4-level, a device", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2000, 0x3001, 0x3000, 0x4001, 0x4028, 0x5001,
			0x4030, 0xfed00001}, 8, 0x5ff8, 8, missing},
		{"4-level, not canonical", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, nil, 8, 1<<47 - 1, 0, missing},
		{"2 MiB", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2000, 0x3001, 0x3000, 0x81}, 8, 0x5ff8, 16, 0x6000},
		{"1 GiB, reserved", State{CR0: CR0PG, EFER: EFERLMA, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2000, 0x2081}, 8, 0x5ff8, 0, missing},
		{"PAE", State{CR0: CR0PG, CR4: CR4PAE, CR3: 0x1020}, []uint64{0x1020, 0x3001, 0x3000, 0x4001, 0x4028, 0x5001, 0x4030, 0x9001}, 8, 0x5ff8, 16, 0x9000},
		{"32-bit", State{CR0: CR0PG, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2014, 0x5001, 0x2018, 0x9001}, 4, 0x5ff8, 16, 0x9000},
		{"32-bit, 4 GiB up", State{CR0: CR0PG, CR3: 0x1000}, []uint64{0x1000, 0x2001, 0x2014, 0x5001, 0x2018, 0x9001}, 4, 1<<32 + 0x5ff8, 16, 0x9000},
		{"4 MiB", State{CR0: CR0PG, CR4: CR4PSE, CR3: 0x1000}, []uint64{0x1000, 0x81}, 4, 0x5ff8, 16, 0x6000},
	} {
		r := mem.New(make([]byte, 0x10000))
		copy(r.B[0x5ff8:], "in five.")
		copy(r.B[0x6000:], "six.....")
		copy(r.B[0x9000:], "elsewhere")
		for i := 0; i < len(c.put); i += 2 {
			var e [8]byte
			binary.LittleEndian.PutUint64(e[:], c.put[i+1])
			copy(r.B[c.put[i]:], e[:c.size])
		}
		was := bytes.Clone(r.B)
		want := []byte(nil)
		if c.n > 0 && c.at != 0xfffc {
			want = append(want, r.B[0x5ff8:0x6000]...)
		} else {
			want = make([]byte, c.n)
		}
		if c.to != missing {
			want = append(want, r.B[c.to:][:8]...)
		}
		other := c.s
		other.CR3 = 0x8000
		for _, v := range []*View{LookIn(&c.s, r, c.s.CR3), LookIn(&other, r, c.s.CR3)} {
			p := make([]byte, 16)
			if n := v.Peek(c.at, p); n != c.n || !bytes.Equal(p[:n], want) {
				t.Errorf("%s: %d bytes, %q, want %d, %q", c.name, n, p[:n], c.n, want)
			}
		}
		if !bytes.Equal(r.B, was) {
			t.Errorf("%s: RAM changed", c.name)
		}
	}
}

// FuzzPeek: where a read of the guest's succeeds, PA is where it went.
func FuzzPeek(f *testing.F) {
	f.Add(uint64(0x5008), uint64(EFERLMA), uint64(CR4PAE), uint64(0x1000), uint64(1), []byte{0x07, 0x20, 0, 0, 0, 0, 0, 0})
	f.Add(uint64(0x5008), uint64(0), uint64(CR4PSE), uint64(0x1000), uint64(7), []byte{0x87, 0, 0, 0})
	f.Add(uint64(0xc0005008), uint64(EFERNXE), uint64(CR4PAE), uint64(0x1020), uint64(0x73), []byte{0x01, 0x10, 0, 0, 0, 0, 0, 0x80})
	f.Add(uint64(0xffff800000000000), uint64(EFERLMA), uint64(0), uint64(0x2000), uint64(0x81), []byte{3})
	f.Fuzz(func(t *testing.T, la, efer, cr4, cr3, seed uint64, entries []byte) {
		c := &Core{Mem: mem.New(make([]byte, 0x8000))}
		for i := range c.Mem.B { // entries that lead back among them
			if i%8 == 0 {
				seed = seed*6364136223846793005 + 1442695040888963407
				binary.LittleEndian.PutUint64(c.Mem.B[i:], seed>>33&0x7067)
			}
		}
		copy(c.Mem.B[cr3&0x7000:], entries)
		c.CR0, c.CR3, c.CR4, c.EFER = CR0PE|CR0PG, cr3, cr4, efer
		for i := range c.PDPTE {
			c.PDPTE[i] = c.readEntry(cr3&0xffffffe0+8*uint64(i), 8)
		}
		if !c.Long() {
			la &= 0xffffffff
		}
		pa, ok := PeekPA(&c.State, c.Mem, la)
		in, inOK := LookIn(&c.State, c.Mem, cr3).PA(la)
		if pa != in || ok != inOK {
			t.Fatalf("%#x %v, from CR3 %#x %v", pa, ok, in, inOK)
		}
		defer func() {
			if r := recover(); r != nil && r != &c.Fault {
				panic(r)
			}
		}()
		if w := c.Walk(la, Read, c.CPL() == 3); !ok || pa != w.PA {
			t.Fatalf("a read goes to %#x, Peek says %#x %v", w.PA, pa, ok)
		}
	})
}
