package host

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	maxKeys     = 10_000
	maxKeyBytes = 4096
	maxKeyTime  = 24 * time.Hour
)

// A Key is one entry of a script of keys: what is typed, and when after the start.
type Key struct {
	At   time.Duration
	Data []byte
}

// ParseKeys reads a script of keys. Each line is a time and a text:
//
//	1.5s   "s"          1.5 s after the start
//	+200ms "\r"         200 ms after the key before it
//	+1s    "k" x 20     twenty times, 1 s apart
//
// A time is a Go duration, a text a Go string. Empty lines and lines that begin
// with # are left out. Times must not go back.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	var last time.Duration
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, rel, times, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		for range times {
			at := k.At
			if rel {
				at += last
			}
			if at < last || at > maxKeyTime {
				return nil, fmt.Errorf("line %d: time %s; want %s to %s", i+1, at, last, maxKeyTime)
			}
			last = at
			keys = append(keys, Key{at, k.Data})
			if len(keys) > maxKeys {
				return nil, fmt.Errorf("line %d: more than %d keys", i+1, maxKeys)
			}
		}
	}
	return keys, nil
}

func parseKey(line string) (k Key, rel bool, times int, err error) {
	when, rest, _ := strings.Cut(line, " ")
	when, rel = strings.CutPrefix(when, "+")
	if k.At, err = time.ParseDuration(when); err != nil || k.At < 0 || k.At > maxKeyTime {
		return k, rel, 0, fmt.Errorf("%.40q is no time; write it like 1.5s or +200ms", when)
	}
	rest = strings.TrimSpace(rest)
	q, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return k, rel, 0, fmt.Errorf("want a quoted text after the time, such as \"k\"")
	}
	text, _ := strconv.Unquote(q)
	if text == "" || len(text) > maxKeyBytes {
		return k, rel, 0, fmt.Errorf("text of %d bytes; 1 to %d", len(text), maxKeyBytes)
	}
	k.Data, times = []byte(text), 1
	if rest = strings.TrimSpace(rest[len(q):]); rest != "" {
		n, ok := strings.CutPrefix(rest, "x")
		if times, err = strconv.Atoi(strings.TrimSpace(n)); !ok || err != nil || times < 1 || times > maxKeys {
			return k, rel, 0, fmt.Errorf("%.40q after the text; want x and a number up to %d", rest, maxKeys)
		}
	}
	return k, rel, times, nil
}

// Jitter moves each key by up to half the gap to the key after it, as the seed
// says (the last by half the gap before it): another seed is another user.
// Their order stays.
func Jitter(keys []Key, seed uint64) []Key {
	out := make([]Key, len(keys))
	for i, k := range keys {
		gap := 100 * time.Millisecond // of a key alone
		switch {
		case i+1 < len(keys):
			gap = keys[i+1].At - k.At
		case i > 0:
			gap = k.At - keys[i-1].At
		}
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		out[i] = Key{k.At + time.Duration(z%uint64(gap/2+1)), k.Data}
	}
	return out
}
