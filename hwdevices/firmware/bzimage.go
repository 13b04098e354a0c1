package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Offsets in the image's first sectors, and in the zero page alike.
const (
	hdrAt  = 0x1f1
	hdrMin = 0x268 // the end of protocol 2.12's fields
	hdrMax = 0x290 // where the zero page goes on with other things
)

// A header is what we use of an image's setup header.
type header struct {
	raw         []byte // from hdrAt
	body        []byte // the protected-mode kernel: what is loaded
	relocatable bool
	align       uint32
	prefer      uint64
	initSize    uint32
	initrdMax   uint32
	cmdlineMax  uint32
	entry64     bool // it has a 64-bit entry; all have a 32-bit one
}

// ErrNotLinux is returned, wrapped, for a file that is not a kernel we can boot.
var ErrNotLinux = errors.New("not a Linux bzImage")

func parse(k []byte) (*header, error) {
	bad := func(f string, a ...any) (*header, error) {
		return nil, fmt.Errorf("%w: "+f, append([]any{ErrNotLinux}, a...)...)
	}
	le := binary.LittleEndian
	if len(k) < hdrMax {
		return bad("%d bytes long", len(k))
	}
	if le.Uint16(k[0x1fe:]) != 0xaa55 || string(k[0x202:0x206]) != "HdrS" {
		return bad("it has no setup header")
	}
	if v := le.Uint16(k[0x206:]); v < 0x020c {
		return bad("boot protocol %d.%02d; 2.12 or later is needed", v>>8, v&0xff)
	}
	if k[0x211]&1 == 0 {
		return bad("it loads below 1 MiB")
	}
	end := 0x202 + int(k[0x201])
	if end < hdrMin {
		return bad("its setup header ends at %#x", end)
	}
	sects := int(k[hdrAt])
	if sects == 0 {
		sects = 4
	}
	from := (sects + 1) * 512
	if from >= len(k) || uint64(le.Uint32(k[0x1f4:]))*16 > uint64(len(k)-from)+15 {
		return bad("it is cut short: %d bytes, the header speaks of %d", len(k), uint64(from)+uint64(le.Uint32(k[0x1f4:]))*16)
	}
	h := &header{
		raw: k[hdrAt:min(end, hdrMax)], body: k[from:],
		relocatable: k[0x234] != 0, align: le.Uint32(k[0x230:]), prefer: le.Uint64(k[0x258:]),
		initSize: le.Uint32(k[0x260:]), initrdMax: le.Uint32(k[0x22c:]), cmdlineMax: le.Uint32(k[0x238:]),
		entry64: le.Uint16(k[0x236:])&1 != 0, // XLF_KERNEL_64
	}
	if len(h.body) <= entry64 {
		return bad("its kernel is %d bytes long", len(h.body))
	}
	if h.relocatable && (bits.OnesCount32(h.align) != 1 || h.align < pageBytes) {
		return bad("its alignment is %#x", h.align)
	}
	return h, nil
}
