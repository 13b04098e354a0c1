package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"vmrecord/vmm"
)

// A castHeader is an asciicast's first line.
type castHeader struct {
	Version   int     `json:"version"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Timestamp uint64  `json:"timestamp"`
	Duration  float64 `json:"duration,omitzero"`
	Title     string  `json:"title"`
}

// A cast is an asciicast being written.
type cast struct {
	j     *job
	out   *bufio.Writer
	start vmm.Instant
	at    vmm.Instant // of the first byte of text
	text  []byte      // that was not yet written
}

// asciicast writes what the guest wrote to its console.
func asciicast(j *job) error {
	if err := j.play(j.From, ears{}); err != nil {
		return err
	}
	c := &cast{j: j, out: bufio.NewWriter(j.w), start: j.m.Now()}
	clock := j.m.Clock()
	fmt.Fprintf(c.out, "%s\n", jsonOf(castHeader{Version: 2, Width: j.Columns, Height: j.Rows, Timestamp: clock.Epoch() + uint64(c.start)/clock.Hz(),
		Duration: j.seconds(c.start, max(j.To.At, c.start)), Title: j.ID + " " + j.Manifest.Recording.Feature}))
	e := ears{console: c.console}
	if j.Keys {
		e.input = c.input
	}
	if err := j.play(j.To, e); err != nil {
		return err
	}
	c.flush(len(c.text))
	return c.out.Flush()
}

// castMillis is how long an event of output goes on.
const castMillis = 1

// console gathers text: a serial line brings bytes one by one.
func (c *cast) console(p []byte) {
	now := c.j.m.Now()
	if uint64(now-c.at) >= c.j.m.Hz()*castMillis/1000 {
		c.flush(whole(c.text))
	}
	if len(c.text) == 0 {
		c.at = now
	}
	c.text = append(c.text, p...)
}

func (c *cast) input(in vmm.Input) {
	if in.Inlet == c.j.Typed {
		c.flush(whole(c.text))
		c.event(c.j.m.Now(), "i", in.Data)
	}
}

// flush writes the first n bytes that were gathered.
func (c *cast) flush(n int) {
	if n > 0 {
		c.event(c.at, "o", c.text[:n])
		c.text = append(c.text[:0], c.text[n:]...)
		c.at = c.j.m.Now()
	}
}

func (c *cast) event(at vmm.Instant, kind string, text []byte) {
	fmt.Fprintf(c.out, "[%.6f, %q, %s]\n", c.j.seconds(c.start, at), kind, jsonOf(string(text)))
}

// whole counts the bytes before a character of UTF-8 whose end is still to come.
func whole(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if i := len(b) - n; utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return i
			}
			break
		}
	}
	return len(b)
}

// jsonOf is a value in a line; what is no UTF-8 in a text becomes U+FFFD.
func jsonOf(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("export: no JSON for %v: %v", v, err)) // plain values always marshal
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
