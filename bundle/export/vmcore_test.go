package export

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
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

func TestZeros(t *testing.T) {
	b := make([]byte, 3*pageBytes)
	b[2*pageBytes+5] = 1
	for _, c := range []struct{ n, want int }{{0, 0}, {pageBytes - 1, 0}, {pageBytes, pageBytes}, {2*pageBytes + 9, 2 * pageBytes}, {3 * pageBytes, 2 * pageBytes}} {
		if got := zeros(b[:c.n]); got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.n, got, c.want)
		}
	}
}
