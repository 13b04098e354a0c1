package recording

import (
	"regexp"
	"strings"
	"unicode"
)

const (
	tailBytes = 8 << 10
	tailLines = 6
	tailWidth = 200
)

// A Tail is the end of what a console printed. The zero value is ready.
type Tail struct{ b []byte }

// Write takes what is printed.
func (t *Tail) Write(p []byte) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailBytes {
		t.b = append(t.b[:0], t.b[len(t.b)-tailBytes:]...)
	}
}

// escapes are the control sequences of ECMA-48 5.4 and the strings of 5.6.
var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)?|\x1b.`)

// Lines are the last lines that are not empty, at most six, as plain text.
func (t *Tail) Lines() string {
	var lines []string
	plain := escapes.ReplaceAllString(string(t.b), "")
	all := strings.FieldsFunc(plain, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(all) - 1; i >= 0 && len(lines) < tailLines; i-- {
		line := strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(all[i], ""))
		r := []rune(strings.TrimSpace(line))
		if len(r) > 0 {
			lines = append([]string{string(r[:min(len(r), tailWidth)])}, lines...)
		}
	}
	return strings.Join(lines, "\n")
}
