package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"vmrecord/bundle"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A Line is what positions are counted along.
type Line struct {
	Start, End vmm.Position
	Hz         uint64
	Markers    []bundle.Marker
}

// LineOf is the line of a bundle's tape.
func LineOf(m *bundle.Manifest) Line { return Line{m.Tape.Start, m.Tape.End, m.Machine.Hz, m.Markers} }

// A PositionError is a position that cannot be found.
type PositionError struct{ Text, Why string }

func (e *PositionError) Error() string {
	return fmt.Sprintf("position %q: %s", e.Text, e.Why)
}

// ParsePosition finds the position that a user wrote: an instant (123456789),
// an instant and its inputs as a Position prints (123456789+4), guest time from
// the start (12.5s, 300ms) or from the end (-3s), a share of the way (50%,
// 12.5%), a mark (@name, the first of that name), failure (the last one
// marked), start or end.
func ParsePosition(s string, l Line) (vmm.Position, error) {
	bad := func(f string, a ...any) (vmm.Position, error) {
		return vmm.Position{}, &PositionError{s, fmt.Sprintf(f, a...)}
	}
	span := uint64(l.End.At - l.Start.At)
	p := vmm.Position{Inputs: tape.All}
	switch {
	case s == "start":
		return l.Start, nil
	case s == "end":
		return l.End, nil
	case s == "failure" || strings.HasPrefix(s, "@"):
		if m, ok := l.marker(s); ok {
			return m.Pos, nil
		}
		return bad("there is no such mark; the tape has %s", l.names())
	case strings.HasSuffix(s, "%"):
		n, err := thousandths(strings.TrimSuffix(s, "%"))
		if err != nil || n > 100_000 {
			return bad("a share is between 0%% and 100%%, with at most three decimals")
		}
		p.At = l.Start.At + vmm.Instant(vmm.MulDiv(span, n, 100_000))
	case strings.ContainsAny(s, "smh"):
		d, err := time.ParseDuration(s)
		if err != nil {
			return bad("a time is written like 12.5s or -3s")
		}
		n := vmm.MulDiv(uint64(d.Abs()), l.Hz, uint64(time.Second))
		if n > span {
			return bad("the tape is %d instants long, %.3f s; this is %d", span, float64(span)/float64(l.Hz), n)
		}
		if p.At = l.Start.At + vmm.Instant(n); d < 0 {
			p.At = l.End.At - vmm.Instant(n)
		}
	default:
		at, inputs, both := strings.Cut(s, "+")
		n, err := strconv.ParseUint(at, 10, 64)
		if err == nil && both {
			p.Inputs, err = strconv.ParseUint(inputs, 10, 64)
		}
		if err != nil {
			return bad("positions are an instant, 12.5s, -3s, 50%%, @mark, failure, start or end")
		}
		if p.At = vmm.Instant(n); p.At < l.Start.At || p.At > l.End.At {
			return bad("the tape goes from %d to %d", l.Start.At, l.End.At)
		}
	}
	return p, nil
}

func (l *Line) marker(s string) (found bundle.Marker, ok bool) {
	for _, m := range l.Markers {
		switch {
		case s == "failure" && m.Kind == tape.Fail.String():
			found, ok = m, true
		case s == "@"+m.Text && m.Kind != tape.Attr.String():
			return m, true
		}
	}
	return found, ok
}

func (l *Line) names() string {
	var n []string
	for _, m := range l.Markers {
		if m.Kind != tape.Attr.String() {
			n = append(n, "@"+m.Text)
		}
	}
	if len(n) == 0 {
		return "none"
	}
	return strings.Join(n, ", ")
}

// thousandths reads a decimal with at most three places.
func thousandths(s string) (uint64, error) {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 3 {
		return 0, strconv.ErrSyntax
	}
	w, err := strconv.ParseUint(whole, 10, 16)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseUint((part + "000")[:3], 10, 16)
	return w*1000 + f, err
}
