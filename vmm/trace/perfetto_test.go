package trace

import (
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/trace/tracetest"
)

func TestPerfetto(t *testing.T) {
	for _, w := range []What{Insn, Block, Call, IRQ, IO} {
		if err := tracetest.Perfetto(traced(t, interp.New(), Options{What: w, To: vmm.Position{At: 20_000}, Format: Perfetto})); err != nil {
			t.Errorf("%s: %v", w, err)
		}
	}
}

// Slices are written where they end, on the thread's track and the processor's.
func TestPerfettoTasks(t *testing.T) {
	var b []byte
	f := Perfetto.new(hz)
	f.into(func(p []byte) []byte { b = append(b, p...); return nil })
	one, two := &thread{pid: 7, tid: 7, comm: "one", label: "one/7", addr: 1}, &thread{pid: 7, tid: 8, comm: `two"`, label: `two"/8`, addr: 2}
	read := &call{who: two, name: "read", args: []string{"3", `"x"`}, result: "1"}
	f.begin()
	for _, e := range []event{
		{kind: "sched", at: 5, who: one, name: `wakes two"/8`, phase: 'i'},
		{kind: "sched", at: 0, end: 10, who: one, name: `to two"/8 in state S after 10`, phase: 'X'},
		{kind: "sched", at: 10, end: 30, who: two, name: "to one/7 in state R after 20", phase: 'X'},
		{kind: "syscall", at: 12, end: 25, who: two, call: read},
		{kind: "sched", at: 30, end: 30, who: one, name: "goes on after 0", phase: 'X'},
	} {
		f.event(&e)
	}
	f.end()
	if err := tracetest.Perfetto(string(b)); err != nil {
		t.Errorf("%v in %s", err, b)
	}
	for _, bad := range []string{`{"traceEvents":[]}`, `{"displayTimeUnit":"ns","traceEvents":[{},{},{}]}`, string(b[:len(b)-4])} {
		if tracetest.Perfetto(bad) == nil {
			t.Errorf("no fault was found in %s", bad)
		}
	}
}
