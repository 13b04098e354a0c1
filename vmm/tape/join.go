package tape

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// A Joint is what Join cannot find on the tapes: what their recorders were told
// of the console together, and why the tape they make is kept.
type Joint struct {
	Console      mem.Hash
	ConsoleBytes uint64
	Why          string
}

// A GapError is a tape that does not go on where the one before ended.
type GapError struct {
	Tape int // counted from 0
	What string
}

func (e *GapError) Error() string {
	return fmt.Sprintf("tape %d does not go on where the one before ended: %s", e.Tape, e.What)
}

// Join writes the tapes of one machine, each begun where the one before ended,
// as one tape that begins where the first does. Inner headers, footers and sync
// frames go, and of the two heartbeats at a seam one stays, as a periodic one.
// The tape that comes out has a footer if all have one. It ends truncated behind
// the first tape that has none; further tapes are not looked at.
func Join(w io.Writer, tapes []io.Reader, j *Joint) (whole bool, err error) {
	var s splice
	for i, in := range tapes {
		r, err := NewReader(in)
		if err == nil {
			err = s.open(w, i, r.Header())
		}
		if err == nil {
			err = s.copy(i, r)
		}
		if errors.Is(err, ErrTruncated) && s.w != nil {
			return false, s.w.Err()
		}
		if err != nil {
			return false, err
		}
	}
	if j == nil {
		return false, s.w.Err()
	}
	f := *s.last
	f.Console, f.ConsoleBytes, f.Kept, f.Why = j.Console, j.ConsoleBytes, true, cut(j.Why, maxWhy)
	s.stop.Kind = BeatStop
	s.w.Heartbeat(s.end.At, s.stop)
	s.w.Footer(s.end.At, f)
	return true, s.w.Err()
}

// A splice is a tape made of others, so far.
type splice struct {
	w    *Writer
	h    Header       // of the first
	end  vmm.Position // where the last one ended
	stop Heartbeat    // the last one's last, not yet written
	last *Footer      // of the last one, counted from the first's start
}

// open begins tape i.
func (s *splice) open(w io.Writer, i int, h Header) (err error) {
	if i == 0 {
		s.h = h
		s.w, err = NewWriter(w, h)
		return err
	}
	if h.Start != s.end || h.Retired != s.h.Retired+s.last.Retired {
		return &GapError{i, fmt.Sprintf("it begins at %v, not %v", h.Start, s.end)}
	}
	h.Start, h.Retired = s.h.Start, s.h.Retired
	if !reflect.DeepEqual(h, s.h) {
		return &GapError{i, "it is of another machine"}
	}
	return nil
}

// copy writes what stands on tape i, up to the heartbeat before its footer.
func (s *splice) copy(i int, r *Reader) error {
	h, held, seam := r.Header(), false, i > 0
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		f.Beat.Inputs += h.Start.Inputs - s.h.Start.Inputs
		f.Beat.Retired += h.Retired - s.h.Retired
		if held && f.Kind != KindFooter {
			return fmt.Errorf("tape: %s behind the heartbeat of the stop", f.Kind)
		}
		switch f.Kind {
		case KindInput:
			s.w.Input(f.Input, f.Regs)
		case KindState:
			s.w.State(f.Pos.At, sections(f.State))
		case KindMark:
			s.w.Mark(f.Pos.At, f.MarkKind, f.Text)
		case KindHeartbeat:
			f.Beat.Digests = append([]vmm.Digest(nil), f.Beat.Digests...)
			switch {
			case f.Beat.Kind == BeatStop:
				s.stop, held = f.Beat, true
			case seam:
				if err := s.sew(i, f); err != nil {
					return err
				}
				seam = false
			default:
				s.w.Heartbeat(f.Pos.At, f.Beat)
			}
		case KindFooter:
			if !held || seam {
				return fmt.Errorf("tape: a footer without the heartbeats that go before it")
			}
			s.w.Counts.Keys += f.Footer.Frames.Keys
			f.Footer.Inputs += h.Start.Inputs - s.h.Start.Inputs
			f.Footer.Retired += h.Retired - s.h.Retired
			s.end, s.last = f.Pos, f.Footer
			return s.w.Err()
		}
	}
}

// sew writes the one heartbeat of a seam, when both tapes have the same there.
func (s *splice) sew(i int, f Frame) error {
	b := f.Beat
	b.Kind, b.Total = s.stop.Kind, s.stop.Total // in these two they may differ
	if f.Pos != s.end || !reflect.DeepEqual(b, s.stop) {
		return &GapError{i, "its first heartbeat is not the last of the other"}
	}
	b.Kind = BeatPeriodic
	s.w.Heartbeat(f.Pos.At, b)
	return nil
}

func sections(state [][]byte) (secs []vmm.Section) {
	for _, d := range state {
		secs = append(secs, vmm.Section{Data: d})
	}
	return secs
}
