package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"vmrecord/bundle/store"
)

const tapeBlock = 1 << 20

// A tapeWriter cuts the tape into blocks and segments.
type tapeWriter struct {
	k   *packer
	buf []byte
	out []byte
}

func (w *tapeWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), tapeBlock-len(w.buf))
		w.buf, rest = append(w.buf, rest[:n]...), rest[n:]
		if len(w.buf) == tapeBlock {
			if err := w.flush(partBytes); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// flush ends the block, and the segment if it has so many bytes.
func (w *tapeWriter) flush(least int) error {
	if len(w.buf) > 0 {
		w.out = w.k.coder.Append(w.out, nil, w.buf)
		w.buf = w.buf[:0]
	}
	if len(w.out) == 0 || len(w.out) < least {
		return nil
	}
	if w.k.o.Report != "" { // the manifest describes it, and that is all
		w.out = w.out[:0]
		return nil
	}
	t := &w.k.m.Tape
	name := fmt.Sprintf("tape/%06d.seg", len(t.Segments)+1)
	t.Segments = append(t.Segments, name)
	err := w.k.add(name, w.out)
	w.out = w.out[:0]
	return err
}

// segments reads the contents of the tape's parts one after the other. After
// the first Seek it keeps what it reads of a part, so that going back in it is
// cheap; before, it keeps nothing.
type segments struct {
	b      *Bundle
	names  []string
	coder  *store.Coder
	starts []int64 // of the parts opened so far, in bytes of content
	part   int     // the one being read, counted from 1; 0: none yet
	off    int64   // in bytes of content
	in     *store.Blocks
	keep   bool
	kept   []byte // of the part, from its start
}

func (s *segments) Read(p []byte) (int, error) {
	for {
		if s.in != nil {
			n, err := s.read(p)
			if s.off += int64(n); err == nil {
				return n, nil
			}
			if err != io.EOF {
				return 0, Damaged(s.names[s.part-1], err)
			}
		}
		if s.part == len(s.names) {
			return 0, io.EOF
		}
		if s.part == len(s.starts) {
			s.starts = append(s.starts, s.off)
		}
		if err := s.open(s.part + 1); err != nil {
			return 0, err
		}
	}
}

// read reads of the open part, first what is kept.
func (s *segments) read(p []byte) (int, error) {
	if i := s.off - s.starts[s.part-1]; i < int64(len(s.kept)) {
		return copy(p, s.kept[i:]), nil
	}
	n, err := s.in.Read(p)
	if s.keep {
		s.kept = append(s.kept, p[:n]...)
	}
	return n, err
}

// open begins a part whose start is known.
func (s *segments) open(part int) error {
	raw, err := s.b.part(s.names[part-1])
	if err != nil {
		return err
	}
	s.part, s.off, s.kept = part, s.starts[part-1], s.kept[:0]
	s.in = store.NewBlocks(bytes.NewReader(raw), s.coder)
	return nil
}

// Seek goes to an offset from the start.
func (s *segments) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return s.off, errors.New("only offsets from the start are known")
	}
	i := len(s.starts)
	for i > 1 && s.starts[i-1] > off {
		i--
	}
	if i > 0 && (i != s.part || !s.keep) {
		if err := s.open(i); err != nil {
			return s.off, err
		}
	}
	if s.keep = true; i > 0 {
		s.off = min(off, s.starts[i-1]+int64(len(s.kept)))
	}
	_, err := io.CopyN(io.Discard, s, off-s.off)
	if err == io.EOF {
		err = nil // as files do
	}
	return s.off, err
}
