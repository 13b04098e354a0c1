package main

import (
	"strings"
	"testing"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/rig"
)

func TestParse(t *testing.T) {
	const forks = `@@ {"stage":"forks","round":1,"count":284,"seconds":1.5}` + "\r\n"
	for _, c := range []struct {
		text string
		want int // stages
		err  string
	}{
		{"[  0.1] kernel\r\n" + forks + forks + `@@ {"stage":"off"}`, 2, ""},
		{forks + `@@ {"stage":"error","text":"timerfd"}` + "\n" + `@@ {"stage":"off"}`, 2, ""},
		{forks + "Kernel panic", 1, "Kernel panic"},
		{forks + "@@ {", 1, "the guest said"},
		{"", 0, "did not come to its end"},
	} {
		all, err := parse(c.text)
		if len(all) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %+v, %v", c.text, all, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`@@ {"stage":"forks","round":1,"count":284,"seconds":1.5}` + "\n" + `@@ {"stage":"off"}`)
	f.Add("@@ {}\n@@ [")
	f.Fuzz(func(t *testing.T, text string) {
		if all, err := parse(text); err == nil && len(all) > strings.Count(text, "@@ ") {
			t.Errorf("%q: %+v", text, all)
		}
	})
}

// good is a report with which all is well.
func good() *report {
	played := replay.Result{Identical: true, HeartbeatsCompared: 9, EndHash: "e"}
	part := replay.Result{HeartbeatsCompared: 2}
	return &report{MemoryBytes: 2 << 30, Sum: "abc",
		Stages: []stage{{Stage: "forks"}, {Stage: "timers"}, {Stage: "build", Text: "abc"}},
		Record: recorded{Summary: recording.Summary{Heartbeats: 9, EndHash: "e"}},
		JIT:    replayed{Percent: 100, Result: played, Stats: &rig.Stats{}}, Interp: replayed{Percent: 20, Result: part}}
}

// TestCheck: each thing that may go wrong is told.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		spoil func(*report)
		want  string
	}{
		{func(*report) {}, ""},
		{func(r *report) { r.Stages[2].Text = "abd" }, "built"},
		{func(r *report) { r.Stages = r.Stages[:2] }, "no time for build"},
		{func(r *report) { r.Stages = append(r.Stages, stage{Stage: "error", Text: "nanosleep"}) }, "nanosleep"},
		{func(r *report) { r.Record.Summary.Truncated = true }, "not whole"},
		{func(r *report) { r.JIT.Identical = false }, "jit: 9 of 9"},
		{func(r *report) { r.JIT.HeartbeatsCompared = 8 }, "jit: 8 of 9"},
		{func(r *report) { r.JIT.EndHash = "f" }, "jit"},
		{func(r *report) { r.Interp.HeartbeatsCompared = 0 }, "interp: 0 of 9"},
		{func(r *report) { r.Interp.Error = "diverged" }, "interp: 2 of 9 heartbeats were equal: diverged"},
		{func(r *report) { r.Record.MaxResident = 4 << 30 }, "recording: 4294 MB"},
		{func(r *report) { r.Interp.MaxResident = 4 << 30 }, "interp: 4294 MB"},
	} {
		r := good()
		c.spoil(r)
		r.check()
		if got := strings.Join(r.Wrong, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
		if s := r.String(); strings.Contains(s, "WRONG") != (c.want != "") {
			t.Errorf("it says\n%s", s)
		}
	}
}
