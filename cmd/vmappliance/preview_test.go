package main

import (
	"strings"
	"testing"
)

// Each line of a preview is one: the terminal of a guest that runs needs more at its end
// than a newline.
func TestPreviewLines(t *testing.T) {
	v := preview{look: look{First: "one\ntwo", Last: "three"}, Report: "a\nb"}
	lines := v.lines()
	if text := strings.Join(lines, "|"); strings.Contains(text, "\n") || !strings.Contains(text, "console at the start|        | one|        | two|console at the end|        | three|") {
		t.Errorf("%q", lines)
	}
}
