package base

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vmrecord/configs/cpio"
)

// maxFile bounds a file that a base is made from, and what it unpacks to.
const maxFile = 1 << 30

// Make makes a base of a published file.
func Make(w io.Writer, name string) (Info, error) {
	i, err := pagesOf(w, name)
	if err != nil {
		return i, fmt.Errorf("make a base of %s: %w", name, err)
	}
	return i, nil
}

func pagesOf(w io.Writer, name string) (Info, error) {
	c, err := read(name)
	if err != nil {
		return Info{}, err
	}
	b, kind := NewBuilder(), Plain
	switch body, payload, ok := bzImage(c); {
	case ok:
		kind = Kernel
		b.content(body)
		elf, err := unpackLZ4(payload, maxFile)
		if err != nil {
			return Info{}, fmt.Errorf("its payload: %w", err)
		}
		b.content(elf)
	default:
		b.content(c)
		cpio.Walk(c, func(_ string, data []byte) {
			kind = Initramfs
			b.content(data)
		})
	}
	return b.Finish(w, kind, filepath.Base(name))
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(c) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return c, err
}

// bzImage finds what of a kernel image is loaded, and in it what is unpacked
// (Linux boot protocol, "The Real-Mode Kernel Header").
func bzImage(c []byte) (body, payload []byte, ok bool) {
	const setupSects, magic, version, payloadOffset, payloadLength, end = 0x1f1, 0x202, 0x206, 0x248, 0x24c, 0x250
	if len(c) < end || string(c[magic:magic+4]) != "HdrS" || binary.LittleEndian.Uint16(c[version:]) < 0x208 {
		return nil, nil, false
	}
	sects := int(c[setupSects])
	if sects == 0 {
		sects = 4
	}
	from := (sects + 1) * 512
	off, n := uint64(binary.LittleEndian.Uint32(c[payloadOffset:])), uint64(binary.LittleEndian.Uint32(c[payloadLength:]))
	if from > len(c) || off+n > uint64(len(c)-from) {
		return nil, nil, false
	}
	body = c[from:]
	return body, body[off : off+n], true
}
