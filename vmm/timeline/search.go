package timeline

import (
	"context"
	"errors"
	"sync"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// TextBytes is how much of the console's text is kept.
const TextBytes = 64 << 10

// maxText is the longest text that can be searched for, in bytes.
const maxText = 256

// A Query says what to look for. What is nil or empty is not looked for; of
// several kinds, whichever comes first. Several goroutines may call its
// functions at once, and for the same event more than once.
type Query struct {
	Stops []vmm.Stop                                 // steps about to be made
	Input func(vmm.Input) bool                       // an input from outside; it must not keep Data
	Mark  func(kind tape.MarkKind, text string) bool // a mark on the tape
	Text  string                                     // what the guest writes to its console
	// Until, if set, is the last position that is searched, or backwards the
	// first; without a match the timeline stands there.
	Until *vmm.Position
}

// ErrQuery is a query that cannot be answered.
var ErrQuery = errors.New("timeline: search for something, texts of at most 256 bytes, and not away from Until")

func (q *Query) check() error {
	if len(q.Stops) == 0 && q.Input == nil && q.Mark == nil && q.Text == "" || len(q.Text) > maxText {
		return ErrQuery
	}
	return nil
}

// A Kind is what was found.
type Kind uint8

const (
	AtStop  Kind = 1 + iota // the step that a stop names is next
	AtInput                 // the input is delivered next
	AtMark
	AtText // the instruction that writes the last byte is next, or a timer has just written it
)

// A Found is a match and its position: where the timeline stands.
type Found struct {
	Kind     Kind
	Position vmm.Position
	Hit      vmm.Hit       // AtStop
	Input    vmm.Input     // AtInput
	Mark     tape.MarkKind // AtMark
	Text     string        // AtMark, AtText
}

// ErrNone says that there is no match before the end, or after the start, where
// the timeline now stands.
var ErrNone = errors.New("timeline: nothing of that kind on this side")

// A watch is a search on one machine: for the first match after a position, or
// for the last match before one.
type watch struct {
	q     *Query
	from  vmm.Position
	back  bool
	least vmm.Position // what lies before is no match
	found *Found
	visit func(vmm.Hit) ([]vmm.Stop, bool) // Each's
	over  bool                             // it said so
}

// note is told of every match, in order.
func (w *watch) note(f Found) {
	switch {
	case w.back && f.Position.Before(w.from) && !f.Position.Before(w.least):
		w.found = &f
	case !w.back && w.found == nil && w.from.Before(f.Position):
		w.found = &f
	}
}

// enough tells whether there is no need to run on.
func (w *watch) enough() bool { return w != nil && (w.over || !w.back && w.found != nil) }

// Next goes to the first match behind the position where the timeline stands.
// Its errors are ErrNone, ErrQuery and those of Seek; after the context's, it
// stands somewhere on the way.
func (t *Timeline) Next(ctx context.Context, q Query) (Found, error) {
	if err := q.check(); err != nil {
		return Found{}, err
	}
	if t.run.bad {
		if err := t.Seek(ctx, t.Position()); err != nil {
			return Found{}, err
		}
	}
	w, end := &watch{q: &q, from: t.Position()}, t.o.End
	if q.Until != nil && q.Until.Before(end) {
		end = *q.Until
	}
	if end.Before(w.from) {
		return Found{}, ErrQuery
	}
	t.run.look(w)
	err := t.advance(ctx, end, 0)
	t.run.look(nil)
	if err != nil {
		return Found{}, err
	}
	return t.arrive(ctx, w.found, end)
}

// Each goes on to a position, or to the end, and calls visit where stops are met
// on the way: from the step that is next now on, up to the one that is next
// there. Then the timeline stands right before the step, for visit to look at, not
// to move. visit returns whether to go on, and if not nil, what stops to go on
// with. Changing them is what costs: the engine's translations are lost. The
// errors are those of Seek; a position behind this one is ErrQuery.
func (t *Timeline) Each(ctx context.Context, stops []vmm.Stop, to vmm.Position, visit func(vmm.Hit) ([]vmm.Stop, bool)) error {
	if t.o.End.Before(to) {
		to = t.o.End
	}
	if t.run.bad {
		if err := t.Seek(ctx, t.Position()); err != nil {
			return err
		}
	}
	if to.Before(t.Position()) {
		return ErrQuery
	}
	t.run.look(&watch{q: &Query{Stops: stops}, visit: visit})
	defer t.run.look(nil)
	return t.advance(ctx, to, 0)
}

// arrive goes to what was found, or to where the search ended.
func (t *Timeline) arrive(ctx context.Context, f *Found, end vmm.Position) (Found, error) {
	if f == nil {
		return Found{}, errors.Join(ErrNone, t.Seek(ctx, end))
	}
	return *f, t.Seek(ctx, f.Position)
}

// A segment is what lies between a checkpoint and a position.
type segment struct {
	from *checkpoint
	to   vmm.Position
}

// Prev goes to the last match before the position where the timeline stands. It
// runs the segments between checkpoints forwards, the latest first, and from
// the second on on several machines side by side where there is much to run.
// Its errors are those of Next.
func (t *Timeline) Prev(ctx context.Context, q Query) (Found, error) {
	if err := q.check(); err != nil {
		return Found{}, err
	}
	here, least := t.Position(), t.Start()
	if q.Until != nil && least.Before(*q.Until) {
		least = *q.Until
	}
	if here.Before(least) {
		return Found{}, ErrQuery
	}
	segs := t.segments(least, here)
	for n := 1; len(segs) > 0; segs = segs[n:] {
		if segs[0].to != here && segs[0].from.retired-t.points[0].retired >= t.every {
			n = min(len(segs), t.o.Machines)
		}
		n = min(n, len(segs))
		if err := t.gather(n - 1); err != nil {
			return Found{}, err
		}
		f, err := t.scan(ctx, &q, least, here, segs[:n])
		if err != nil {
			return Found{}, errors.Join(err, t.dismiss(func(r *runner) bool { return r.bad }))
		}
		if f != nil {
			return t.arrive(ctx, f, here)
		}
	}
	return t.arrive(ctx, nil, least)
}

// segments lists what lies before a position, the latest first.
func (t *Timeline) segments(least, here vmm.Position) (segs []segment) {
	to := here
	for i := len(t.points) - 1; i >= 0 && least.Before(to); i-- {
		if c := t.points[i]; c.pos.Before(to) {
			segs = append(segs, segment{c, to})
			to = c.pos
		}
	}
	return segs
}

// gather has at least n machines help.
func (t *Timeline) gather(n int) error {
	for len(t.crew) < n {
		r, err := t.hire()
		if err != nil {
			return err
		}
		t.crew = append(t.crew, r)
	}
	return nil
}

// dismiss gives machines that help back.
func (t *Timeline) dismiss(which func(*runner) bool) (err error) {
	var kept []*runner
	for _, r := range t.crew {
		if which(r) {
			err = errors.Join(err, r.close())
		} else {
			kept = append(kept, r)
		}
	}
	t.crew = kept
	return err
}

// scan searches segments side by side, and returns the last match in the latest
// of them that has one.
func (t *Timeline) scan(ctx context.Context, q *Query, least, here vmm.Position, segs []segment) (*Found, error) {
	found, errs := make([]*Found, len(segs)), make([]error, len(segs))
	var all sync.WaitGroup
	for i, s := range segs[1:] {
		all.Go(func() {
			r := t.crew[i]
			if errs[i+1] = r.restore(s.from, t.shape); errs[i+1] == nil {
				found[i+1], errs[i+1] = r.last(ctx, q, least, here, s.to)
			}
		})
	}
	if errs[0] = t.restore(segs[0].from); errs[0] == nil {
		found[0], errs[0] = t.run.last(ctx, q, least, here, segs[0].to)
	}
	all.Wait()
	for i, f := range found {
		if f != nil || errs[i] != nil {
			return f, errs[i]
		}
	}
	return nil, nil
}

// last runs to a position and returns the last match on the way that lies
// before another, here.
func (r *runner) last(ctx context.Context, q *Query, least, here, to vmm.Position) (*Found, error) {
	w := &watch{q: q, from: here, back: true, least: least}
	r.look(w)
	_, err := r.play(ctx, to, 0)
	r.look(nil)
	return w.found, err
}
