package debug

import (
	"slices"
	"strings"
	"testing"

	"vmrecord/vmm"
)

// One instruction's accesses in a loop are one row, and each says what it led to.
func TestRows(t *testing.T) {
	var all []Access
	for i, a := range []Access{{RIP: 1, Was: "1", rsp: 8}, {RIP: 1, Was: "1", rsp: 8}, {RIP: 2, Was: "1", rsp: 8, Write: true}, {RIP: 2, Was: "5", rsp: 8, Write: true},
		{RIP: 2, Was: "6", rsp: 16, Write: true}, {RIP: 3, Was: "7", rsp: 16}} {
		a.Times, a.Position = 1, vmm.Position{At: vmm.Instant(i)}
		all = a.behind(all)
	}
	all[len(all)-1].Is = "7"
	var got []string
	for _, a := range all {
		got = append(got, strings.Join(strings.Fields(a.Line()), " "))
	}
	want := []string{"-0.000 ms 0 read 1, 2 times 0x1", "-0.000 ms 0 write 1 -> 6, 2 times 0x2", "-0.000 ms 0 write 6 -> 7 0x2", "-0.000 ms 0 read 7 0x3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct {
		b    string
		want string
	}{{"\xff", "-1"}, {"\x34\x12", "4660"}, {"\xff\xff\xff\xff", "-1"}, {"\x00\x00\x00\x80\x00\x00\x00\x00", "0x80000000"}, {"abc", "61 62 63"}, {"", ""}} {
		if got := number([]byte(c.b)); got != c.want {
			t.Errorf("% x is %q, want %q", c.b, got, c.want)
		}
	}
}
