package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/rig"
)

// A stage is what the guest said of one, as doc.go describes.
type stage struct {
	Stage   string  `json:"stage"`
	Round   int     `json:"round"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
	Text    string  `json:"text,omitempty"`
}

// parse reads the guest's console. Stages that failed are among the others.
func parse(console string) (all []stage, err error) {
	for line := range strings.Lines(strings.ReplaceAll(console, "\r", "")) {
		text, ok := strings.CutPrefix(line, "@@ ")
		if !ok {
			continue
		}
		var s stage
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return all, fmt.Errorf("the guest said %.200q: %w", line, err)
		}
		if s.Stage == "off" {
			return all, nil
		}
		all = append(all, s)
	}
	return all, errors.New("the guest did not come to its end; its last words:\n" + console[max(0, len(console)-2000):])
}

// A report is what came of a soak. It is printed as JSON.
type report struct {
	Seconds     float64  `json:"seconds"` // asked for
	MemoryBytes int64    `json:"memory_bytes"`
	Package     string   `json:"package"`
	Sum         string   `json:"sha256"` // of the package built here
	Stages      []stage  `json:"stages"`
	Record      recorded `json:"record"`
	JIT         replayed `json:"jit"`
	Interp      replayed `json:"interp"`
	Wrong       []string `json:"wrong"` // empty: all is as it should be
}

// A recorded is the guest's run.
type recorded struct {
	rig.Process
	Stats       rig.Stats         `json:"stats"`
	Summary     recording.Summary `json:"summary"`
	TapeBytes   int64             `json:"tape_bytes"`
	BundleBytes int64             `json:"bundle_bytes"`
}

// A replayed is a replay of it.
type replayed struct {
	rig.Process
	Percent float64    `json:"percent"`
	Stats   *rig.Stats `json:"stats,omitempty"` // of the translating engine
	replay.Result
	Error string `json:"error,omitempty"`
}

// beyond is the most memory that a program may hold besides the guest's.
const beyond = 1 << 30

// check finds what is wrong.
func (r *report) check() {
	r.Wrong = []string{}
	wrong := func(format string, arg ...any) { r.Wrong = append(r.Wrong, fmt.Sprintf(format, arg...)) }
	done := map[string]int{}
	for _, s := range r.Stages {
		done[s.Stage]++
		switch {
		case s.Stage == "error":
			wrong("the guest: %s", s.Text)
		case s.Stage == "build" && s.Text != r.Sum:
			wrong("round %d: the guest built %s with SHA-256 %s, here it is %s", s.Round, r.Package, s.Text, r.Sum)
		}
	}
	for _, s := range []string{"forks", "timers", "build"} {
		if done[s] == 0 {
			wrong("the guest had no time for %s; soak longer", s)
		}
	}
	s := &r.Record.Summary
	if s.Truncated || s.Lost != "" {
		wrong("the recording is not whole: %s%s", s.Cause, s.Lost)
	}
	if j := &r.JIT; !j.Identical || j.HeartbeatsCompared != s.Heartbeats || j.EndHash != s.EndHash {
		wrong("jit: %d of %d heartbeats were equal: %s", j.HeartbeatsCompared, s.Heartbeats, j.Error)
	}
	if i := &r.Interp; i.Error != "" || i.HeartbeatsCompared == 0 || i.Percent == 100 && !i.Identical {
		wrong("interp: %d of %d heartbeats were equal: %s", i.HeartbeatsCompared, s.Heartbeats, i.Error)
	}
	for _, x := range []struct {
		name string
		p    *rig.Process
	}{{"recording", &r.Record.Process}, {"jit", &r.JIT.Process}, {"interp", &r.Interp.Process}} {
		if x.p.MaxResident > r.MemoryBytes+beyond {
			wrong("%s: %d MB were resident, the guest has %d", x.name, x.p.MaxResident/1e6, r.MemoryBytes/1e6)
		}
	}
}

// String is the report for people.
func (r *report) String() string {
	var b strings.Builder
	line := func(format string, arg ...any) { fmt.Fprintf(&b, format+"\n", arg...) }
	count, took, n := map[string]int{}, map[string]float64{}, map[string]int{}
	for _, s := range r.Stages {
		n[s.Stage]++
		count[s.Stage] += s.Count
		took[s.Stage] += s.Seconds
	}
	s := &r.Record.Summary
	line("guest       %d MB; %.0f s of work", r.MemoryBytes/1e6, r.Seconds)
	line("  forks     %d processes in %.0f s", count["forks"], took["forks"])
	line("  timers    %d rang in %.0f s", count["timers"], took["timers"])
	line("  build     %d times %s in %.0f s, %.12s", n["build"], r.Package, took["build"], r.Sum)
	line("recording   %.2e instructions, %.2f %% translated; %d inputs, %d heartbeats", float64(s.Retired), r.Record.Stats.Translated, s.Inputs, s.Heartbeats)
	line("            tape %d bytes, bundle %d bytes", r.Record.TapeBytes, r.Record.BundleBytes)
	process(line, &r.Record.Process, s.Retired)
	for _, x := range []*replayed{&r.JIT, &r.Interp} {
		name, translated := "interp", ""
		if x.Stats != nil {
			name, translated = "jit", fmt.Sprintf(", %.2f %% translated", x.Stats.Translated)
		}
		line("%-11s %g %% of the way: %d of %d heartbeats equal, %.2e instructions%s", name, x.Percent, x.HeartbeatsCompared, s.Heartbeats, float64(x.Retired), translated)
		process(line, &x.Process, x.Retired)
	}
	if len(r.Wrong) == 0 {
		line("all is as it should be")
	}
	for _, w := range r.Wrong {
		line("WRONG: %s", w)
	}
	return b.String()
}

// process tells what a program took.
func process(line func(string, ...any), p *rig.Process, retired uint64) {
	line("            %.0f s, %.0f of the processor's, %.0f million instructions in one of these; at most %d MB resident",
		p.WallSeconds, p.CPUSeconds, float64(retired)/1e6/max(p.CPUSeconds, 1e-3), p.MaxResident/1e6)
	if n := len(p.Samples); n > 1 {
		line("            resident after %.0f s %d MB, %.0f s %d MB, %.0f s %d MB",
			p.Samples[0].Seconds, p.Samples[0].Resident/1e6, p.Samples[n/2].Seconds, p.Samples[n/2].Resident/1e6, p.Samples[n-1].Seconds, p.Samples[n-1].Resident/1e6)
	}
}
