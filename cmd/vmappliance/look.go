package main

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/secrets"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/tape"
)

// A look is what was seen of a recording when its bundle was packed: of its memory only
// what went into the bundle.
type look struct {
	Created int64         `json:"created"` // Unix seconds
	Seconds float64       `json:"seconds"`
	Memory  uint64        `json:"memory_bytes"` // of the guest, as it was at the start
	Keys    uint64        `json:"keys"`         // typed
	Facts   []string      `json:"facts"`        // that the guest told of itself, KEY=VALUE
	First   string        `json:"console_first"`
	Last    string        `json:"console_last"`
	Scanned int64         `json:"scanned_bytes"`
	Secrets []secrets.Hit `json:"secrets"`
}

// lookInto looks into a recording in whose bundle's memory s has looked for secrets.
func lookInto(dir string, sum recording.Summary, s *secrets.Scanner) (*look, error) {
	b, err := bundle.OpenRecording(dir)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	typed, err := typed(b)
	if err != nil {
		return nil, err
	}
	m, facts := b.Manifest(), []string{}
	for _, k := range slices.Sorted(maps.Keys(m.Recording.Facts)) {
		facts = append(facts, k+"="+m.Recording.Facts[k])
	}
	for _, text := range append([]string{typed, sum.First, sum.Last}, facts...) {
		s.Scan([]byte(text))
	}
	return &look{m.Recording.Created, m.Machine.Seconds(m.Tape.Start.At, m.Tape.End.At), m.Machine.MemoryBytes, m.Tape.Keys,
		facts, sum.First, sum.Last, s.Bytes, s.Hits()}, nil
}

// of is the look at a report of the recording: nothing else of it goes but the facts.
func (l look) of(report string) *look {
	var s secrets.Scanner
	for _, text := range append([]string{report}, l.Facts...) {
		s.Scan([]byte(text))
	}
	l.First, l.Last, l.Scanned, l.Secrets = "", "", s.Bytes, s.Hits()
	return &l
}

// typed is what was typed on the console, up to a megabyte.
func typed(b *bundle.Bundle) (string, error) {
	r, err := b.Tape()
	if err != nil {
		return "", err
	}
	const most = 1 << 20
	var text strings.Builder
	for text.Len() < most {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, tape.ErrTruncated) {
			break
		}
		if err != nil {
			return "", err
		}
		if f.Kind == tape.KindInput && f.Input.Inlet == machine.ConsoleIn {
			text.Write(f.Input.Data)
		}
	}
	return text.String(), nil
}
