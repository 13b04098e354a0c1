package cpio

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Bounds of an archive that Build makes.
const (
	MaxFiles     = 1 << 16
	MaxNameBytes = 1024
	MaxBytes     = 1 << 30
)

// Kinds of file, as in the mode field (stat.h).
const (
	Dir     = 0o040000
	Char    = 0o020000
	Regular = 0o100000
	Symlink = 0o120000

	kindMask = 0o170000
)

// A File is one entry. Data is a symbolic link's target.
type File struct {
	Name  string // without a leading slash: "bin/sh"
	Mode  uint32 // kind and permissions; no kind means Regular
	Data  []byte
	Major uint32 // of a Char
	Minor uint32
}

// BuildInitramfs makes an archive of the files, and of the directories that
// lead to them.
func BuildInitramfs(files []File) ([]byte, error) {
	all, err := complete(files)
	if err != nil {
		return nil, err
	}
	var b []byte
	for i, f := range all {
		b = appendEntry(b, uint32(i+1), f)
		if len(b) > MaxBytes {
			return nil, fmt.Errorf("build initramfs: larger than %d bytes at %s", MaxBytes, f.Name)
		}
	}
	b = appendEntry(b, 0, File{Name: trailer})
	for len(b)%512 != 0 {
		b = append(b, 0)
	}
	return b, nil
}

const trailer = "TRAILER!!!"

// complete checks the files, adds their directories and sorts all by name, so
// that a directory stands before what is in it.
func complete(files []File) ([]File, error) {
	seen := map[string]bool{}
	var all []File
	for _, f := range files {
		if f.Mode&kindMask == 0 {
			f.Mode |= Regular
		}
		if err := check(f, seen); err != nil {
			return nil, fmt.Errorf("build initramfs: %w", err)
		}
		seen[f.Name] = true
		all = append(all, f)
	}
	for _, f := range files {
		for d := path.Dir(f.Name); d != "."; d = path.Dir(d) {
			if !seen[d] {
				seen[d] = true
				all = append(all, File{Name: d, Mode: Dir | 0o755})
			}
		}
	}
	if len(all) > MaxFiles {
		return nil, fmt.Errorf("build initramfs: %d files; at most %d", len(all), MaxFiles)
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func check(f File, seen map[string]bool) error {
	switch n := f.Name; {
	case n == "" || n == "." || n == ".." || n != path.Clean(n) || n[0] == '/' || strings.HasPrefix(n, "../") || strings.ContainsRune(n, 0):
		return fmt.Errorf("%.80q is not a name in the guest; write it like bin/sh", n)
	case n == trailer || len(n) > MaxNameBytes:
		return fmt.Errorf("name %.80q cannot stand in a cpio archive", n)
	case seen[n]:
		return fmt.Errorf("%s stands twice", n)
	case len(f.Data) > MaxBytes:
		return fmt.Errorf("%s is larger than %d bytes", n, MaxBytes)
	case f.Mode&kindMask == Dir && len(f.Data) != 0:
		return fmt.Errorf("directory %s has contents", n)
	}
	return nil
}

func appendEntry(b []byte, ino uint32, f File) []byte {
	links := uint32(1)
	if f.Mode&kindMask == Dir {
		links = 2
	}
	b = append(b, "070701"...)
	for _, v := range []uint32{ino, f.Mode, 0, 0, links, 0, uint32(len(f.Data)), 0, 0,
		f.Major, f.Minor, uint32(len(f.Name) + 1), 0} {
		b = fmt.Appendf(b, "%08X", v)
	}
	b = pad(append(append(b, f.Name...), 0))
	return pad(append(b, f.Data...))
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// ErrDamaged is what Check returns, wrapped, for an archive that Linux would
// not unpack whole.
var ErrDamaged = errors.New("damaged initramfs")

// Check reads through an initramfs and says what is wrong with it. It knows
// plain cpio only: for a compressed one, told by its first bytes, it returns
// nil, for the kernel has the decoder.
func Check(b []byte) error {
	if packed(b) {
		return nil
	}
	for off := 0; ; {
		for off < len(b) && b[off] == 0 {
			off++ // archives may be padded, and follow one another
		}
		if off == len(b) {
			return nil
		}
		if packed(b[off:]) {
			return nil
		}
		n, err := member(b, off)
		if err != nil {
			return fmt.Errorf("%w: at byte %d: %w", ErrDamaged, off, err)
		}
		off = n
	}
}

// member checks one archive that begins at off and returns where it ends.
func member(b []byte, off int) (int, error) {
	for {
		name, next, err := entry(b, off)
		if err != nil {
			return 0, err
		}
		if name == trailer {
			return next, nil
		}
		off = next
	}
}

// entry reads the entry at off; next is where the following one begins.
func entry(b []byte, off int) (name string, next int, err error) {
	if len(b)-off < 110 {
		return "", 0, fmt.Errorf("entry at byte %d is cut short", off)
	}
	if m := string(b[off : off+6]); m != "070701" && m != "070702" {
		return "", 0, fmt.Errorf("entry at byte %d: begins with %q, not with a cpio newc header", off, m)
	}
	size, ok1 := hex8(b[off+6+6*8:])
	nlen, ok2 := hex8(b[off+6+11*8:])
	if !ok1 || !ok2 {
		return "", 0, fmt.Errorf("entry at byte %d: not hexadecimal", off)
	}
	at := int64(off) + 110
	end := align(at + nlen)
	if nlen == 0 || nlen > 4096 || end > int64(len(b)) || b[at+nlen-1] != 0 {
		return "", 0, fmt.Errorf("entry at byte %d: its name does not end", off)
	}
	name = string(b[at : at+nlen-1])
	last := end + size
	if last > int64(len(b)) {
		return "", 0, fmt.Errorf("file %.80q is cut short: %d of %d bytes are there", name, int64(len(b))-end, size)
	}
	return name, int(min(align(last), int64(len(b)))), nil
}

// Walk calls f with each regular file of the plain archives that b begins with. It
// returns what follows them, from the first thing that is no entry: often an archive
// that is packed.
func Walk(b []byte, f func(name string, data []byte)) (rest []byte) {
	off := 0
	for off < len(b) {
		if b[off] == 0 {
			off++ // as in Check
			continue
		}
		name, next, err := entry(b, off)
		if err != nil {
			break
		}
		mode, ok := hex8(b[off+6+1*8:])
		if size, _ := hex8(b[off+6+6*8:]); ok && mode&kindMask == Regular {
			nlen, _ := hex8(b[off+6+11*8:])
			at := align(int64(off) + 110 + nlen)
			f(name, b[at:at+size])
		}
		off = next
	}
	return b[off:]
}

func align(n int64) int64 { return (n + 3) &^ 3 }

func hex8(b []byte) (v int64, ok bool) {
	for _, c := range b[:8] {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if c < '0' || d < 0 {
			return 0, false
		}
		v = v<<4 | int64(d)
	}
	return v, true
}

// packed tells whether b begins as one of the compressed forms that Linux
// unpacks: gzip, bzip2, xz, lzma, lzo, lz4, zstd.
func packed(b []byte) bool {
	for _, m := range []string{"\x1f\x8b", "BZh", "\xfd7zXZ", "\x5d\x00\x00", "\x89LZO", "\x02\x21\x4c\x18", "\x04\x22\x4d\x18", "\x28\xb5\x2f\xfd"} {
		if strings.HasPrefix(string(b[:min(len(b), 8)]), m) {
			return true
		}
	}
	return false
}
