// Package tracetest holds traces against their formats, for tests of what writes
// them. The Trace Event Format is as Google's document of that name has it (2016).
package tracetest

import (
	"encoding/json"
	"errors"
	"fmt"
)

type document struct {
	DisplayTimeUnit string
	TraceEvents     []struct {
		Name, Cat, Ph, S string
		PID, TID         *int
		Ts, Dur          *float64
		Args             map[string]any
	}
}

// Perfetto holds a file against the Trace Event Format: an object with
// traceEvents, each with name, cat, ph, pid and tid; ts but for metadata, which
// names a process or thread before it is used; dur with X, and no two slices of
// a track that only partly overlap; a scope with i; B and E in pairs on a track
// or left open, in the order of time.
func Perfetto(text string) error {
	var doc document
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

// Turns holds such a trace of what the scheduler did against what a processor can
// do: its slices follow one another without a gap, and each is a thread's too.
func Turns(text string) error {
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	processor, threads := [][2]float64{}, map[[2]float64]bool{}
	for _, e := range doc.TraceEvents {
		if e.Ph != "X" {
			continue
		}
		from, _ := e.Args["at"].(float64)
		to, _ := e.Args["end"].(float64)
		if s := [2]float64{from, to}; e.Name == "runs" {
			threads[s] = true
		} else {
			processor = append(processor, s)
		}
	}
	for i, s := range processor {
		if i > 0 && s[0] != processor[i-1][1] || s[0] >= s[1] || !threads[s] {
			return fmt.Errorf("slice %d from %.0f to %.0f: a gap before it, or no thread's", i, s[0], s[1])
		}
	}
	if len(processor) < 2 {
		return errors.New("nobody is ever switched to")
	}
	return nil
}
