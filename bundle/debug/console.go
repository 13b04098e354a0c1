package debug

import (
	"strings"

	"vmrecord/vmm"
)

// A console is what the guest wrote, as far as it was replayed.
type console struct {
	text  []byte
	from  int     // bytes that were dropped before text
	parts []piece // ascending
}

// A piece ends at a count of bytes, which were written before a position.
type piece struct {
	pos vmm.Position
	end int
}

// consoleBytes are kept at least, and twice as many at most.
const consoleBytes = 4 << 20

// heard is told of text by a machine at a position. What is replayed again was
// heard before.
func (c *console) heard(at vmm.Position, b []byte) {
	n := len(c.parts)
	if n > 0 && !earlier(c.parts[n-1].pos, at) {
		return
	}
	if c.text = append(c.text, b...); len(c.text) > 2*consoleBytes {
		drop := len(c.text) - consoleBytes
		c.text, c.from = append([]byte(nil), c.text[drop:]...), c.from+drop
		for len(c.parts) > 0 && c.parts[0].end <= c.from {
			c.parts = c.parts[1:]
		}
	}
	c.parts = append(c.parts, piece{at, c.from + len(c.text)})
}

// last are the last lines before a position, at most n.
func (c *console) last(before vmm.Position, n int) []string {
	end := c.from
	for i := len(c.parts) - 1; i >= 0; i-- {
		if earlier(c.parts[i].pos, before) {
			end = c.parts[i].end
			break
		}
	}
	text := strings.TrimRight(strings.ReplaceAll(string(c.text[:end-c.from]), "\r", ""), "\n")
	if text == "" {
		return nil
	}
	l := strings.Split(text, "\n")
	l = l[max(0, len(l)-n):]
	for i := range l {
		l[i] = printable(l[i])
	}
	return l
}
