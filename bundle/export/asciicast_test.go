package export

import (
	"bytes"
	"testing"
)

// A character is never cut; what is none is told at once.
func TestWhole(t *testing.T) {
	for _, c := range []struct {
		in string
		n  int
	}{
		{"", 0}, {"ab", 2}, {"a\xc3", 1}, {"ä", 2}, {"\xe2\x82", 0}, {"x\xf0\x9f\x98", 1}, {"x😀", 5},
		{"\x82", 1}, {"a\xff", 2}, {"\x82\x82\x82\x82", 4},
	} {
		if n := whole([]byte(c.in)); n != c.n {
			t.Errorf("%q: %d, want %d", c.in, n, c.n)
		}
	}
}

func TestJSONOf(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<a>\t\"\x1b[0m", `"<a>\t\"\u001b[0m"`}, {"\xff", `"\ufffd"`}, {"ä", `"ä"`},
	} {
		if got := jsonOf(c.in); !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}
