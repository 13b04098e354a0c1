// Package slice makes bundles small enough for any mail: of a recording's memory it
// keeps the pages that the replay uses and those that a debugger reads at the
// failure (level L1).
//
// All other pages become zeros at the start, so the roots over memory on the tape,
// and its end hash, are those of another machine. They are computed anew from the
// pages' hashes while the whole recording is replayed; nothing else on the tape
// changes. That the guest never looks at a page that is left out is shown by Prove:
// the sliced bundle is replayed and every digest, root and the end are equal.
//
// # What a debugger reads
//
// At the failure, of a Linux guest: the kernel's symbols and types (kallsyms, BTF), and
// its build id; its unwind tables; what it says of modules and of
// all tasks, their programs and mappings; every task's structure and kernel stack;
// and every page that the running process has in memory. Without a failure on the
// tape, at its end. The kernel's code and its other read-only data are there as
// far as the replay uses them.
package slice

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// Make slices a recording, which it replays; build makes its machine. progress may
// be nil.
func Make(ctx context.Context, b *bundle.Bundle, build replay.Build, progress func(replay.Step)) (*bundle.Slice, error) {
	s := &slicer{b: b, o: replay.Options{Progress: progress}, roots: map[vmm.Position]int{}}
	out, err := s.make(ctx, build)
	if err != nil {
		return nil, fmt.Errorf("slice %s: %w", b.ID(), err)
	}
	return out, nil
}

// A change is a page that has another hash than at the stop before.
type change struct {
	page uint32
	hash mem.Hash
}

type slicer struct {
	b     *bundle.Bundle
	o     replay.Options
	m     *vmm.Machine
	start []mem.Hash // of the pages
	now   []mem.Hash

	roots   map[vmm.Position]int // positions of roots on the tape, as indices of changes
	changes [][]change
}

func (s *slicer) make(ctx context.Context, build replay.Build) (*bundle.Slice, error) {
	stops, failure, err := s.stops()
	if err != nil {
		return nil, err
	}
	r, err := replay.Open(s.b, build)
	if err != nil {
		return nil, err
	}
	s.m = r.Machine()
	s.m.Mem.Watch()
	for p := range s.m.Mem.Size() / mem.PageBytes {
		s.start = append(s.start, s.m.Mem.Digest(uint32(p)))
	}
	s.now = slices.Clone(s.start)
	for _, pos := range stops {
		s.o.Until = &pos
		if _, err := r.Run(ctx, s.o); err != nil {
			return nil, err
		}
		if at := s.m.Position(); at != pos {
			return nil, fmt.Errorf("the replay stops at %s instead of %s", at, pos)
		}
		if pos == failure {
			debuggers(s.m)
		}
		s.look(pos)
	}
	s.o.Until = nil
	res, err := r.Run(ctx, s.o)
	if err != nil {
		return nil, err
	}
	if !res.Identical {
		return nil, errors.New("its replay does not end")
	}
	return s.finish()
}

// stops lists where the tape has a root, and the place for debuggers.
func (s *slicer) stops() (all []vmm.Position, failure vmm.Position, err error) {
	if failure = s.b.Manifest().Tape.End; s.b.Manifest().Failure != nil {
		failure = s.b.Manifest().Failure.Pos
	}
	r, err := s.b.Tape()
	if err != nil {
		return nil, failure, err
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, tape.ErrTruncated) {
			break
		}
		if err != nil {
			return nil, failure, err
		}
		if f.Kind == tape.KindHeartbeat && f.Beat.HasRoot || f.Kind == tape.KindFooter {
			all = append(all, f.Pos)
		}
	}
	all = append(all, failure)
	slices.SortFunc(all, func(x, y vmm.Position) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Inputs, y.Inputs)) })
	return slices.Compact(all), failure, nil
}

// look notes what pages are there now.
func (s *slicer) look(pos vmm.Position) {
	var c []change
	for p := range s.now {
		if h := s.m.Mem.Digest(uint32(p)); h != s.now[p] {
			s.now[p] = h
			c = append(c, change{uint32(p), h})
		}
	}
	s.roots[pos] = len(s.changes)
	s.changes = append(s.changes, c)
}

// finish decides what is left out and computes what follows.
func (s *slicer) finish() (*bundle.Slice, error) {
	out := &bundle.Slice{Absent: make([]bool, len(s.start))}
	var zeros [mem.PageBytes]byte
	zero := mem.Hash(sha256.Sum256(zeros[:]))
	for p, h := range s.start {
		if out.Absent[p] = !s.m.Mem.Used(uint32(p)) && h != zero; out.Absent[p] {
			s.start[p] = zero
		}
	}
	now := s.start
	roots := make([]mem.Hash, len(s.changes))
	for i, c := range s.changes {
		for _, c := range c {
			now[c.page] = c.hash
		}
		roots[i] = mem.RootOf(len(now), func(p int) mem.Hash { return now[p] })
	}
	var err error
	out.Tape, err = s.tape(roots)
	return out, err
}

// tape is the tape with other roots.
func (s *slicer) tape(roots []mem.Hash) ([]byte, error) {
	r, err := s.b.Tape()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := tape.NewWriter(&out, r.Header())
	if err != nil {
		return nil, err
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, tape.ErrTruncated) {
			return out.Bytes(), w.Err()
		}
		if err != nil {
			return nil, err
		}
		switch i := s.roots[f.Pos]; {
		case f.Kind == tape.KindHeartbeat && f.Beat.HasRoot:
			f.Beat.Root = roots[i]
		case f.Kind == tape.KindFooter:
			foot := *f.Footer
			foot.End = tape.EndHashOf(s.m.Save(), roots[i])
			f.Footer = &foot
		}
		w.Frame(f)
	}
}

// Prove replays what was made of a slice; an error says that it is no good.
func Prove(ctx context.Context, b *bundle.Bundle, build replay.Build, progress func(replay.Step)) error {
	r, err := replay.Open(b, build)
	if err != nil {
		return err
	}
	res, err := r.Run(ctx, replay.Options{Progress: progress})
	if err == nil && !res.Identical {
		err = errors.New("its replay does not end")
	}
	if err != nil {
		return fmt.Errorf("the sliced %s does not replay: %w", b.ID(), err)
	}
	return nil
}
