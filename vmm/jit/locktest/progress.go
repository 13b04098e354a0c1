package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vmrecord/vmm/jit/locktest/lockstep"
)

// A progress is what runs of one seed came to. Its file is JSON.
type progress struct {
	Format  int
	Seed    uint64
	Seconds float64
	Next    uint64 // the case to go on with
	Cases   int
	Forms   []int // cases by what they are about
	lockstep.Count
	Diffs []string `json:",omitempty"`
}

const (
	progressFormat = 1
	maxProgress    = 16 << 20 // bytes
)

// readProgress reads a file; no name, or no such file, is a new progress.
func readProgress(name string, seed uint64) (*progress, error) {
	p := &progress{Format: progressFormat, Seed: seed}
	if name == "" {
		return p, nil
	}
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if st.Size() > maxProgress {
		return nil, fmt.Errorf("%s has %d bytes, which is no progress of locktest; give another name", name, st.Size())
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("%s is no progress of locktest: %w; give another name", name, err)
	}
	if p.Format != progressFormat || p.Seed != seed {
		return nil, fmt.Errorf("%s is of format %d and seed %d, wanted %d and %d; give another name", name, p.Format, p.Seed, progressFormat, seed)
	}
	return p, nil
}

// write replaces the file.
func (p *progress) write(name string) error {
	if name == "" {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// add counts a case about form n, or -1: no single one.
func (p *progress) add(n int, k lockstep.Count) {
	if len(p.Forms) != lockstep.Units() {
		p.Forms = make([]int, lockstep.Units())
	}
	if n >= 0 {
		p.Forms[n]++
	}
	p.Cases++
	p.Count.Add(k)
}

func (p *progress) String() string {
	return fmt.Sprintf("seed %d, %.0f seconds: %d cases, %.0f a second, of %d forms and sizes at least %d each; %d million steps, %.0f %% translated, %.1f steps an entry; %d differences",
		p.Seed, p.Seconds, p.Cases, float64(p.Cases)/max(p.Seconds, 1e-3), len(p.Forms), least(p.Forms), p.Steps/1e6,
		100*float64(p.Translated)/float64(max(p.Steps, 1)), float64(p.Translated)/float64(max(p.Entries, 1)), len(p.Diffs))
}
