package tapetest

import (
	"bytes"
	"errors"
	"io"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// Frames reads a whole tape, its header as the first frame.
func Frames(in io.Reader) (fs []tape.Frame, err error) {
	r, err := tape.NewReader(in)
	if err != nil {
		return nil, err
	}
	h := r.Header()
	fs = append(fs, tape.Frame{Kind: tape.KindHeader, Header: &h})
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fs, nil
		}
		if err != nil {
			return nil, err
		}
		f.Beat.Digests = append([]vmm.Digest(nil), f.Beat.Digests...)
		fs = append(fs, f)
	}
}

// Rewrite writes frames to a new tape, with every digest, count and CRC that
// follows from the frames computed anew.
func Rewrite(fs []tape.Frame) ([]byte, error) {
	var out bytes.Buffer
	h := fs[0].Header
	w, err := tape.NewWriter(&out, *h)
	if err != nil {
		return nil, err
	}
	for _, f := range fs[1:] {
		switch f.Kind {
		case tape.KindInput:
			w.Input(f.Input, f.Regs)
		case tape.KindHeartbeat:
			f.Beat.Inputs = w.Counts.Inputs
			w.Heartbeat(f.Pos.At, f.Beat)
		case tape.KindMark:
			w.Mark(f.Pos.At, f.MarkKind, f.Text)
		case tape.KindSync:
			w.Sync()
		case tape.KindState:
			var secs []vmm.Section
			for i, d := range f.State {
				secs = append(secs, vmm.Section{Name: h.Sections[i], Data: d})
			}
			w.State(f.Pos.At, secs)
		case tape.KindFooter:
			foot := *f.Footer
			foot.Inputs = w.Counts.Inputs
			w.Counts.Keys = foot.Frames.Keys
			w.Footer(f.Pos.At, foot)
		}
	}
	return out.Bytes(), w.Err()
}
