package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of a trace that is compared, in bytes.
const maxLine = 1 << 20

// A Difference is where two traces part.
type Difference struct {
	Line   uint64   // the number of the first one that differs, from 1
	Before []string // lines before it, which are those of both but for what was not compared
	A, B   []string // from it on; none: that trace has ended
}

// Diff finds where two traces, as text or NDJSON, part; nil if they are the same,
// with how many lines they have. It shows so many lines of context, and keeps no
// more of either. Without instants the first column is not compared, or in NDJSON
// the numbers "at" and "end".
func Diff(a, b io.Reader, context int, instants bool) (d *Difference, lines uint64, err error) {
	x, y := bufio.NewReaderSize(a, maxLine), bufio.NewReaderSize(b, maxLine)
	var before []string
	for n := uint64(1); ; n++ {
		s, e1 := nextLine(x)
		t, e2 := nextLine(y)
		switch err := errors.Join(e1, e2); {
		case errors.Is(e1, io.EOF) && errors.Is(e2, io.EOF):
			return nil, n - 1, nil
		case err != nil && !errors.Is(err, io.EOF):
			return nil, n - 1, fmt.Errorf("line %d: %w", n, err)
		}
		if e1 != nil || e2 != nil || !bytes.Equal(s, t) && (instants || !bytes.Equal(timeless(s), timeless(t))) {
			d := &Difference{Line: n, Before: before}
			d.A, e1 = following(x, s, e1, context)
			d.B, e2 = following(y, t, e2, context)
			return d, n, errors.Join(e1, e2)
		}
		if context == 0 {
			continue
		}
		if len(before) == context {
			before = before[:copy(before, before[1:])]
		}
		before = append(before, string(s))
	}
}

// nextLine is the next line without its end, until the one after; io.EOF if
// there is none.
func nextLine(r *bufio.Reader) ([]byte, error) {
	s, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("it has more than %d bytes, so this is no trace as text or NDJSON", maxLine)
	case errors.Is(err, io.EOF) && len(s) > 0:
		return s, nil
	case err != nil:
		return nil, err
	}
	return s[:len(s)-1], nil
}

// following is a line that was read, and some behind it.
func following(r *bufio.Reader, line []byte, err error, context int) (all []string, _ error) {
	for ; err == nil; line, err = nextLine(r) {
		if all = append(all, string(line)); len(all) > context {
			return all, nil
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all, err
}

// timeless is a line without its instants.
func timeless(s []byte) []byte {
	rest, isJSON := bytes.CutPrefix(s, []byte(`{"at":`))
	if !isJSON {
		_, rest, _ = bytes.Cut(s, []byte(" "))
		return rest
	}
	rest = bytes.TrimLeft(rest, "0123456789")
	const end = `,"end":`
	if i := bytes.LastIndex(rest, []byte(end)); i >= 0 {
		rest = append(bytes.Clone(rest[:i]), bytes.TrimLeft(rest[i+len(end):], "0123456789")...)
	}
	return rest
}
