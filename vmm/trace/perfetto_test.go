package trace

import (
	"encoding/json"
	"fmt"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
)

// checkPerfetto holds a file against the Trace Event Format: an object with
// traceEvents, each with name, cat, ph, pid and tid; ts but for metadata, which
// names a process or thread before it is used; dur with X, and no two slices of
// a track that only partly overlap; a scope with i; B and E in pairs on a track
// or left open, in the order of time.
func checkPerfetto(text string) error {
	var doc struct {
		DisplayTimeUnit string
		TraceEvents     []struct {
			Name, Cat, Ph, S string
			PID, TID         *int
			Ts, Dur          *float64
			Args             map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	if doc.DisplayTimeUnit != "ns" || len(doc.TraceEvents) < 3 {
		return fmt.Errorf("%d events in %q", len(doc.TraceEvents), doc.DisplayTimeUnit)
	}
	const rounding = 1e-3 // microseconds
	type track struct{ pid, tid int }
	named, last, slices := map[track]bool{}, map[track]float64{}, map[track][][2]float64{}
	for i, e := range doc.TraceEvents {
		bad := func(why string) error { return fmt.Errorf("event %d, %+v: %s", i, e, why) }
		if e.Name == "" || e.Cat == "" || e.PID == nil || e.TID == nil {
			return bad("lacks a member")
		}
		at := track{*e.PID, *e.TID}
		if e.Ph == "M" {
			if _, ok := e.Args["name"].(string); !ok || e.Name != "process_name" && e.Name != "thread_name" {
				return bad("names nothing")
			}
			named[at] = true
			continue
		}
		if e.Ts == nil || *e.Ts < 0 || !named[at] {
			return bad("has no time, or no named track")
		}
		switch e.Ph {
		case "X":
			if e.Dur == nil || *e.Dur <= 0 {
				return bad("has no duration")
			}
			s := [2]float64{*e.Ts, *e.Ts + *e.Dur}
			for _, o := range slices[at][max(0, len(slices[at])-8):] {
				if s[0] > o[0] && s[0] < o[1]-rounding && s[1] > o[1]+rounding {
					return bad(fmt.Sprintf("cuts %v", o))
				}
			}
			slices[at] = append(slices[at], s)
			continue // it is written where it ends
		case "i":
			if e.S != "t" {
				return bad("has no scope")
			}
		case "B", "E":
		default:
			return bad("has no phase that is known")
		}
		if *e.Ts < last[at] {
			return bad("comes too late")
		}
		last[at] = *e.Ts
	}
	return nil
}

func TestPerfetto(t *testing.T) {
	for _, w := range []What{Insn, Block, Call, IRQ, IO} {
		if err := checkPerfetto(traced(t, interp.New(), Options{What: w, To: vmm.Position{At: 20_000}, Format: Perfetto})); err != nil {
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
	if err := checkPerfetto(string(b)); err != nil {
		t.Errorf("%v in %s", err, b)
	}
	for _, bad := range []string{`{"traceEvents":[]}`, `{"displayTimeUnit":"ns","traceEvents":[{},{},{}]}`, string(b[:len(b)-4])} {
		if checkPerfetto(bad) == nil {
			t.Errorf("no fault was found in %s", bad)
		}
	}
}
