package guestos

import (
	"encoding/binary"
	"fmt"
)

// The part of the address space where x86-64 Linux has its image, wherever
// KASLR puts it (Documentation/arch/x86/x86_64/mm.rst: "kernel text mapping").
const (
	imageFirst = 0xffffffff_80000000
	imageEnd   = 0xffffffff_c0000000
	imageLimit = 256 << 20 // bytes of an image that we read at most
	largeBytes = 2 << 20   // images are mapped in pieces of this size, and aligned so
)

// An image is the kernel's code and data as they stand in memory. Pages that
// are not mapped, as the kernel gives some of them back, are zero.
type image struct {
	base uint64
	b    []byte
}

// at is what is in [la, la+n), nil if that is not in the image.
func (i *image) at(la, n uint64) []byte {
	if la < i.base || la-i.base > uint64(len(i.b)) || n > uint64(len(i.b))-(la-i.base) {
		return nil
	}
	return i.b[la-i.base:][:n]
}

// entries are addresses of kernel code that the registers name.
func entries(s space, r Registers) []uint64 {
	e := []uint64{r.LSTAR}
	for _, vector := range []uint64{14, 13, 6, 3} { // an IDT always has some of these
		var gate [16]byte // SDM vol. 3A, 6.14.1
		if r.IDTR != 0 && s.read(r.IDTR+vector*16, gate[:]) == len(gate) {
			lo, hi := le64(gate[:]), le64(gate[8:])
			e = append(e, lo&0xffff|lo>>48<<16|hi<<32)
		}
	}
	return append(e, r.RIP)
}

// findImage reads the image that an entry lies in.
func findImage(s space, r Registers) (*image, error) {
	for _, la := range entries(s, r) {
		if la < imageFirst || la >= imageEnd {
			continue
		}
		if _, _, ok := s.phys(la); ok {
			return readImage(s, la), nil
		}
	}
	what := "no register leads to code in a 64-bit Linux kernel's place"
	if r.LSTAR == 0 {
		what = "LSTAR is 0 and no interrupt leads to code in a 64-bit Linux kernel's place: the guest has not booted that far; look at a later instant"
	}
	return nil, fmt.Errorf("%s (LSTAR %#x, IDTR %#x, RIP %#x, CR3 %#x)", what, r.LSTAR, r.IDTR, r.RIP, r.CR3)
}

// readImage reads all that is mapped around la without a hole of hole bytes:
// after the image comes nothing, up to modules.
func readImage(s space, la uint64) *image {
	const hole = 8 * largeBytes
	last := la &^ (largeBytes - 1)
	first := last
	for a := last; a >= imageFirst && first-a < hole && last-a < imageLimit/2; a -= largeBytes {
		if mapped(s, a) {
			first = a
		}
	}
	for a := last; a < imageEnd && a-last < hole && a-first < imageLimit; a += largeBytes {
		if mapped(s, a) {
			last = a
		}
	}
	i := &image{base: first, b: make([]byte, last+largeBytes-first)}
	for at := uint64(0); at < uint64(len(i.b)); {
		_, run, ok := s.phys(first + at)
		run = min(run, uint64(len(i.b))-at)
		if ok { // some pages of it may not be known: those are zeros
			run = min(run, pageBytes)
			s.read(first+at, i.b[at:at+run])
		}
		at += run
	}
	return i
}

// mapped tells whether any of the large page at la is.
func mapped(s space, la uint64) bool {
	for end := la + largeBytes; la < end; {
		_, run, ok := s.phys(la)
		if ok {
			return true
		}
		la += run
	}
	return false
}

// align rounds up to a power of two.
func align(n, to int) int { return n + (-n)&(to-1) }

// NoteBuildID finds the GNU build id (note type 3) among ELF notes (System V ABI,
// "Note Section"), in hex.
func NoteBuildID(b []byte) string {
	for len(b) >= 12 {
		name, desc := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if name > 1<<16 || desc > 1<<16 {
			return ""
		}
		at := align(12+int(name), 4)
		end := at + int(desc)
		if end > len(b) {
			return ""
		}
		if binary.LittleEndian.Uint32(b[8:]) == 3 && cstring(b[12:12+name]) == "GNU" {
			return fmt.Sprintf("%x", b[at:end])
		}
		b = b[min(align(end, 4), len(b)):]
	}
	return ""
}

// plausible tells whether la is in the upper half, which is the kernel's.
func plausible(la uint64) bool { return la >= 0xff000000_00000000 }
