package trace

import (
	"context"
	"errors"
	"io"
	"sync"

	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// leg is how many instants one machine traces in a row where several do: some
// ten times what it takes to hand a machine's state over, and not more text
// than pipeBuffers hold.
const leg = 1 << 19

// Window goes to the window and writes a trace of it: the bytes of Write. Of
// instructions and blocks as text or NDJSON, several machines write a leg each,
// side by side; everything else needs to know what happened before. What is kept
// of their output until it is its turn is bounded. The timeline stands behind
// the window afterwards, or after an error somewhere in it.
func Window(ctx context.Context, line *timeline.Timeline, o Options, w io.Writer) error {
	if o.What != Insn && o.What != Block || o.Format == Perfetto {
		return line.Relay(ctx, timeline.Stretch{From: o.From, To: o.To}, func(ctx context.Context) func(timeline.Leg) error {
			return func(l timeline.Leg) error {
				o.From = l.Machine.Position()
				return Write(ctx, Run{l.Machine, l.Player}, o, w)
			}
		})
	}
	return inLegs(ctx, line, o, w, leg)
}

// inLegs has several machines write n instants each.
func inLegs(ctx context.Context, line *timeline.Timeline, o Options, w io.Writer, n vmm.Instant) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &relay{o: o, line: line, every: n, pipes: make(chan *pipe), tracers: map[int]*tracer{}}
	written := make(chan error, 1)
	go func() {
		err := r.write(ctx, w)
		if err != nil {
			cancel(err)
		}
		written <- err
	}()
	err := line.Relay(ctx, timeline.Stretch{From: o.From, To: o.To, Every: n, Machines: o.Machines}, r.start)
	if err != nil {
		cancel(err)
	}
	close(r.pipes)
	if e := <-written; e != nil {
		return e
	}
	return err
}

// A relay is a window being traced in legs.
type relay struct {
	o       Options
	line    *timeline.Timeline
	every   vmm.Instant
	kernel  finder
	pipes   chan *pipe // of the legs, in order
	empty   sync.Pool  // of *[]byte
	legs    int
	mu      sync.Mutex
	tracers map[int]*tracer // by seat
}

// pipeBuffers bounds what one leg may be ahead.
const pipeBuffers = 48

// A pipe carries one leg's text to where it is written.
type pipe struct {
	c   chan []byte
	to  vmm.Instant
	err error // of the leg, once c is closed
}

// start prepares a leg where the timeline stands.
func (r *relay) start(ctx context.Context) func(timeline.Leg) error {
	m := r.line.Machine()
	p := &pipe{to: min(m.Now()+r.every, r.o.To.At), c: make(chan []byte, pipeBuffers)}
	select {
	case r.pipes <- p:
	case <-ctx.Done():
	}
	first, kernel := r.legs == 0, r.kernel.find(m)
	r.legs++
	return func(l timeline.Leg) error {
		defer close(p.c)
		var t *tracer
		if t, p.err = r.tracer(l); p.err != nil {
			return p.err
		}
		t.form.into(func(b []byte) []byte {
			select {
			case p.c <- b:
			case <-ctx.Done():
			}
			return r.buffer()
		})
		p.err = t.leg(ctx, l.To, kernel, first)
		return p.err
	}
}

// buffer is an empty one.
func (r *relay) buffer() []byte {
	if b, ok := r.empty.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, bufferBytes+bufferBytes/8)
}

// tracer is the one that works on a leg's machine.
func (r *relay) tracer(l timeline.Leg) (*tracer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tracers[l.Seat]; t != nil {
		return t, nil
	}
	o := r.o
	o.Progress = nil
	t, err := newTracer(Run{l.Machine, l.Player}, o)
	r.tracers[l.Seat] = t
	return t, err
}

// write writes the legs' text in order, up to the first that failed.
func (r *relay) write(ctx context.Context, w io.Writer) error {
	for p := range r.pipes {
		for open := true; open; {
			var b []byte
			select {
			case b, open = <-p.c:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
			r.empty.Put(&b)
		}
		if p.err != nil {
			return p.err
		}
		if r.o.Progress != nil {
			r.o.Progress(uint64(p.to-min(p.to, r.o.From.At)), uint64(r.o.To.At-r.o.From.At))
		}
	}
	return nil
}

// leg writes one leg. The instruction behind it, if the window has one, belongs to
// it too: what it is depends on what came before.
func (t *tracer) leg(ctx context.Context, to vmm.Position, kernel *guestos.Linux, first bool) error {
	k, end := t.kind.(*insns), t.To
	t.guest.restart(kernel)
	k.begin(!first)
	err := t.window(ctx, to, func() error {
		k.stage = beyond
		for last := to == end; !last && k.stage != over && !t.p.Ended(); {
			const few = 64 // instants
			next := vmm.Position{At: t.m.Now() + few, Inputs: tape.All}
			if last = !next.Before(end); last {
				next = end
			}
			if err := errors.Join(t.run(next, k), ctx.Err()); err != nil {
				return err
			}
		}
		return nil
	})
	t.form.end()
	return err
}
