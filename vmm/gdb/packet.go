package gdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// packetBytes bounds a packet's payload in both directions, counted as it is
// on the wire, without $, # and checksum. gdb is told; it is larger than what
// gdb 13 needs for its largest single request, a G packet.
const packetBytes = 0x4000

// maxNaks is how often an answer is sent again before the line counts as dead.
const maxNaks = 8

// An event is what comes in from the client.
type event struct {
	kind   eventKind
	packet string // unescaped
	err    error
}

type eventKind uint8

const (
	packet    eventKind = iota
	damaged             // a packet whose checksum is wrong
	again               // '-': our last packet arrived damaged
	interrupt           // ^C
	gone                // err says why
)

var errLong = fmt.Errorf("gdb: a packet of more than %d bytes: not a debugger's", packetBytes)

// receive reads r until it ends, and passes on what comes until ctx is done.
func receive(ctx context.Context, r io.Reader, to chan<- event) {
	b := bufio.NewReader(r)
	for {
		e := next(b)
		select {
		case to <- e:
		case <-ctx.Done():
			return
		}
		if e.kind == gone {
			return
		}
	}
}

// next finds the next event. What stands between packets is noise, '+' as well.
func next(b *bufio.Reader) event {
	for {
		c, err := b.ReadByte()
		switch {
		case err != nil:
			return left(err)
		case c == 3:
			return event{kind: interrupt}
		case c == '-':
			return event{kind: again}
		case c == '$':
			return frame(b)
		}
	}
}

// frame reads a packet behind its '$': payload, '#', two digits. A '$' begins
// it anew.
func frame(b *bufio.Reader) event {
	var raw []byte
	for {
		c, err := b.ReadByte()
		switch {
		case err != nil:
			return left(err)
		case c == '$':
			raw = raw[:0]
		case c == '#':
			var sum [2]byte
			if _, err := io.ReadFull(b, sum[:]); err != nil {
				return left(err)
			}
			if v, ok := number(string(sum[:])); !ok || byte(v) != checksum(string(raw)) {
				return event{kind: damaged}
			}
			return event{kind: packet, packet: unescape(raw)}
		case len(raw) == packetBytes:
			return event{kind: gone, err: errLong}
		default:
			raw = append(raw, c)
		}
	}
}

func left(err error) event {
	return event{kind: gone, err: fmt.Errorf("gdb: the client went away without detaching: %w", err)}
}

func checksum(s string) (sum byte) {
	for i := range len(s) {
		sum += s[i]
	}
	return sum
}

// unescape resolves '}': the next byte is to be XORed with 20h.
func unescape(raw []byte) string {
	out := raw[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '}' && i+1 < len(raw) {
			i++
			out = append(out, raw[i]^0x20)
			continue
		}
		out = append(out, raw[i])
	}
	return string(out)
}

// escape makes bytes fit for a packet. '*' would be a run length there.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte("$#}*", s[i]) >= 0 {
			b.WriteByte('}')
			b.WriteByte(s[i] ^ 0x20)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// send writes a packet with a payload that is fit for it.
func (s *session) send(payload string) error {
	s.last = fmt.Sprintf("$%s#%02x", payload, checksum(payload))
	return s.write(s.last)
}

func (s *session) write(text string) error {
	if _, err := io.WriteString(s.rw, text); err != nil {
		return fmt.Errorf("gdb: answer the client: %w", err)
	}
	return nil
}

// resend answers a '-'.
func (s *session) resend() error {
	if s.naks++; s.naks > maxNaks {
		return errors.New("gdb: the client refused the same answer too often: the line is damaged")
	}
	return s.write(s.last)
}

// number reads hexadecimal digits: one at least, 16 at most, nothing else.
func number(s string) (v uint64, ok bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	for i := range len(s) {
		d := strings.IndexByte("0123456789abcdef", s[i]|0x20)
		if d < 0 || s[i] < '0' {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}
