package debug

import (
	"errors"
	"strings"
	"testing"
)

// A head passes lines on, however they are cut, and says when there are more.
func TestHead(t *testing.T) {
	for _, c := range []struct {
		parts, want string // parts are divided by |
		more        bool
	}{{"", "", false}, {"a\nb\n", "a\nb\n", false}, {"a\nb\nc", "a\nb\n", true}, {"a|b\nc|\n", "ab\nc\n", false}, {"a\n|b\n|c\n|d", "a\nb\n", true}} {
		var b strings.Builder
		var err error
		h := head{&b, 2}
		for part := range strings.SplitSeq(c.parts, "|") {
			if err == nil {
				_, err = h.Write([]byte(part))
			}
		}
		if b.String() != c.want || errors.Is(err, errHead) != c.more {
			t.Errorf("%q: %q, %v", c.parts, b.String(), err)
		}
	}
}
