package debug

import (
	"context"
	"fmt"

	"vmrecord/bundle"
	"vmrecord/bundle/debug/program"
	"vmrecord/bundle/replay"
	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// A Source is what a recording is read from.
type Source struct {
	Name     string // of the file, as in commands that are shown to be copied
	Manifest *bundle.Manifest
	Line     *timeline.Timeline           // the session's own from now on
	Tape     func() (*tape.Reader, error) // the tape from its beginning
}

// A Session is a recording that somebody looks into. It is a gdb.Target. It is
// for one goroutine.
type Session struct {
	view
	src       Source
	line      *timeline.Timeline
	marks     []bundle.Marker // made in this session
	unwinds   *Unwinder       // of the kernel, if it was asked for
	unwindsOf *guestos.Linux  // which kernel
	dir       string          // where files of symbols go
	only      string          // the program whose address spaces count; "" for all
	spaces    map[uint64]bool // its page tables, as far as they were seen

	programs programs        // the engineer's files
	mapped   []program.Image // those of the process that counts, where it was last seen
}

// Open is where the timeline stands.
func Open(src Source) *Session {
	s := &Session{src: src, line: src.Line, spaces: map[uint64]bool{}}
	s.machine = s.line.Machine
	return s
}

// OnProgress has f told of the way to far positions; nil for nobody.
func (s *Session) OnProgress(f func(done, total uint64)) { s.line.OnProgress(f) }

// Close gives the machines back.
func (s *Session) Close() error {
	s.programs.folder.Close()
	return s.line.Close()
}

// Position is where the session stands.
func (s *Session) Position() vmm.Position { return s.line.Position() }

// Only restricts breakpoints and watchpoints to the programs of a name, all of
// whose processes count, or to the process of a number; "" lifts that.
func (s *Session) Only(name string) { s.only, s.spaces = name, map[uint64]bool{} }

// Parse finds a position that a user wrote: as replay.ParsePosition, with the
// marks of this session too.
func (s *Session) Parse(text string) (vmm.Position, error) {
	l := replay.LineOf(s.src.Manifest)
	l.Markers = append(append([]bundle.Marker(nil), l.Markers...), s.marks...)
	return replay.ParsePosition(text, l)
}

// Goto goes to a position that a user wrote.
func (s *Session) Goto(ctx context.Context, text string) error {
	p, err := s.Parse(text)
	if err != nil {
		return err
	}
	return s.line.Seek(ctx, p)
}

// seconds is a position as guest time since the start.
func (s *Session) seconds(p vmm.Position) float64 {
	return s.src.Manifest.Machine.Seconds(s.src.Manifest.Tape.Start.At, p.At)
}

// where is a position as users read it.
func (s *Session) where(p vmm.Position) string {
	return fmt.Sprintf("%s (%.6f s)", p, s.seconds(p))
}

func earlier(a, b vmm.Position) bool { return a.At < b.At || a.At == b.At && a.Inputs < b.Inputs }
