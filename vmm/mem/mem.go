// Package mem holds guest RAM: bytes by physical address, with what the rest
// of the machine wants to know about stores to them.
//
// A page (4 KiB) is in one of two states for an engine. A *plain* page may be
// stored to without telling anybody. Any other page has a flag: it is clean in
// this epoch (nobody stored to it since the last Mark), or one of its 64-byte
// lines holds code that an engine has decoded or paging entries that a cached
// translation came through. A store to such a page goes through Store, which
// copies the page where a snapshot still needs it, notes it as dirty, and
// lists the marked lines that were hit, so that the engine drops what it
// derived from them before the next instruction.
//
// RAM is addressed from 0; what lies beyond its size is not RAM. The hole for
// ROM and VGA (0xA0000-0xFFFFF) belongs to RAM unless Hole says otherwise.
package mem

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

const (
	PageBytes = 4096
	LineBytes = 64
	pageShift = 12
	lineShift = 6
)

// Flags of a page; a store to a page with any flag must go through Store.
const (
	Clean  = 1 << iota // not stored to in this epoch
	Code               // some line holds decoded code
	Paging             // some line holds paging entries of cached translations
)

// A Hash is the SHA-256 of a page's bytes.
type Hash = [32]byte

// An Epoch counts Marks.
type Epoch uint32

// Pages names pages by number, ascending.
type Pages struct{ No []uint32 }

// A RAM is guest memory.
type RAM struct {
	B     []byte  // the bytes, by physical address
	Flags []uint8 // one per page

	// Gen counts how often pages became clean: an engine that finds it changed
	// drops all its rights to store without asking.
	Gen uint32

	// Hits lists marked lines (physical address / 64) that were stored to and
	// not yet looked at by the engine; the engine truncates it.
	Hits []uint32

	code   []uint64          // bitmap of lines with code: one word a page
	paging []uint64          // bitmap of lines with paging entries
	wide   [reaches][]uint64 // of these, the ones with each bit of Reach
	pagers []uint32          // lines set in paging, and some that were

	epoch  Epoch
	stamp  []Epoch // the epoch in which each page was last stored to
	hash   []Hash  // of each page, valid when fresh
	fresh  []bool
	zeros  []byte  // a page of them
	zero   Hash    // of that
	frozen *Frozen // a snapshot whose pages are still being read
	root   Hash
	stale  bool   // some page is not fresh
	used   []bool // pages, since Watch; nil: nobody asked
	absent []bool // pages; nil: none is
}

// New makes RAM over b, whose length is a multiple of a page. The caller
// allocates; RAM never grows.
func New(b []byte) *RAM {
	n := len(b) / PageBytes
	r := &RAM{B: b, Flags: make([]uint8, n), code: make([]uint64, n), paging: make([]uint64, n),
		stamp: make([]Epoch, n), hash: make([]Hash, n), fresh: make([]bool, n), zeros: make([]byte, PageBytes), stale: true}
	r.zero = sha256.Sum256(r.zeros)
	for i := range r.wide {
		r.wide[i] = make([]uint64, n)
	}
	r.Mark()
	return r
}

// Blank makes RAM over b as New does, where the caller vouches that b holds
// zeros: as long as nobody stores to a page it is not read, so that a host that
// maps memory on demand never needs to.
func Blank(b []byte) *RAM {
	r := New(b)
	for p := range r.hash {
		r.hash[p], r.fresh[p] = r.zero, true
	}
	return r
}

// Size is the number of bytes.
func (r *RAM) Size() uint64 { return uint64(len(r.B)) }

// Has tells whether all of [pa, pa+n) is RAM.
func (r *RAM) Has(pa uint64, n int) bool {
	return pa < uint64(len(r.B)) && uint64(n) <= uint64(len(r.B))-pa
}

// Store must be called before a store to [pa, pa+n) within one page that has flags.
func (r *RAM) Store(pa uint64, n int) {
	p := pa >> pageShift
	if r.Flags[p]&Clean != 0 {
		r.touch(uint32(p))
	}
	if r.Flags[p] == Paging && r.paging[p] == 0 {
		r.Flags[p] = 0 // it was a page table once
	}
	if r.Flags[p]&(Code|Paging) == 0 {
		return
	}
	for l := pa >> lineShift; l <= (pa+uint64(n)-1)>>lineShift; l++ {
		if r.code[l>>6]>>(l&63)&1 != 0 || r.paging[l>>6]>>(l&63)&1 != 0 && r.inUse(pa, n) {
			r.Hits = append(r.Hits, uint32(l))
		}
	}
}

// inUse tells whether a store to [pa, pa+n) changes a paging entry that a
// translation can have come through: one that is present, in either format.
func (r *RAM) inUse(pa uint64, n int) bool {
	const present = 1<<32 | 1
	for q := pa &^ 7; q < pa+uint64(n); q += 8 {
		if binary.LittleEndian.Uint64(r.B[q:])&present != 0 {
			return true
		}
	}
	return false
}

// touch notes the first store to page p in this epoch.
func (r *RAM) touch(p uint32) {
	if f := r.frozen; f != nil {
		f.keep(r, p)
	}
	r.Flags[p] &^= Clean
	r.stamp[p] = r.epoch
	r.fresh[p] = false
	r.stale = true
}

// Read copies guest memory to p; what is not RAM reads as all ones.
func (r *RAM) Read(pa uint64, p []byte) {
	for i := range p {
		p[i] = 0xff
	}
	if pa < r.Size() {
		r.use(pa, copy(p, r.B[pa:]))
	}
}

// Write copies p to guest memory as a processor's stores would; what is not
// RAM is lost.
func (r *RAM) Write(pa uint64, p []byte) {
	for len(p) > 0 && pa < r.Size() {
		n := min(len(p), int(PageBytes-pa%PageBytes))
		r.Use(pa)
		if r.Flags[pa>>pageShift] != 0 {
			r.Store(pa, n)
		}
		copy(r.B[pa:pa+uint64(n)], p)
		pa, p = pa+uint64(n), p[n:]
	}
}

// MarkCode notes that an engine decoded code from [pa, pa+n).
func (r *RAM) MarkCode(pa uint64, n int) {
	for l := pa >> lineShift; l <= (pa+uint64(n)-1)>>lineShift; l++ {
		r.code[l>>6] |= 1 << (l & 63)
		r.Flags[l<<lineShift>>pageShift] |= Code
	}
}

// IsCode tells whether line l is marked as code.
func (r *RAM) IsCode(l uint32) bool { return r.code[l>>6]>>(l&63)&1 != 0 }

// ClearCode unmarks all code lines of page p.
func (r *RAM) ClearCode(p uint32) {
	r.code[p] = 0 // 64 lines a page: one word
	r.Flags[p] &^= Code
}

// A Reach says what hangs on a line of paging entries besides the translations
// of data in the pages that they map, since they are not of the last level or
// code was fetched through them: nothing, or these together.
type Reach uint8

const (
	ReachRoot Reach = 1 << iota // the address spaces whose first table it is in
	ReachLow                    // the lower half of addresses
	ReachHigh                   // all of them

	reaches = iota
)

// MarkPaging notes that a cached translation came through the entry at pa, and
// what hangs on it. It tells whether the page had no flag for that before:
// engines must then drop their right to store to it without asking.
func (r *RAM) MarkPaging(pa uint64, reach Reach) bool {
	l := pa >> lineShift
	for i := range r.wide {
		r.wide[i][l>>6] |= uint64(reach>>i&1) << (l & 63)
	}
	if r.paging[l>>6]>>(l&63)&1 != 0 {
		return false
	}
	r.paging[l>>6] |= 1 << (l & 63)
	r.pagers = append(r.pagers, uint32(l))
	was := r.Flags[pa>>pageShift]
	r.Flags[pa>>pageShift] |= Paging
	return was&Paging == 0
}

// ClearPaging unmarks every paging line; the engine has dropped all
// translations. The pages keep their flag until something else is stored there,
// since most go on being page tables.
func (r *RAM) ClearPaging() {
	for _, l := range r.pagers {
		r.paging[l>>6] = 0
		for i := range r.wide {
			r.wide[i][l>>6] = 0
		}
	}
	r.pagers = r.pagers[:0]
}

// UnmarkPaging unmarks line l; the engine has dropped what came through it.
func (r *RAM) UnmarkPaging(l uint32) {
	r.paging[l>>6] &^= 1 << (l & 63)
	for i := range r.wide {
		r.wide[i][l>>6] &^= 1 << (l & 63)
	}
}

// Reach tells what hangs on line l.
func (r *RAM) Reach(l uint32) (reach Reach) {
	for i := range r.wide {
		reach |= Reach(r.wide[i][l>>6]>>(l&63)&1) << i
	}
	return reach
}

// IsPaging tells whether line l is marked as holding paging entries.
func (r *RAM) IsPaging(l uint32) bool { return r.paging[l>>6]>>(l&63)&1 != 0 }

// StoreAD is Store for a page walk that sets accessed and dirty bits in the
// entry at pa: no translation depends on their old values.
func (r *RAM) StoreAD(pa uint64) {
	p := pa >> pageShift
	if r.Flags[p]&Clean != 0 {
		r.touch(uint32(p))
	}
	if l := uint32(pa >> lineShift); r.Flags[p]&Code != 0 && r.IsCode(l) {
		r.Hits = append(r.Hits, l)
	}
}

// Mark begins an epoch: every page is clean.
func (r *RAM) Mark() Epoch {
	r.epoch++
	r.Gen++
	for i := range r.Flags {
		r.Flags[i] = r.Flags[i]&^Paging | Clean
	}
	r.ClearPaging()
	return r.epoch
}

// Changed lists the pages stored to in epoch since or later.
func (r *RAM) Changed(since Epoch) *Pages {
	p := new(Pages)
	for i, e := range r.stamp {
		if e >= since && e != 0 {
			p.No = append(p.No, uint32(i))
		}
	}
	return p
}

// Digest returns the hash of page p.
func (r *RAM) Digest(p uint32) Hash {
	if !r.fresh[p] {
		// Guests clear most of their memory when they boot; to compare takes a tenth of
		// the time.
		if r.hash[p] = r.zero; !bytes.Equal(r.page(p), r.zeros) {
			r.hash[p] = sha256.Sum256(r.page(p))
		}
		r.fresh[p] = true
		r.Flags[p] |= Clean // the next store must tell
		r.Gen++
	}
	return r.hash[p]
}

// Refresh hashes up to n pages, from page on, whose hash is not known, so that a
// Root that follows soon has less to do. It returns the page to go on from, and how
// many it hashed; behind the last page, that is 0.
func (r *RAM) Refresh(page uint32, n int) (next uint32, hashed int) {
	for ; int(page) < len(r.fresh); page++ {
		if r.fresh[page] {
			continue
		}
		if hashed == n {
			return page, hashed
		}
		r.Digest(page)
		hashed++
	}
	return 0, hashed
}

func (r *RAM) page(p uint32) []byte {
	return r.B[uint64(p)<<pageShift : (uint64(p)+1)<<pageShift]
}

// Root is the hash over all page hashes; only pages stored to since the last
// call are hashed. It makes those pages clean.
func (r *RAM) Root() Hash {
	if !r.stale {
		return r.root
	}
	r.root = RootOf(len(r.hash), func(p int) Hash { return r.Digest(uint32(p)) })
	r.stale = false
	return r.root
}

// RootOf is the root over so many pages with these digests.
func RootOf(pages int, digest func(p int) Hash) (root Hash) {
	h := sha256.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(pages))
	h.Write(n[:])
	for p := range pages {
		d := digest(p)
		h.Write(d[:])
	}
	h.Sum(root[:0])
	return root
}
