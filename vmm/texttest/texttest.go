// Package texttest holds what programs say, in tests, against what they should say.
package texttest

import (
	"regexp"
	"strings"
	"testing"
)

// InOrder holds a text against regular expressions: each must match behind the one
// before it.
func InOrder(t testing.TB, text string, want []string) {
	t.Helper()
	rest := text
	for _, w := range want {
		at := regexp.MustCompile(w).FindStringIndex(rest)
		if at == nil {
			t.Errorf("%s is not there, or too early, in\n%s", w, text)
			continue
		}
		rest = rest[at[1]:]
	}
}

// mostLines are told where two texts differ; those behind mostly follow from them.
const mostLines = 10

// Same holds a text against another, and tells of the first lines that differ.
func Same(t testing.TB, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i, told := 0, 0; i < max(len(g), len(w)) && told < mostLines; i++ {
		if a, b := line(g, i), line(w, i); a != b {
			t.Errorf("%s:%d: %s, want %s", what, i+1, a, b)
			told++
		}
	}
}

func line(all []string, i int) string {
	if i < len(all) {
		return all[i]
	}
	return "(no line)"
}
