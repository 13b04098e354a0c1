package debug

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/trace"
)

// What a trace is of, if that is not told, and at most.
const (
	traceInsns = 1000
	traceLines = 10_000
)

// trace writes what happens from a position to another, as vmbundle trace does:
// those that are told, or one of them and here, or the last instructions.
func (s *Session) trace(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) == 0 || len(args) > 3 || !slices.Contains(trace.Whats(), trace.What(args[0])) {
		return fmt.Errorf("trace takes one of %v, and from where to where, two positions (if not told, the last %d instructions)", trace.Whats(), traceInsns)
	}
	here := s.Position()
	window := []vmm.Position{here}
	for _, text := range args[1:] {
		p, err := s.Parse(text)
		if err != nil {
			return err
		}
		window = append(window, p)
	}
	defer func() { err = errors.Join(err, s.line.Seek(context.WithoutCancel(ctx), here)) }()
	switch len(window) {
	case 1:
		if err := s.line.StepInsn(ctx, -traceInsns); err != nil {
			return err
		}
		window = append(window, s.Position())
	case 3:
		window = window[1:]
	}
	if earlier(window[1], window[0]) {
		slices.Reverse(window)
	}
	o := trace.Options{What: trace.What(args[0]), From: window[0], To: window[1], Process: s.only, Format: trace.Text, Hz: s.line.Machine().Hz()}
	if s.programs.folder != nil {
		o.Names = s.programs.folder.Names
	}
	h := &head{w: out, left: traceLines}
	if err := trace.Window(ctx, s.line, o, h); !errors.Is(err, errHead) {
		return err
	}
	_, err = fmt.Fprintf(out, "... and more than %d lines; name a shorter window, or leave gdb for: vmbundle trace\n", traceLines)
	return err
}

// errHead says that a head has passed on all that it was to.
var errHead = errors.New("enough lines")

// A head passes so many lines on.
type head struct {
	w    io.Writer
	left int
}

func (h *head) Write(p []byte) (n int, err error) {
	for line := range bytes.Lines(p) {
		if h.left == 0 {
			err = errHead
			break
		}
		if n += len(line); line[len(line)-1] == '\n' {
			h.left--
		}
	}
	n, e := h.w.Write(p[:n])
	return n, errors.Join(e, err)
}
