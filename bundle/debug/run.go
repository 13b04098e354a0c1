package debug

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/gdb"
	"vmrecord/vmm/timeline"
)

// Run implements gdb.Target. Steps are instructions; a thread's step that ends
// in another goes on until the thread runs again.
func (s *Session) Run(ctx context.Context, o gdb.Order) (gdb.Stop, error) {
	w, err := s.waitFor(o.Points)
	if err != nil {
		return gdb.Stop{}, err
	}
	var stop gdb.Stop
	if o.Back {
		stop, err = s.back(ctx, o, w)
	} else if stop, err = s.forward(ctx, o, w); err == nil && stop.Reason == gdb.Done && o.Thread != 0 {
		stop, err = s.rejoin(ctx, o.Thread, w)
	}
	if err != nil && ctx.Err() != nil {
		return gdb.Stop{Reason: gdb.Interrupted}, nil
	}
	if stop.Reason == gdb.End && err == nil {
		stop.Note = s.ending()
	}
	return stop, err
}

// wanted are stops and the points that they stand for.
type wanted struct {
	stops  []vmm.Stop
	points []gdb.Point
}

func (w *wanted) add(p gdb.Point, s vmm.Stop) {
	w.stops, w.points = append(w.stops, s), append(w.points, p)
}

// data are those that wait for accesses.
func (w wanted) data() (d wanted) {
	for i, s := range w.stops {
		if s.On != vmm.StopExec {
			d.add(w.points[i], s)
		}
	}
	return d
}

// exec finds the point that waits for the instruction that is next.
func (w wanted) exec(m *vmm.Machine) (gdb.Stop, bool) {
	for i, s := range w.stops {
		const table = 0xffffffffff000 // CR3, bits 51:12
		if s.On == vmm.StopExec && s.First == m.CPU.RIP && (s.Any || (s.CR3^m.CPU.CR3)&table == 0) {
			return gdb.Stop{Reason: gdb.Met, Point: w.points[i]}, true
		}
	}
	return gdb.Stop{}, false
}

// waitFor makes stops of points, in the address spaces that count.
func (s *Session) waitFor(points []gdb.Point) (w wanted, err error) {
	spaces := []vmm.Stop{{Any: true}}
	if s.only != "" && len(points) > 0 {
		if spaces, err = s.restricted(); err != nil {
			return w, err
		}
	}
	return want(points, spaces), nil
}

// want makes stops of points, in each of some address spaces.
func want(points []gdb.Point, spaces []vmm.Stop) (w wanted) {
	for _, p := range points {
		kinds := map[gdb.Kind][]vmm.StopOn{gdb.Exec: {vmm.StopExec}, gdb.Write: {vmm.StopWrite}, gdb.Read: {vmm.StopRead},
			gdb.Access: {vmm.StopRead, vmm.StopWrite}}[p.Kind]
		for _, on := range kinds {
			for _, in := range spaces {
				in.On, in.First, in.Last = on, p.Addr, p.Addr+max(p.Size, 1)-1
				w.add(p, in)
			}
		}
	}
	return w
}

// restricted are the address spaces of the one program that counts.
func (s *Session) restricted() (in []vmm.Stop, err error) {
	for _, t := range s.here().tasks {
		if t.CR3 != 0 && t.Is(s.only) {
			s.spaces[t.CR3] = true
		}
	}
	for cr3 := range s.spaces {
		in = append(in, vmm.Stop{CR3: cr3})
	}
	slices.SortFunc(in, func(a, b vmm.Stop) int { return int(a.CR3>>12) - int(b.CR3>>12) })
	if len(in) == 0 {
		return nil, fmt.Errorf("no process %q is here, and breakpoints wait for it alone; go where it runs (monitor ps), or: monitor process all", s.only)
	}
	return in, nil
}

// forward goes to the next match. What the first instruction accesses is met
// too, which a search from here does not find: a step and a look back do.
func (s *Session) forward(ctx context.Context, o gdb.Order, w wanted) (gdb.Stop, error) {
	t := s.line
	here := t.Position()
	if here == t.End() {
		return gdb.Stop{Reason: gdb.End}, nil
	}
	q := timeline.Query{Stops: w.stops}
	if o.Steps > 0 {
		if err := t.StepInsn(ctx, int64(o.Steps)); err != nil {
			return gdb.Stop{}, err
		}
		if len(w.stops) == 0 {
			return s.stepped(), nil
		}
		to := t.Position()
		q.Until = &to
		if err := t.Seek(ctx, here); err != nil {
			return gdb.Stop{}, err
		}
	}
	if d := w.data(); len(d.stops) > 0 {
		if stop, err := s.first(ctx, here, d); err != nil || stop.Reason == gdb.Met {
			return stop, err
		}
	}
	if len(q.Stops) == 0 {
		return gdb.Stop{Reason: gdb.End}, t.Seek(ctx, t.End())
	}
	f, err := t.Next(ctx, q)
	switch {
	case errors.Is(err, timeline.ErrNone):
		if stop, ok := w.exec(t.Machine()); ok && q.Until != nil {
			return stop, nil
		}
		return s.stepped(), ignore(err)
	case err != nil:
		return gdb.Stop{}, err
	}
	stop := gdb.Stop{Reason: gdb.Met, Point: w.points[f.Hit.Stop]}
	if w.stops[f.Hit.Stop].On != vmm.StopExec {
		err = t.StepInsn(ctx, 1)
	}
	return stop, err
}

// stepped is the stop behind steps, or at the end.
func (s *Session) stepped() gdb.Stop {
	if s.line.Position() == s.line.End() {
		return gdb.Stop{Reason: gdb.End}
	}
	return gdb.Stop{}
}

// ignore drops ErrNone, which comes joined with what else went wrong.
func ignore(err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return errors.Join(slices.DeleteFunc(slices.Clone(j.Unwrap()), func(e error) bool { return e == timeline.ErrNone })...)
	}
	return nil
}

// first has the first instruction met if it accesses what is watched, and goes
// back if it does not.
func (s *Session) first(ctx context.Context, here vmm.Position, d wanted) (gdb.Stop, error) {
	t := s.line
	if err := t.StepInsn(ctx, 1); err != nil {
		return gdb.Stop{}, err
	}
	behind := t.Position()
	f, err := t.Prev(ctx, timeline.Query{Stops: d.stops, Until: &here})
	switch {
	case errors.Is(err, timeline.ErrNone):
		return gdb.Stop{}, ignore(err)
	case err != nil:
		return gdb.Stop{}, err
	}
	return gdb.Stop{Reason: gdb.Met, Point: d.points[f.Hit.Stop]}, t.Seek(ctx, behind)
}

// back goes to the last match before here, or so many instructions.
func (s *Session) back(ctx context.Context, o gdb.Order, w wanted) (gdb.Stop, error) {
	t := s.line
	here := t.Position()
	if here == t.Start() {
		return gdb.Stop{Reason: gdb.Begin}, nil
	}
	q := timeline.Query{Stops: w.stops}
	done := gdb.Stop{Reason: gdb.Begin}
	if o.Steps > 0 {
		before := t.Machine().Retired()
		if err := t.StepInsn(ctx, -int64(o.Steps)); err != nil {
			return gdb.Stop{}, err
		}
		to := t.Position()
		q.Until = &to
		if to != t.Start() || before-t.Machine().Retired() >= o.Steps {
			done = gdb.Stop{}
		}
		if len(q.Stops) == 0 {
			return done, nil
		}
		if err := t.Seek(ctx, here); err != nil {
			return gdb.Stop{}, err
		}
	}
	if len(q.Stops) == 0 {
		return done, t.Seek(ctx, t.Start())
	}
	f, err := t.Prev(ctx, q)
	switch {
	case errors.Is(err, timeline.ErrNone):
		return done, ignore(err)
	case err != nil:
		return gdb.Stop{}, err
	}
	return gdb.Stop{Reason: gdb.Met, Point: w.points[f.Hit.Stop]}, nil
}

// rejoin goes on until a task runs, if it does not; a point may end it earlier.
// A task that was switched away from goes on where its registers say.
func (s *Session) rejoin(ctx context.Context, thread uint64, w wanted) (gdb.Stop, error) {
	for {
		l := s.here()
		t, ok := l.tasks[thread]
		if !ok || t.Running {
			return gdb.Stop{}, nil
		}
		f, err := t.Saved()
		if err != nil {
			return gdb.Stop{}, nil
		}
		on := wanted{slices.Clone(w.stops), slices.Clone(w.points)}
		on.add(gdb.Point{}, vmm.Stop{On: vmm.StopExec, First: f.RIP, Last: f.RIP, Any: true})
		stop, err := s.forward(ctx, gdb.Order{}, on)
		if err != nil || stop.Reason != gdb.Met || stop.Point != (gdb.Point{}) {
			return stop, err
		}
	}
}

// ending says why the recording ends.
func (s *Session) ending() string {
	t := s.src.Manifest.Tape
	if t.Truncated {
		return "the recording ends here: it was interrupted"
	}
	return fmt.Sprintf("the recording ends here: %.200s", printable(t.Why))
}
