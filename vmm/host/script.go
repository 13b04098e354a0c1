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
	// cueDelay is the least time from a cue to a key: longer than a turn of the
	// door, so that at virtual pace the key is in time whatever this host does.
	cueDelay = 6 * time.Millisecond
)

// A Key is one entry of a script of keys: what is typed, and when after the start.
type Key struct {
	At   time.Duration
	Data []byte
}

// A Script is what somebody at the keyboard does: nothing until the guest has
// printed Cue, if there is one, and then the keys.
type Script struct {
	Cue  string
	Keys []Key
}

// ParseScript reads a script of keys. Each line is a time and a text; a first
// line may say what to wait for, and times then count from there:
//
//	after "login:"      when the guest has printed this
//	1.5s   "s"          1.5 s after the start
//	+200ms "\r"         200 ms after the key before it
//	+1s    "k" x 20     twenty times, 1 s apart
//
// A time is a Go duration, a text a Go string. Empty lines and lines that begin
// with # are left out. Times must not go back.
func ParseScript(text string) (sc Script, err error) {
	var last time.Duration
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if q, ok := strings.CutPrefix(line, "after "); ok && sc.Cue == "" && sc.Keys == nil {
			if sc.Cue, err = strconv.Unquote(strings.TrimSpace(q)); err != nil || sc.Cue == "" || len(sc.Cue) > maxKeyBytes {
				return Script{}, fmt.Errorf("line %d: want a quoted text after the word after", i+1)
			}
			last = cueDelay
			continue
		}
		k, rel, times, err := parseKey(line)
		if err != nil {
			return Script{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		for range times {
			at := k.At
			if rel {
				at += last
			}
			if at < last || at > maxKeyTime {
				return Script{}, fmt.Errorf("line %d: time %s; want %s to %s", i+1, at, last, maxKeyTime)
			}
			last = at
			sc.Keys = append(sc.Keys, Key{at, k.Data})
			if len(sc.Keys) > maxKeys {
				return Script{}, fmt.Errorf("line %d: more than %d keys", i+1, maxKeys)
			}
		}
	}
	return sc, nil
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

// A Listener waits for a text in what the guest prints.
type Listener struct {
	text string
	tail []byte // the last bytes heard, less than the text
	done bool
}

// Listen returns a listener for text, which is not empty.
func Listen(text string) *Listener { return &Listener{text: text} }

// Hear is told of everything printed, and says once that the text was there.
func (l *Listener) Hear(p []byte) bool {
	if l.done {
		return false
	}
	l.tail = append(l.tail, p...)
	if l.done = strings.Contains(string(l.tail), l.text); l.done {
		l.tail = nil
		return true
	}
	if n := len(l.tail) - len(l.text) + 1; n > 0 {
		l.tail = l.tail[:copy(l.tail, l.tail[n:])]
	}
	return false
}
