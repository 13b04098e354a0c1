package debug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/vmm/tape"
)

// events lists inputs and marks around here.
func (s *Session) events(_ context.Context, args []string, out io.Writer) error {
	n, err := count(args, 10)
	if err != nil {
		return err
	}
	before, after, err := s.Events(n)
	if err != nil {
		return err
	}
	here := s.Position()
	for _, f := range before {
		fmt.Fprintln(out, s.event(f))
	}
	fmt.Fprintf(out, "%s  you are here\n", s.where(here))
	for _, f := range after {
		fmt.Fprintln(out, s.event(f))
	}
	return nil
}

// Events are the inputs and marks around here, read from the tape: at most n of
// each side.
func (s *Session) Events(n int) (before, after []tape.Frame, err error) {
	r, err := s.src.Tape()
	if err != nil {
		return nil, nil, err
	}
	here := s.Position()
	for len(after) < n {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, tape.ErrTruncated) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if f.Kind != tape.KindInput && f.Kind != tape.KindMark {
			continue
		}
		f.Input.Data = slices.Clone(f.Input.Data)
		if !earlier(f.Pos, here) {
			after = append(after, f)
			continue
		}
		if before = append(before, f); len(before) > n {
			before = before[1:]
		}
	}
	return before, after, nil
}

// event is an input or a mark in a line.
func (s *Session) event(f tape.Frame) string {
	const most = 32
	if f.Kind == tape.KindMark {
		return fmt.Sprintf("%s  %s %.200q", s.where(f.Pos), f.MarkKind, f.Text)
	}
	more := ""
	d := f.Input.Data
	if len(d) > most {
		d, more = d[:most], fmt.Sprintf(", %d bytes", len(d))
	}
	return fmt.Sprintf("%s  input %s %q%s", s.where(f.Pos), f.Input.Inlet, d, more)
}
