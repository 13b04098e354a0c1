package recording

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a\r\n\r\n  b", []string{"a", "b"}},
		{"1\n2\n3\n4\n5\n6\n7\n8\n", []string{"3", "4", "5", "6", "7", "8"}},
		{"\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b]2;t\x1b\\y\a", []string{"red xy"}},
		{"bad \xff utf\x00", []string{"bad  utf"}},
		{strings.Repeat("w", 300), []string{strings.Repeat("w", 200)}},
		{strings.Repeat("long\n", 100_000) + "end", []string{"long", "long", "long", "long", "long", "end"}},
	} {
		var whole, bytewise Tail
		whole.Write([]byte(c.in))
		for i := range len(c.in) {
			bytewise.Write([]byte(c.in[i : i+1]))
		}
		if got := whole.Lines(); got != strings.Join(c.want, "\n") {
			t.Errorf("%.40q: %q, want %q", c.in, got, c.want)
		}
		if got := bytewise.Lines(); got != strings.Join(c.want, "\n") {
			t.Errorf("%.40q byte by byte: %q, want %q", c.in, got, c.want)
		}
		if len(bytewise.b) > 2*tailBytes {
			t.Errorf("it keeps %d bytes", len(bytewise.b))
		}
	}
}
