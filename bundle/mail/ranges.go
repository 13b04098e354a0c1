package mail

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// A Range is the whole numbers from From up to, not including, To.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Ranges is a set of numbers (bytes of a file, or parts): sorted, disjoint, not
// touching. The zero value is the empty set.
type Ranges []Range

// With returns the union of s and r; s is not changed.
func (s Ranges) With(r Range) Ranges {
	if r.From >= r.To {
		return s
	}
	out := make(Ranges, 0, len(s)+1)
	i := 0
	for ; i < len(s) && s[i].To < r.From; i++ {
		out = append(out, s[i])
	}
	for ; i < len(s) && s[i].From <= r.To; i++ {
		r.From, r.To = min(r.From, s[i].From), max(r.To, s[i].To)
	}
	return append(append(out, r), s[i:]...)
}

// push is With in place, for an r that begins after all of s but the last range.
func (s *Ranges) push(r Range) {
	if r.From >= r.To {
		return
	}
	if n := len(*s); n > 0 && r.From <= (*s)[n-1].To {
		(*s)[n-1].To = max((*s)[n-1].To, r.To)
		return
	}
	*s = append(*s, r)
}

// Covers reports whether all of r is in s.
func (s Ranges) Covers(r Range) bool {
	if r.From >= r.To {
		return true
	}
	i := sort.Search(len(s), func(i int) bool { return s[i].To >= r.To })
	return i < len(s) && s[i].From <= r.From
}

// Len is how many numbers are in s.
func (s Ranges) Len() int64 {
	n := int64(0)
	for _, x := range s {
		n += x.To - x.From
	}
	return n
}

// check says whether s, read from a file, is a proper set within [0, limit).
func (s Ranges) check(limit int64) error {
	last := int64(-1)
	for _, x := range s {
		if x.From <= last || x.From >= x.To || x.To > limit {
			return fmt.Errorf("range %d-%d is out of order or beyond %d", x.From, x.To, limit)
		}
		last = x.To
	}
	return nil
}

// String prints s as people count: "1-3,5".
func (s Ranges) String() string {
	t, _ := s.text(1 << 20)
	return t
}

// text prints s in at most about limit characters; cut says that more follows.
func (s Ranges) text(limit int) (text string, cut bool) {
	var b strings.Builder
	for i, x := range s {
		if b.Len() > limit {
			return b.String(), true
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", x.From)
		if x.To > x.From+1 {
			fmt.Fprintf(&b, "-%d", x.To-1)
		}
	}
	return b.String(), false
}

// parseRanges reads what text prints: numbers from 1 to last, ascending.
func parseRanges(t string, last int64) (s Ranges, cut bool, err error) {
	if len(t) > 1000 {
		return nil, false, fmt.Errorf("list of parts is %d characters long, at most 1000", len(t))
	}
	t, cut = strings.CutSuffix(t, ",+")
	for w := range strings.SplitSeq(t, ",") {
		a, b, span := strings.Cut(w, "-")
		if !span {
			b = a
		}
		from, err1 := strconv.ParseUint(a, 10, 31)
		to, err2 := strconv.ParseUint(b, 10, 31)
		if err1 != nil || err2 != nil || from < 1 || to < from || int64(to) > last {
			return nil, false, fmt.Errorf("%q is not a list of parts from 1 to %d", t, last)
		}
		s = s.With(Range{int64(from), int64(to) + 1})
	}
	return s, cut, nil
}
