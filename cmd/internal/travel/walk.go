package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
	"vmrecord/vmm/x86"
)

// A visit is what was to be seen at a position after an operation.
type visit struct {
	pos   vmm.Position
	state state
	n     int // the operation's number
	op    string
}

// A state is all that a machine shows, and what it has said.
type state struct {
	retired, total uint64
	memory         mem.Hash
	console        [sha256.Size]byte
}

func stateOf(m *vmm.Machine, console []byte) state {
	_, total := m.Digests()
	return state{m.Retired(), total, m.Mem.Root(), sha256.Sum256(console)}
}

// A walk is operations at random.
type walk struct {
	t      *timeline.Timeline
	rng    *rand.Rand
	reach  uint64   // instants or instructions that one goes to the side, at most
	code   []uint64 // addresses of instructions that ran
	visits []visit
}

// far is how many operations there are for one that goes anywhere.
const far = 20

// run makes n operations.
func (w *walk) run(ctx context.Context, n int, told func(done int)) error {
	for i := range n {
		op, err := w.step(ctx)
		if err != nil {
			return fmt.Errorf("operation %d, %s: %w", i, op, err)
		}
		m := w.t.Machine()
		w.visits = append(w.visits, visit{w.t.Position(), stateOf(m, w.t.Text()), i, op})
		if w.code = append(w.code, m.CPU.RIP); len(w.code) > 64 {
			w.code = w.code[1:]
		}
		told(i + 1)
	}
	return nil
}

// step makes one operation, and says which.
func (w *walk) step(ctx context.Context) (op string, err error) {
	t, here := w.t, w.t.Position()
	span := uint64(t.End().At - t.Start().At)
	n := 1 + w.rng.Int64N(int64([]uint64{2, 100, 10_000, w.reach}[w.rng.IntN(4)]))
	if w.rng.IntN(2) == 0 {
		n = -n
	}
	switch k := w.rng.IntN(far); {
	case k == 0:
		to := vmm.Position{At: t.Start().At + vmm.Instant(w.rng.Uint64N(span+1)), Inputs: tape.All}
		return fmt.Sprintf("seek %s", to), t.Seek(ctx, to)
	case k < far/3:
		return fmt.Sprintf("step %d from %s", n, here), t.Step(ctx, n)
	case k < 2*far/3:
		return fmt.Sprintf("step %d instructions from %s", n, here), t.StepInsn(ctx, n)
	case n < 0:
		name, q := w.query()
		until := vmm.Position{At: here.At - min(here.At-t.Start().At, vmm.Instant(-n))}
		q.Until = &until
		_, err = t.Prev(ctx, q)
		return fmt.Sprintf("last %s between %s and %s", name, until, here), found(err)
	default:
		name, q := w.query()
		until := vmm.Position{At: here.At + vmm.Instant(n), Inputs: tape.All}
		q.Until = &until
		return fmt.Sprintf("next %s between %s and %s", name, here, until), w.next(ctx, here, q)
	}
}

// found is the error of a search that may find nothing.
func found(err error) error {
	if errors.Is(err, timeline.ErrNone) {
		return nil
	}
	return err
}

// errAgain says that there and back is not the same.
var errAgain = errors.New("backwards the same search does not find it")

// next searches forwards, and what it found once more backwards.
func (w *walk) next(ctx context.Context, here vmm.Position, q timeline.Query) error {
	f, err := w.t.Next(ctx, q)
	if err != nil {
		return found(err)
	}
	if err := w.t.Step(ctx, 1); err != nil || w.t.Position().At == f.Position.At {
		return err // the end
	}
	q.Until = &here
	g, err := w.t.Prev(ctx, q) // or one that comes still later
	if err != nil || g.Position.Before(f.Position) {
		return fmt.Errorf("%w: %+v, but %+v: %w", errAgain, f, g, err)
	}
	return nil
}

// query is something to search for.
func (w *walk) query() (name string, q timeline.Query) {
	stop := func(on vmm.StopOn, first, last uint64) timeline.Query {
		return timeline.Query{Stops: []vmm.Stop{{On: on, First: first, Last: last, Any: true}}}
	}
	sp := w.t.Machine().CPU.R[x86.RSP] + uint64(w.rng.Int64N(512)) - 256
	switch w.rng.IntN(9) {
	case 0:
		return "stores", stop(vmm.StopWrite, sp, sp+7)
	case 1:
		return "loads", stop(vmm.StopRead, sp, sp+7)
	case 2:
		return "ports", stop(vmm.StopPortIn+vmm.StopOn(w.rng.IntN(2)), 0, 0xffff)
	case 3:
		return "registers", stop(vmm.StopMSR, 0, 0xffff_ffff)
	case 4:
		return "interrupts", stop(vmm.StopVector, 0, 255)
	case 5:
		return "exceptions", stop(vmm.StopException, 0, 31)
	case 6:
		return "inputs and marks", timeline.Query{Input: func(vmm.Input) bool { return true }, Mark: func(tape.MarkKind, string) bool { return true }}
	case 7:
		return "letters", timeline.Query{Text: "e"}
	}
	at := w.t.Machine().CPU.RIP
	if len(w.code) > 0 {
		at = w.code[w.rng.IntN(len(w.code))]
	}
	return "instructions", stop(vmm.StopExec, at, at)
}
