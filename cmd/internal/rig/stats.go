package rig

import (
	"fmt"
	"strings"
)

// Stats are what --stats says of a translating engine. Exits from translated
// code are counted per million instructions.
type Stats struct {
	Instructions uint64  `json:"instructions"`
	Translated   float64 `json:"translated_percent"`

	Jumps     float64 `json:"exits_for_jumps"`
	Accesses  float64 `json:"exits_for_accesses"`
	Others    float64 `json:"exits_for_other_instructions"`
	Deadlines float64 `json:"exits_at_deadlines"`
}

// Exits are all of them.
func (s Stats) Exits() float64 { return s.Jumps + s.Accesses + s.Others + s.Deadlines }

// ParseStats finds the statistics in what a program wrote to standard error.
func ParseStats(text string) (s Stats, err error) {
	n := 0
	for line := range strings.Lines(text) {
		for _, f := range []struct {
			format string
			values []any
		}{
			{"engine: %d instructions, %f %% translated", []any{&s.Instructions, &s.Translated}},
			{"exits per million instructions: %f for jumps, %f for accesses, %f for other instructions, %f at deadlines",
				[]any{&s.Jumps, &s.Accesses, &s.Others, &s.Deadlines}},
		} {
			if k, _ := fmt.Sscanf(line, f.format, f.values...); k == len(f.values) {
				n += k
			}
		}
	}
	if n != 6 {
		return s, fmt.Errorf("no statistics of a translating engine, which must run here, in %.500q", text)
	}
	return s, nil
}
