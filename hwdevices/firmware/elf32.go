package firmware

import "encoding/binary"

// A segment is a part of an image to be loaded: bytes of the file, then zeros.
type segment struct {
	at   uint64 // physical address
	data []byte
	size uint64 // in memory; at least len(data)
}

// Offsets in an ELF header and its program headers (System V ABI, chapters 4
// and 5; the Intel386 supplement).
const (
	elfBytes     = 52
	elfProgBytes = 32
	maxProgs     = 64
)

// elf32 reads the segments and the entry point of an executable. Segments are
// loaded at their physical addresses; an entry point in one of them moves with
// it.
func elf32(k []byte) (segs []segment, entry uint64, err error) {
	le := binary.LittleEndian
	switch {
	case len(k) < elfBytes || string(k[:4]) != "\x7fELF":
		return nil, 0, notMultiboot("it is not ELF")
	case k[4] != 1 || k[5] != 1 || le.Uint16(k[18:]) != 3:
		return nil, 0, notMultiboot("it is not 32-bit ELF for the 386; a 64-bit kernel needs a 32-bit image around it")
	case le.Uint16(k[16:]) != 2:
		return nil, 0, notMultiboot("its ELF type is %d, not an executable", le.Uint16(k[16:]))
	}
	start, size, n := uint64(le.Uint32(k[24:])), uint64(le.Uint16(k[42:])), uint64(le.Uint16(k[44:]))
	at := uint64(le.Uint32(k[28:]))
	if size < elfProgBytes || n > maxProgs || at > uint64(len(k)) || n*size > uint64(len(k))-at {
		return nil, 0, notMultiboot("its %d program headers of %d bytes at %#x do not lie in the file, or are more than %d", n, size, at, maxProgs)
	}
	entry = start
	for i := range n {
		p := k[at+i*size:]
		if le.Uint32(p) != 1 { // PT_LOAD
			continue
		}
		off, virt, phys := uint64(le.Uint32(p[4:])), uint64(le.Uint32(p[8:])), uint64(le.Uint32(p[12:]))
		file, memory := uint64(le.Uint32(p[16:])), uint64(le.Uint32(p[20:]))
		if memory == 0 {
			continue
		}
		if off > uint64(len(k)) || file > uint64(len(k))-off || file > memory {
			return nil, 0, notMultiboot("segment %d: %#x bytes at %#x do not lie in the file, or not in the %#x of memory", i, file, off, memory)
		}
		if start >= virt && start-virt < memory {
			entry = phys + start - virt
		}
		segs = append(segs, segment{phys, k[off : off+file], memory})
	}
	if len(segs) == 0 {
		return nil, 0, notMultiboot("it has nothing to load")
	}
	return segs, entry, nil
}
