package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"aes", "sse3", "sse4.1", "memory"}
	for _, c := range []struct{ word, want string }{
		{"memroy", "memory"},
		{"sse5", "sse3"},
		{"sse41", "sse4.1"},
		{"aes", "aes"},
		{"ads", "aes"},
		{"xyz", ""},
		{"", ""},
		{strings.Repeat("memory", 20), ""},
	} {
		if got, ok := Nearest(c.word, known); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.word, got, c.want)
		}
	}
}
