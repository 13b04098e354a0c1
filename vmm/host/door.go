package host

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"vmrecord/vmm"
)

const (
	turnTime = time.Millisecond     // of host work between two questions
	maxLeap  = 2 * time.Millisecond // of guest time at once
	minLeap  = 250 * time.Microsecond
	maxLate  = 10 * time.Millisecond // that a sleeper may be woken late

	firstTurn = 100_000 // instants, until the speed is known
	minTurn   = 20_000
	maxTurn   = 20_000_000

	maxQueue = 1024 // inputs that wait
)

// A Config says what a door is tied to.
type Config struct {
	Hz    uint64 // instants in a guest second; 0: vmm.DefaultHz
	Pace  Pace
	Clock Clock // nil: the host's monotonic clock
}

// A Door is the live vmm.Door.
type Door struct {
	hz    uint64
	pace  Pace
	clock Clock
	wake  chan struct{}

	// The machine's goroutine only.
	first  []vmm.Input
	wall   time.Duration // the wall time at which the guest was, or should have been, at here
	here   vmm.Instant
	tied   bool        // wall and here are set
	leapt  bool        // in this turn
	late   vmm.Instant // by which a sleeper was woken, and that its next sleep makes good
	turn   vmm.Instant
	given  vmm.Instant // the length of the turn that goes on
	seen   vmm.Instant // where and when the last turn began, while that can be measured
	seenAt time.Duration
	timing bool

	mu      sync.Mutex
	room    sync.Cond // a stream took bytes, or the door closed
	queue   []vmm.Input
	streams []*Stream
	fixed   []key // of the script, by instant
	timed   []key // of the script, by wall time
	sources int   // open streams and held doors: while there are any, an input may come
	closed  bool
	quit    bool
	onQuit  func()
	call    func()
}

// A key is one entry of a script.
type key struct {
	at   vmm.Instant
	wall time.Duration
	s    *Stream
	data []byte
}

// NewDoor returns a door. The clock is tied to the guest at the first question.
func NewDoor(c Config) *Door {
	if c.Hz == 0 {
		c.Hz = vmm.DefaultHz
	}
	if c.Clock == nil {
		c.Clock = systemClock{time.Now()}
	}
	d := &Door{hz: c.Hz, pace: c.Pace, clock: c.Clock, wake: make(chan struct{}, 1), turn: firstTurn}
	d.room.L = &d.mu
	return d
}

// Clock is the wall clock that the door is tied to.
func (d *Door) Clock() Clock { return d.clock }

// First is what the machine is told at its first boundary, before anything else
// and at every pace. It must be said before the machine knows this door.
func (d *Door) First(in ...vmm.Input) { d.first = in }

// Await waits, before the machine knows this door, until something has come for
// it or Quit was called, which it reports, or until the clock shows t.
func (d *Door) Await(t time.Duration) (came bool) {
	for {
		d.mu.Lock()
		came = d.quit || len(d.queue) > 0 || slices.ContainsFunc(d.streams, func(s *Stream) bool { return len(s.buf) > 0 })
		d.mu.Unlock()
		if came || d.clock.Now() >= t {
			return came
		}
		d.clock.Wait(t, d.wake)
	}
}

// Pace is the pace that the door was made with.
func (d *Door) Pace() Pace { return d.pace }

// Send queues one input for the next boundary. It reports false, and does
// nothing, at virtual pace, where only the script may speak, and when too many wait.
func (d *Door) Send(inlet string, data []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pace == Virtual || len(d.queue) >= maxQueue || d.closed {
		return false
	}
	d.queue = append(d.queue, vmm.Input{Inlet: inlet, Data: slices.Clone(data)})
	d.poke()
	return true
}

// Hold says that inputs may come from a source that the door does not see,
// such as a control socket; a sleeping machine then waits for them.
func (d *Door) Hold() (release func()) {
	d.mu.Lock()
	d.sources++
	d.mu.Unlock()
	return sync.OnceFunc(func() {
		d.mu.Lock()
		d.sources--
		d.poke()
		d.mu.Unlock()
	})
}

// OnQuit has f called on the machine's goroutine, at the first boundary after
// Quit. f makes Run return, by setting the machine's Beat to 1.
func (d *Door) OnQuit(f func()) { d.onQuit = f }

// Quit asks for the machine to be stopped from outside, and wakes it.
func (d *Door) Quit() {
	d.mu.Lock()
	d.quit = true
	d.poke()
	d.mu.Unlock()
}

// Call has f called on the machine's goroutine, at the next boundary, and wakes the
// machine for it. Of several only the last is sure to be called.
func (d *Door) Call(f func()) {
	d.mu.Lock()
	d.call = f
	d.poke()
	d.mu.Unlock()
}

// Halt calls f, and has guest time stand still meanwhile: there is nothing to catch
// up with, and keys of the script come as much later. It is for the machine's
// goroutine.
func (d *Door) Halt(f func()) {
	from := d.clock.Now()
	f()
	lost := d.clock.Now() - from
	d.wall += lost
	d.timing = false
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.timed {
		d.timed[i].wall += lost
	}
}

// Quitting tells whether Quit was called.
func (d *Door) Quitting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.quit
}

// Close ends all sources: writers to streams get an error from now on.
func (d *Door) Close() {
	d.mu.Lock()
	d.closed = true
	d.room.Broadcast()
	d.mu.Unlock()
}

// poke wakes a machine that sleeps in Idle.
func (d *Door) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Horizon begins a turn.
func (d *Door) Horizon(now vmm.Instant) vmm.Instant {
	d.measure(now)
	d.leapt = false
	d.given = d.turn
	if d.pace == Real && d.due(now) > now+d.instants(maxLeap) {
		d.given /= 8 // far behind: leap more often
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(now, min(now+d.given, d.nextFixed()))
}

// measure learns how many instants a millisecond of host work makes.
func (d *Door) measure(now vmm.Instant) {
	w := d.clock.Now()
	if d.timing && now-d.seen >= d.given/2 && w > d.seenAt {
		n := vmm.Instant(vmm.MulDiv(uint64(now-d.seen), uint64(turnTime), uint64(w-d.seenAt)))
		d.turn = min(max((3*d.turn+n)/4, minTurn), maxTurn)
	}
	d.seen, d.seenAt, d.timing = now, w, true
}

// Next hands out what is due: what comes first, the script's keys, the streams' bytes, the
// queue, and last a leap.
func (d *Door) Next(now vmm.Instant) (vmm.Input, bool) {
	if len(d.first) > 0 {
		in := d.first[0]
		d.first = d.first[1:]
		return in, true
	}
	d.mu.Lock()
	if call := d.call; call != nil {
		d.call = nil
		d.mu.Unlock()
		call()
		d.mu.Lock()
	}
	in, ok := d.take(now)
	quit, f := d.quit, d.onQuit
	d.mu.Unlock()
	if ok {
		return in, true
	}
	if quit && f != nil {
		f()
		return vmm.Input{}, false
	}
	if d.pace == Real {
		return d.leap(now)
	}
	return vmm.Input{}, false
}

func (d *Door) take(now vmm.Instant) (vmm.Input, bool) {
	d.strike(now)
	for _, s := range d.streams {
		if in, ok := s.take(); ok {
			return in, true
		}
	}
	if len(d.queue) > 0 {
		in := d.queue[0]
		d.queue = d.queue[1:]
		return in, true
	}
	return vmm.Input{}, false
}

// strike moves the script's due keys into their streams.
func (d *Door) strike(now vmm.Instant) {
	for len(d.fixed) > 0 && d.fixed[0].at <= now {
		d.fixed[0].s.buf = append(d.fixed[0].s.buf, d.fixed[0].data...)
		d.fixed = d.fixed[1:]
	}
	if len(d.timed) == 0 {
		return
	}
	for w := d.clock.Now(); len(d.timed) > 0 && d.timed[0].wall <= w; d.timed = d.timed[1:] {
		d.timed[0].s.buf = append(d.timed[0].s.buf, d.timed[0].data...)
	}
}

// pending tells whether Next has anything but a leap.
func (d *Door) pending(now vmm.Instant) bool {
	d.strike(now)
	return d.quit || d.call != nil || len(d.queue) > 0 || slices.ContainsFunc(d.streams, (*Stream).ready)
}

func (d *Door) nextFixed() vmm.Instant {
	if len(d.fixed) > 0 {
		return d.fixed[0].at
	}
	return vmm.Never
}

func (d *Door) instants(t time.Duration) vmm.Instant {
	return vmm.Instant(vmm.MulDiv(uint64(t), d.hz, uint64(time.Second)))
}

// due is the instant that the wall clock asks for; a guest that is past it
// sets the clock.
func (d *Door) due(now vmm.Instant) vmm.Instant {
	w := d.clock.Now()
	if i := d.here + d.instants(w-d.wall); d.tied && i > now {
		return i
	}
	d.here, d.wall, d.tied = now, w, true
	return now
}

func (d *Door) leap(now vmm.Instant) (vmm.Input, bool) {
	lag := d.due(now) - now
	if d.leapt || lag < d.instants(minLeap)+d.late {
		return vmm.Input{}, false
	}
	lag = min(lag, d.instants(maxLeap))
	d.leapt = true
	d.seen += lag // no work was done for these
	return vmm.Input{Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, uint64(lag))}, true
}

// Idle lets a sleeping guest's time pass.
func (d *Door) Idle(now, until vmm.Instant) vmm.Instant {
	d.timing, d.late = false, 0
	if d.pace == Real {
		d.due(now) // ties the clock, if nothing has
	}
	for {
		d.mu.Lock()
		h := min(until, d.nextFixed())
		ready := d.pending(now)
		wall, alive := forever, d.sources > 0 || len(d.timed) > 0
		if len(d.timed) > 0 {
			wall = d.timed[0].wall
		}
		d.mu.Unlock()
		switch {
		case d.pace == Virtual:
			if ready {
				return now
			}
			return h
		case ready && d.pace == Real:
			return min(h, d.due(now))
		case ready:
			return now
		case h == vmm.Never && !alive:
			return vmm.Never
		case d.pace == Free && h != vmm.Never:
			return h
		}
		if h != vmm.Never {
			at := d.due(now)
			if at >= h {
				if at-h <= d.instants(maxLate) {
					d.late = at - h
				}
				return h
			}
			// Rounded up: at the wall time waited for, h is reached.
			wall = min(wall, d.wall+time.Duration(vmm.MulDiv(uint64(h-d.here), uint64(time.Second), d.hz))+1)
		}
		d.clock.Wait(wall, d.wake)
	}
}
