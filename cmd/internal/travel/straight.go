package main

import (
	"fmt"
	"slices"

	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/timeline"
)

// straight replays a recording once through on the reference engine, and lists
// the visits that saw something else than is to be seen there.
func (r *recording) straight(visits []visit) (wrong []string, err error) {
	run, err := r.fresh(machine.Interp)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	visits = slices.Clone(visits)
	slices.SortStableFunc(visits, func(a, b visit) int { return a.pos.Compare(b.pos) })
	m, console, want := run.Machine, []byte(nil), state{}
	m.OnOutput(run.Console, func(b []byte) {
		console = append(console, b...)
		console = console[max(0, len(console)-timeline.TextBytes):]
	})
	for i, v := range visits {
		if i == 0 || v.pos != visits[i-1].pos {
			if _, err := run.Player.Run(v.pos); err != nil {
				return nil, err
			}
			want = stateOf(m, console)
		}
		if m.Position() != v.pos {
			wrong = append(wrong, fmt.Sprintf("operation %d, %s: %s is no position; the next one is %s", v.n, v.op, v.pos, m.Position()))
		} else if v.state != want {
			wrong = append(wrong, fmt.Sprintf("operation %d, %s: at %s %s", v.n, v.op, v.pos, v.state.differs(want)))
		}
	}
	return wrong, nil
}

// differs says what of two states is not the same.
func (s state) differs(want state) string {
	switch {
	case s.retired != want.retired:
		return fmt.Sprintf("%d instructions, want %d", s.retired, want.retired)
	case s.memory != want.memory:
		return fmt.Sprintf("memory is %x, want %x", s.memory, want.memory)
	case s.total != want.total:
		return fmt.Sprintf("the state is %016x, want %016x", s.total, want.total)
	}
	return "the console is another"
}
