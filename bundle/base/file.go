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
	b := NewBuilder()
	kind, err := b.file(name)
	if err != nil {
		return Info{}, err
	}
	return b.Finish(w, kind, filepath.Base(name), nil)
}

// infoOf is what a base says, or what Make would say, for a tenth of the time.
func infoOf(name string) (Info, error) {
	if filepath.Ext(name) == Ext {
		b, err := Open(name)
		if err != nil {
			return Info{}, err
		}
		return b.Info, b.Close()
	}
	b := NewBuilder()
	b.dry = true
	kind, err := b.file(name)
	return b.info(format, kind, filepath.Base(name)), err
}

// file adds the pages of a published file, and tells its kind.
func (b *Builder) file(name string) (kind string, err error) {
	bad := func(err error) (string, error) { return "", fmt.Errorf("make a base of %s: %w", name, err) }
	c, err := read(name)
	if err != nil {
		return bad(err)
	}
	if body, payload, ok := bzImage(c); ok {
		elf, err := unpack(payload, true, maxFile)
		if err != nil {
			return bad(fmt.Errorf("its payload: %w", err))
		}
		b.content(body)
		b.content(elf)
		return Kernel, nil
	}
	b.content(c)
	if b.archives(c) {
		return Initramfs, nil
	}
	return Plain, nil
}

// archives adds the files of an initramfs and tells whether there are any: plain
// archives, then at most one that is packed, of which what unpacks counts, as to Linux.
func (b *Builder) archives(c []byte) (any bool) {
	add := func(_ string, data []byte) {
		any = true
		b.content(data)
	}
	packed, _ := unpack(cpio.Walk(c, add), false, maxFile)
	cpio.Walk(packed, add)
	return any
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
