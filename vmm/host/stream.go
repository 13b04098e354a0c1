package host

import (
	"cmp"
	"io"
	"slices"
	"time"

	"vmrecord/vmm"
)

const maxWaiting = 64 << 10 // bytes in a stream before a writer is held up

// A Stream carries bytes to an inlet that announces its free space.
type Stream struct {
	d     *Door
	inlet string
	buf   []byte
	free  int  // what the inlet takes now
	known bool // free was announced
	asked bool
	open  bool
}

// Stream makes a stream to the named inlet. An empty input begins it, which has
// the inlet announce its space; the caller connects the announcing outlet to
// Announce. It counts as a source of inputs after Open.
func (d *Door) Stream(inlet string) *Stream {
	s := &Stream{d: d, inlet: inlet}
	d.mu.Lock()
	d.streams = append(d.streams, s)
	d.mu.Unlock()
	return s
}

// Announce takes what the device's space outlet carries: one byte, how many
// bytes there is room for. The machine's goroutine calls it.
func (s *Stream) Announce(p []byte) {
	if len(p) == 1 {
		s.d.mu.Lock()
		s.free, s.known = int(p[0]), true
		s.d.mu.Unlock()
	}
}

// Open says that somebody is going to write, until Close.
func (s *Stream) Open() *Stream {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.open {
		s.open = true
		s.d.sources++
	}
	return s
}

// Close says that nothing more will be written. What waits is still delivered.
func (s *Stream) Close() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.open {
		s.open = false
		s.d.sources--
		s.d.poke()
	}
	return nil
}

// Write queues p, and waits while too much is queued. At virtual pace it
// refuses, as the door does after Close: only the script may speak.
func (s *Stream) Write(p []byte) (int, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	for len(s.buf) > maxWaiting && !s.d.closed {
		s.d.room.Wait()
	}
	if s.d.closed || s.d.pace == Virtual {
		return 0, io.ErrClosedPipe
	}
	s.buf = append(s.buf, p...)
	s.d.poke()
	return len(p), nil
}

// At has the script send data at an instant.
func (s *Stream) At(i vmm.Instant, data []byte) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.fixed = append(s.d.fixed, key{at: i, s: s, data: slices.Clone(data)})
	slices.SortStableFunc(s.d.fixed, func(a, b key) int { return cmp.Compare(a.at, b.at) })
}

// After has the script send data when the clock has moved on by t.
func (s *Stream) After(t time.Duration, data []byte) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.timed = append(s.d.timed, key{wall: s.d.clock.Now() + t, s: s, data: slices.Clone(data)})
	slices.SortStableFunc(s.d.timed, func(a, b key) int { return cmp.Compare(a.wall, b.wall) })
}

// Play puts a whole script into the stream: at Instants counted from the given
// one where the pace is free or virtual, at wall times from now where it is real.
func (s *Stream) Play(keys []Key, from vmm.Instant) {
	for _, k := range keys {
		if s.d.pace == Real {
			s.After(k.At, k.Data)
			continue
		}
		s.At(from+s.d.instants(k.At), k.Data)
	}
}

func (s *Stream) ready() bool { return len(s.buf) > 0 && (s.free > 0 || !s.known && !s.asked) }

func (s *Stream) take() (vmm.Input, bool) {
	if !s.ready() {
		return vmm.Input{}, false
	}
	if !s.known {
		s.asked = true
		return vmm.Input{Inlet: s.inlet}, true
	}
	n := min(s.free, len(s.buf))
	in := vmm.Input{Inlet: s.inlet, Data: slices.Clone(s.buf[:n])}
	s.buf = s.buf[n:]
	s.free -= n // until the device says otherwise
	s.d.room.Broadcast()
	return in, true
}
