package base

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// maxWindow is the window of `zstd -22 --ultra`, with which kernels are packed.
const maxWindow = 128 << 20

// packings are the ways of packing a kernel or an initramfs that are undone here, by
// the bytes they begin with. Linux knows LZMA and LZO too.
var packings = []struct {
	magic string
	sized bool // a kernel's payload ends with its size, four bytes more
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", false, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", true, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"\x02\x21\x4c\x18", true, func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }}, // `lz4 -l`
	{"\x28\xb5\x2f\xfd", true, openZstd},
	{"\xfd7zXZ\x00", true, func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, maxWindow) }}, // with its filter for x86
}

func openZstd(r io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// unpack returns what unpacks, at most so many bytes, with the error that ended it.
// It is nothing if p is packed by other means, or not at all.
func unpack(p []byte, payload bool, most int64) ([]byte, error) {
	for _, k := range packings {
		if !strings.HasPrefix(string(p[:min(len(p), 8)]), k.magic) {
			continue
		}
		if k.sized && payload {
			p = p[:max(len(p)-4, len(k.magic))]
		}
		r, err := k.open(bytes.NewReader(p))
		if err != nil {
			return nil, err
		}
		if c, ok := r.(io.Closer); ok {
			defer c.Close()
		}
		out, err := io.ReadAll(io.LimitReader(r, most+1))
		if int64(len(out)) > most {
			return nil, fmt.Errorf("it unpacks to more than %d bytes", most)
		}
		return out, err
	}
	return nil, nil
}
