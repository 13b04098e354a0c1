package timeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// A Run is a machine in the state at its tape's start, and the tape's player.
// The player's tape must be one that it can go back on.
type Run struct {
	Machine *vmm.Machine
	Player  *tape.Player
	Console string       // the outlet that carries the guest's text; may be empty
	Close   func() error // gives the machine back; may be nil
}

// Options say how much a timeline may cost. Zero values are as usual.
type Options struct {
	End      vmm.Position // of the tape, which must be given; positions behind it are it
	Memory   int64        // bytes of checkpoints to keep; 0: DefaultMemory
	Every    uint64       // retired instructions between checkpoints; 0: DefaultEvery
	Machines int          // that search backwards side by side; 0: one for each processor

	// Used is the processor time used so far. Where instructions take long,
	// checkpoints then stand closer than Every; nil: they do nowhere.
	Used func() time.Duration
}

// The usual cost: where a gigabyte is enough, a seek replays half a second at
// most on the translating engine.
const (
	DefaultMemory = 1 << 30
	DefaultEvery  = 1 << 27
)

// A Timeline is a replay that goes both ways. It is for one goroutine.
type Timeline struct {
	fresh  func() (*Run, error)
	o      Options
	run    *runner   // the machine to look at
	crew   []*runner // others, for searches
	shape  *shape
	pages  pageStore
	held   table         // by run
	points []*checkpoint // ascending by position; the first is the start
	others int64         // bytes of points besides pages
	every  uint64        // instructions between lasting ones
	began  time.Duration // Options.Used at the last lasting one, or where the machine was put
	gap    uint64        // and between rungs, at least
	told   func(done, total uint64)

	unsaved int // lasting ones made since Load or Save
}

// Open makes a machine and takes its first checkpoint. fresh is called again
// for each machine that helps, and where one broke; never by two goroutines at
// once. What it returns may be run by any goroutine.
func Open(ctx context.Context, fresh func() (*Run, error), o Options) (*Timeline, error) {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	if o.Machines == 0 {
		o.Machines = runtime.GOMAXPROCS(0)
	}
	t := &Timeline{fresh: fresh, o: o, every: o.Every, gap: max(1, o.Every/rungPart), pages: pageStore{pages: map[mem.Hash]*page{}}}
	r, err := fresh()
	if err != nil {
		return nil, err
	}
	t.run = newRunner(r, nil)
	if p := r.Machine.Position(); o.End.Before(p) {
		return nil, errors.Join(&RangeError{o.End, p}, t.Close())
	}
	ram := r.Machine.Mem
	n := int(ram.Size() / mem.PageBytes)
	tab := t.pages.capture(blank(n), ram, all(n))
	t.run.since = ram.Mark()
	t.shape = shapeOf(r.Machine.Save())
	t.hold(tab)
	t.take(false)
	if err := t.Seek(ctx, t.Start()); err != nil { // compares what the tape says of the start
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close gives all machines back.
func (t *Timeline) Close() error {
	return errors.Join(t.dismiss(func(*runner) bool { return true }), t.run.close())
}

// Machine is the machine where the timeline stands: to look at, never to
// change or run. It may be another one after any other call.
func (t *Timeline) Machine() *vmm.Machine { return t.run.Machine }

// Position is where the timeline stands.
func (t *Timeline) Position() vmm.Position { return t.run.Machine.Position() }

// Start and End are the first and the last position.
func (t *Timeline) Start() vmm.Position { return t.points[0].pos }
func (t *Timeline) End() vmm.Position   { return t.o.End }

// Text is what the guest last wrote to its console before the position where
// the timeline stands, TextBytes of it at most; it may not be changed.
func (t *Timeline) Text() []byte { return last(t.run.text) }

// OnProgress has f called now and then on the way to a position, with how much
// of the way there is, and once more with done == total where it ends; nil for
// nobody. Searches backwards do not tell.
func (t *Timeline) OnProgress(f func(done, total uint64)) { t.told = f }

// Release gives the machine away as it stands, with its player, and all others
// back. The timeline is of no use any more.
func (t *Timeline) Release() (*Run, error) {
	return t.run.Run, t.dismiss(func(*runner) bool { return true })
}

// Checkpoints counts what is kept.
func (t *Timeline) Checkpoints() int { return len(t.points) }

// A RangeError is a position before the start.
type RangeError struct{ To, Start vmm.Position }

func (e *RangeError) Error() string {
	return fmt.Sprintf("timeline: %v lies before the recording's start, %v", e.To, e.Start)
}

// Seek goes to the first boundary at or after a position (tape.All as Inputs:
// with every input of its instant), or to the end. Besides *RangeError its
// errors are the context's, *tape.Divergence and the tape's; after one the
// machine stands where it happened, and every other position can still be
// sought.
func (t *Timeline) Seek(ctx context.Context, to vmm.Position) error {
	if t.o.End.Before(to) {
		to = t.o.End
	}
	if to.Before(t.Start()) {
		return &RangeError{to, t.Start()}
	}
	c := t.latest(func(c *checkpoint) bool { return !to.Before(c.pos) })
	m := t.run.Machine
	if t.run.bad || to.Before(m.Position()) || c.retired > m.Retired()+2*t.gap {
		if err := t.restore(c); err != nil {
			return err
		}
	}
	return t.advance(ctx, to, 0)
}

// Step goes n instants on, or back if n is negative, as far as there are any. No
// boundary lies in a leap of guest time: where a step would end in one it ends
// behind the leap, or if it goes back, right before.
func (t *Timeline) Step(ctx context.Context, n int64) error {
	here, start := t.Position(), t.Start()
	switch back := uint64(-n); {
	case n == 0:
		return nil
	case n > 0:
		return t.Seek(ctx, vmm.Position{At: here.At + vmm.Instant(n), Inputs: tape.All})
	case back > uint64(here.At-start.At):
		return t.Seek(ctx, start)
	default:
		to := vmm.Position{At: here.At - vmm.Instant(back), Inputs: tape.All}
		if err := t.Seek(ctx, to); err != nil || t.Position().At <= to.At {
			return err
		}
		return t.Seek(ctx, t.run.leap.from)
	}
}

// StepInsn goes to where n more instructions have retired, or n fewer if n is
// negative: the boundary right after the instruction. What a debugger calls one
// step is this: deliveries of interrupts, iterations of REP but the last, and
// sleep belong to the instruction behind them.
func (t *Timeline) StepInsn(ctx context.Context, n int64) error {
	m, first := t.run.Machine, t.points[0].retired
	if n >= 0 && !t.run.bad {
		if n == 0 {
			return nil
		}
		return t.advance(ctx, t.o.End, m.Retired()+uint64(n))
	}
	goal := m.Retired() + uint64(n)
	if n < 0 && uint64(-n) >= m.Retired()-first || goal <= first {
		return t.Seek(ctx, t.Start())
	}
	if err := t.restore(t.latest(func(c *checkpoint) bool { return c.retired < goal })); err != nil {
		return err
	}
	return t.advance(ctx, t.o.End, goal)
}

// restore puts the machine to a checkpoint. An engine that gave up cannot go
// back; another machine takes its place.
func (t *Timeline) restore(c *checkpoint) error {
	if t.run.Machine.Err() != nil {
		r, err := t.hire()
		if err != nil {
			return err
		}
		if err := t.run.close(); err != nil {
			return errors.Join(err, r.close())
		}
		t.run = r
	}
	if err := t.run.restore(c, t.shape); err != nil {
		return err
	}
	t.hold(c.table)
	t.mark()
	return nil
}

// hire makes another machine; its memory is that of the start.
func (t *Timeline) hire() (*runner, error) {
	r, err := t.fresh()
	if err != nil {
		return nil, fmt.Errorf("timeline: another machine: %w", err)
	}
	return newRunner(r, t.points[0].table), nil
}

// advance plays to a position, or to where goal instructions have retired (0:
// never), leaving checkpoints: lasting ones on a grid of instructions, and on
// the way to a position rungs, each halving what is left. For a search it
// leaves no rungs, and ends where enough was found.
func (t *Timeline) advance(ctx context.Context, to vmm.Position, goal uint64) error {
	r, m := t.run, t.run.Machine
	if from, f := m.Now(), t.told; f != nil && m.Position().Before(to) {
		total := uint64(to.At - from)
		r.tell = func() { f(min(uint64(m.Now()-from), total), total+1) }
		defer func() { r.tell = nil; f(total+1, total+1) }()
	}
	for {
		stop, beat := to, t.grid()
		if goal != 0 {
			beat = min(beat, goal)
		}
		if far := uint64(to.At - min(to.At, m.Now())); far > 2*t.gap && goal == 0 && r.watch == nil {
			stop = vmm.Position{At: m.Now() + vmm.Instant(far/2), Inputs: tape.All}
		}
		beaten, err := r.play(ctx, stop, beat)
		switch {
		case err != nil || goal != 0 && m.Retired() >= goal:
			return err
		case beaten:
			if t.due() {
				t.take(false)
			}
		case r.Player.Ended() || r.watch.enough() || stop == to:
			return nil
		case m.Retired()-t.nearest().retired >= t.gap:
			t.take(true)
		}
	}
}

// nearest is the last checkpoint that the machine has passed.
func (t *Timeline) nearest() *checkpoint {
	here := t.Position()
	return t.latest(func(c *checkpoint) bool { return !here.Before(c.pos) })
}
