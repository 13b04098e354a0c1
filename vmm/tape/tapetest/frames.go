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
	w, err := tape.NewWriter(&out, *fs[0].Header)
	if err != nil {
		return nil, err
	}
	for _, f := range fs[1:] {
		w.Frame(f)
	}
	return out.Bytes(), w.Err()
}
