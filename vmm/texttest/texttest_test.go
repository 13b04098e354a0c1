package texttest

import (
	"fmt"
	"strings"
	"testing"
)

// A heard is a test whose complaints are kept.
type heard struct {
	testing.TB
	said []string
}

func (h *heard) Helper()                        {}
func (h *heard) Errorf(format string, a ...any) { h.said = append(h.said, fmt.Sprintf(format, a...)) }

func TestInOrder(t *testing.T) {
	for _, c := range []struct {
		want []string
		bad  string // what is complained of
	}{
		{[]string{`o\w+`, "two", `\d`}, ""},
		{[]string{"two", "one"}, "one is not there"},
		{[]string{"two", "two"}, "two is not there"},
		{[]string{"four", "3"}, "four is not there"},
		{nil, ""},
	} {
		h := new(heard)
		InOrder(h, "one two 3", c.want)
		if got := strings.Join(h.said, "; "); (got == "") != (c.bad == "") || !strings.HasPrefix(got, c.bad) {
			t.Errorf("%q: %s, want %s", c.want, got, c.bad)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct{ got, want, says string }{
		{"a\nb\n", "a\nb\n", ""},
		{"a\nc\n", "a\nb\n", "x:2: c, want b"},
		{"a", "a\nb", "x:2: (no line), want b"},
		{"a\n", "a", "x:2: , want (no line)"},
		{strings.Repeat("a\n", 20), strings.Repeat("b\n", 20), "x:1: a, want b; x:2: a, want b; x:3: a, want b; x:4: a, want b; " +
			"x:5: a, want b; x:6: a, want b; x:7: a, want b; x:8: a, want b; x:9: a, want b; x:10: a, want b"},
	} {
		h := new(heard)
		Same(h, "x", c.got, c.want)
		if got := strings.Join(h.said, "; "); got != c.says {
			t.Errorf("%q, %q: %s, want %s", c.got, c.want, got, c.says)
		}
	}
}
