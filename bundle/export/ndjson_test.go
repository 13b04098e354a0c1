package export

import (
	"strings"
	"testing"
)

// Bytes that are text are written as it, others in hex, and long ones are cut.
func TestData(t *testing.T) {
	long := strings.Repeat("x", maxData-1)
	for _, c := range []struct{ in, text, hex string }{
		{"", "", ""}, {"a\n", "a\n", ""}, {"ä", "ä", ""}, {"\xff\x01", "", "ff01"}, {"a\xc3", "", "61c3"},
		{long + "yz", long + "y", ""}, {long + "ä", long, ""},
	} {
		v := event{}.data([]byte(c.in))
		if text := v.Text; v.Hex != c.hex || (text == nil) != (c.hex != "") || text != nil && *text != c.text {
			t.Errorf("%.20q: %v, %q", c.in, text, v.Hex)
		}
	}
}
