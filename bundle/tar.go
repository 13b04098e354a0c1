package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	tarBlock   = 512
	maxEntries = 16384
	maxTarName = 100
)

// tarHeader is the one header that a file of this name and size has.
func tarHeader(name string, size int64) []byte {
	h := make([]byte, tarBlock)
	copy(h, name)
	copy(h[100:], "0000644\x00")            // mode
	copy(h[108:], "0000000\x000000000\x00") // uid, gid
	copy(h[124:], fmt.Sprintf("%011o\x00", size))
	copy(h[136:], "00000000000\x00") // mtime
	copy(h[148:], "        ")        // checksum, while it is computed
	h[156] = '0'                     // a regular file
	copy(h[257:], "ustar\x0000")
	copy(h[329:], "0000000\x000000000\x00") // device numbers
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func padding(size int64) int64 { return -size & (tarBlock - 1) }

// writeTar writes one file's header, bytes and padding.
func writeTar(w io.Writer, name string, size int64, r io.Reader) error {
	if _, err := w.Write(tarHeader(name, size)); err != nil {
		return err
	}
	if n, err := io.Copy(w, r); err != nil || n != size {
		return errors.Join(err, shortOf(name, n, size))
	}
	_, err := w.Write(make([]byte, padding(size)))
	return err
}

func writeTarBytes(w io.Writer, name string, b []byte) error {
	return writeTar(w, name, int64(len(b)), bytes.NewReader(b))
}

func shortOf(name string, n, size int64) error {
	if n == size {
		return nil
	}
	return fmt.Errorf("%s: %d bytes written of %d", name, n, size)
}

// writeTarEnd ends an archive.
func writeTarEnd(w io.Writer) error {
	_, err := w.Write(make([]byte, 2*tarBlock))
	return err
}

// An entry is a file in the archive.
type entry struct{ off, size int64 }

// readTar finds the files of an archive, in order. Nothing but what writeTar
// writes is accepted.
func readTar(r io.ReaderAt, size int64) (names []string, at map[string]entry, err error) {
	at = map[string]entry{}
	var h [tarBlock]byte
	for off := int64(0); ; {
		if size-off < 2*tarBlock {
			return nil, nil, damaged("file", "it is cut off after %d bytes", size)
		}
		if err := readAt(r, h[:], off); err != nil {
			return nil, nil, err
		}
		if h == [tarBlock]byte{} {
			return names, at, tarEnd(r, off, size)
		}
		if off == 0 && !bytes.HasPrefix(h[:], []byte(textPart+"\x00")) {
			return nil, nil, damaged("file", "it does not begin like a bundle, so it is another kind of file, or cut at its front")
		}
		name, n, err := parseHeader(&h, off)
		if err != nil {
			return nil, nil, err
		}
		if off += tarBlock; n > size-off-padding(n) {
			return nil, nil, damaged(name, "it has %d bytes, and the file ends after %d", n, size-off)
		}
		if _, twice := at[name]; twice || len(names) == maxEntries {
			return nil, nil, damaged("file", "%s is there twice, or there are more than %d parts", name, maxEntries)
		}
		names, at[name] = append(names, name), entry{off, n}
		off += n
		pad := h[:padding(n)]
		if err := readAt(r, pad, off); err != nil {
			return nil, nil, err
		}
		if !zeros(pad) {
			return nil, nil, damaged("file", "there is something between %s and the next part", name)
		}
		off += int64(len(pad))
	}
}

func tarEnd(r io.ReaderAt, off, size int64) error {
	var h [2 * tarBlock]byte
	if size-off != int64(len(h)) {
		return damaged("file", "there are %d bytes behind its last part, should be %d", size-off, len(h))
	}
	if err := readAt(r, h[:], off); err != nil {
		return err
	}
	if !zeros(h[:]) {
		return damaged("file", "its end is not zeros")
	}
	return nil
}

func parseHeader(h *[tarBlock]byte, off int64) (name string, size int64, err error) {
	name, _, _ = strings.Cut(string(h[:maxTarName]), "\x00")
	size, err = strconv.ParseInt(string(h[124:135]), 8, 64)
	if err != nil || size < 0 || string(tarHeader(name, size)) != string(h[:]) {
		return "", 0, damaged("file", "the header at byte %d is not one of a bundle", off)
	}
	if !goodName(name) {
		return "", 0, damaged("file", "a part is named %q", name)
	}
	return name, size, nil
}

// goodName tells whether a part may have this name.
func goodName(name string) bool {
	if name == "" || len(name) > maxTarName {
		return false
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("._/-", c)) {
			return false
		}
	}
	for _, e := range strings.Split(name, "/") {
		if e == "" || e == "." || e == ".." {
			return false
		}
	}
	return true
}

func zeros(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return damaged("file", "it is cut off after %d bytes", off+int64(n))
	}
	return err
}
