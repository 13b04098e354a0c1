package silicon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"vmrecord/vmm/x86"
)

// Progress is what a run leaves behind so that it can go on another day: JSON,
// in a file that is replaced whole. A later version of it has another Format.
type Progress struct {
	Format    int
	Seed      uint64
	Seconds   float64 // that runs took so far
	Units     []UnitProgress
	Explained map[string]int // by Explanation.Name
	Diffs     []string       // the first differences, as printed
}

// UnitProgress is a Stat with names that outlive a change of the table.
type UnitProgress struct {
	Form   string
	Size   uint8
	Bits   int // 64, or 32 for compatibility mode
	Next   int
	Cases  int
	Faults uint32
	Diffs  int
	Row    uint16 // in the table as it is
	Wanted uint32 // as Wanted tells
}

const (
	progressFormat = 1
	maxProgress    = 16 << 20 // bytes
)

// Add adds what a tester has found out.
func (p *Progress) Add(stats []Stat, explained []int) {
	for _, s := range stats {
		p.Units = append(p.Units, s.progress())
	}
	for i, n := range explained {
		if n > 0 {
			p.Explained[Explanations[i].Name] += n
		}
	}
}

func (s *Stat) progress() UnitProgress {
	bits := 64
	if s.Mode != x86.Mode64 {
		bits = 32
	}
	return UnitProgress{x86.Table[s.Row].Text, s.Size, bits, s.Next, s.Cases, s.Faults, s.Diffs, s.Row, Wanted(s.Unit)}
}

// Resume makes a tester go on where p was. Units that p does not know begin
// anew; Explained stays p's own.
func (p *Progress) Resume(t *Tester) {
	type key struct {
		form string
		size uint8
		bits int
	}
	known := map[key]UnitProgress{}
	for _, u := range p.Units {
		known[key{u.Form, u.Size, u.Bits}] = u
	}
	least := -1
	for i := range t.Stats {
		s := &t.Stats[i]
		now := s.progress()
		u := known[key{now.Form, now.Size, now.Bits}]
		s.Next, s.Cases, s.Faults, s.Diffs = u.Next, u.Cases, u.Faults, u.Diffs
		if least < 0 || s.Cases < t.Stats[least].Cases {
			least, t.at = i, i
		}
	}
}

// ReadProgress reads the file; a file that is not there is a new run with the
// seed.
func ReadProgress(name string, seed uint64) (*Progress, error) {
	fresh := &Progress{Format: progressFormat, Seed: seed, Explained: map[string]int{}}
	info, err := os.Stat(name)
	if os.IsNotExist(err) {
		return fresh, nil
	}
	if err == nil && info.Size() > maxProgress {
		err = fmt.Errorf("%s has %d bytes, which is no state of difftest", name, info.Size())
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := &Progress{Explained: map[string]int{}}
	if err := json.Unmarshal(b, p); err != nil || p.Format != progressFormat {
		return nil, fmt.Errorf("%s is no state of difftest that this version can go on with (format %d, %v); name another file", name, p.Format, err)
	}
	if p.Seed != seed {
		return nil, fmt.Errorf("%s is of seed %d, not %d; give -seed %d or name another file", name, p.Seed, seed, p.Seed)
	}
	return p, nil
}

// Write replaces the file.
func (p *Progress) Write(name string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".difftest-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
