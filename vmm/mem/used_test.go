package mem_test

import (
	"bytes"
	"testing"

	"vmrecord/vmm/mem"
)

func TestUsed(t *testing.T) {
	r := mem.New(make([]byte, 8*mem.PageBytes))
	r.Write(0, []byte{1})
	r.Watch()
	r.Read(2*mem.PageBytes-1, make([]byte, 2)) // pages 1 and 2
	r.Write(4*mem.PageBytes-1, []byte{1, 2})   // 3 and 4
	r.Read(8*mem.PageBytes, make([]byte, 1))   // no RAM
	r.Read(7*mem.PageBytes, nil)
	r.Use(6*mem.PageBytes + 5)
	r.Root()
	for p, want := range []bool{false, true, true, true, true, false, true, false} {
		if r.Used(uint32(p)) != want {
			t.Errorf("page %d used: %v", p, !want)
		}
	}
}

func TestReadPhys(t *testing.T) {
	r := mem.New(bytes.Repeat([]byte{7}, 4*mem.PageBytes))
	if r.Partial() {
		t.Error("some page is not known")
	}
	r.Lack(2)
	for _, c := range []struct {
		pa   uint64
		n    int
		want int
	}{
		{0, 10, 10}, {mem.PageBytes - 1, 2, 2}, {2*mem.PageBytes - 3, 10, 3}, {2 * mem.PageBytes, 1, 0}, {3*mem.PageBytes - 1, 2, 0},
		{3 * mem.PageBytes, mem.PageBytes, mem.PageBytes}, {4*mem.PageBytes - 1, 2, 1}, {4 * mem.PageBytes, 1, 0}, {1<<64 - 1, 2, 0},
	} {
		p := make([]byte, c.n)
		if n := r.ReadPhys(c.pa, p); n != c.want || !bytes.Equal(p[:n], bytes.Repeat([]byte{7}, n)) {
			t.Errorf("%d bytes at %#x: %d, want %d", c.n, c.pa, n, c.want)
		}
	}
	if !r.Partial() || !r.Lacks(3*mem.PageBytes-1) || r.Lacks(3*mem.PageBytes) || r.Lacks(1<<40) {
		t.Error("it lacks other pages than it was told")
	}
}
