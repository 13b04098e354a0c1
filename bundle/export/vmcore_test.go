package export

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vmrecord/vmm/cpu"
)

// A file with holes is the same bytes as one without.
func TestSparse(t *testing.T) {
	page := bytes.Repeat([]byte{7}, pageBytes)
	zero := make([]byte, pageBytes)
	for _, c := range []struct {
		name   string
		pieces [][]byte
		skip   uint64
	}{
		{"nothing", nil, 0},
		{"a page", [][]byte{page}, 0},
		{"zeros at the end", [][]byte{page, zero, zero}, 0},
		{"zeros first", [][]byte{zero, page}, 0},
		{"in one piece", [][]byte{slices.Concat(page, zero, zero, page, zero, page[:100])}, 0},
		{"odd", [][]byte{page[:10], zero[:100], slices.Concat(zero, zero, page)}, 0},
		{"skipped", [][]byte{page, zero}, 12345},
		{"zeros, less than a page", [][]byte{page, zero[:77]}, 0},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var plain, want bytes.Buffer
		for i, s := range []*sparse{newSparse(f), newSparse(&plain), newSparse(struct{ io.Writer }{io.Discard})} {
			for _, p := range c.pieces {
				s.write(p)
				s.skip(c.skip)
				if i == 0 {
					want.Write(p)
					want.Write(make([]byte, c.skip))
				}
			}
			if err := s.end(); err != nil || s.at != uint64(want.Len()) {
				t.Errorf("%s: %d bytes, want %d: %v", c.name, s.at, want.Len(), err)
			}
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, want.Bytes()) || !bytes.Equal(plain.Bytes(), want.Bytes()) {
			t.Errorf("%s: a file of %d bytes, a stream of %d, want %d; %v", c.name, len(got), plain.Len(), want.Len(), err)
		}
	}
}

// Registers of x87 and SSE stand where FXSAVE puts them.
func TestFPRegs(t *testing.T) {
	s := cpu.State{FCW: 0x37f, FSW: 6 << 11, FTW: 0x0fff, MXCSR: 0x1f80, FIP: 0x1122334455667788, FOP: 0x7ff}
	s.FPR[6], s.FPR[7] = cpu.F80{Mant: 1 << 63, SE: 0x3fff}, cpu.F80{Mant: 3 << 62, SE: 0x4000}
	s.XMM[0], s.XMM[15] = [2]uint64{1, 2}, [2]uint64{3, 4}
	b := packed(fpregsOf(&s))
	for _, c := range []struct {
		at   int
		want string
	}{
		{0, "\x7f\x03\x00\x30\xc0\x00\xff\x07\x88\x77\x66\x55\x44\x33\x22\x11"},
		{24, "\x80\x1f\x00\x00\xff\xff\x00\x00"},
		{32, "\x00\x00\x00\x00\x00\x00\x00\x80\xff\x3f\x00"},
		{48, "\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x40\x00"},
		{160, "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00"},
		{400, "\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00"},
	} {
		if got := string(b[c.at:][:len(c.want)]); len(b) != 512 || got != c.want {
			t.Errorf("at %d of %d: %x, want %x", c.at, len(b), got, c.want)
		}
	}
}

func TestZeros(t *testing.T) {
	b := make([]byte, 3*pageBytes)
	b[2*pageBytes+5] = 1
	for _, c := range []struct{ n, want int }{{0, 0}, {pageBytes - 1, 0}, {pageBytes, pageBytes}, {2*pageBytes + 9, 2 * pageBytes}, {3 * pageBytes, 2 * pageBytes}} {
		if got := zeros(b[:c.n]); got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.n, got, c.want)
		}
	}
}
