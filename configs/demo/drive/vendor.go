package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A replayResult is what vmbundle replay --json says, as far as we need it.
type replayResult struct {
	Identical  bool    `json:"identical"`
	Heartbeats uint64  `json:"heartbeatsCompared"`
	Inputs     uint64  `json:"inputsDelivered"`
	EndHash    string  `json:"endHash"`
	MIPS       float64 `json:"mips"`
	Error      string  `json:"error"`
}

// vendor replays the bundle three times, each in a new process and in a folder
// that holds nothing else.
func (d *demo) vendor() error {
	d.line("-------- the vendor: new process, empty folder --------")
	if err := d.inspect(); err != nil {
		return err
	}
	ways := []struct {
		name string
		args []string
		env  string
	}{
		{"as recorded", nil, ""},
		{"slices of 1009", []string{"--slice", "1009"}, ""},
		{"one processor", nil, "GOMAXPROCS=1"},
	}
	for _, w := range ways {
		r, last, err := d.replay(w.args, w.env)
		if err != nil {
			return err
		}
		s := &d.sum
		s.Replays++
		verdict := "DIVERGED: " + r.Error
		if r.Identical {
			s.Identical++
			verdict = "identical"
		}
		if s.Replays == 1 {
			s.EndHash, s.Heartbeats, s.Inputs, s.ReplayMIPS = r.EndHash, r.Heartbeats, r.Inputs, r.MIPS
		}
		if r.EndHash != s.EndHash {
			return fmt.Errorf("replay %s ends in %s, the first one in %s", w.name, r.EndHash, s.EndHash)
		}
		d.step("replay", "%-16s %-32s %.8s  %s", w.name, last, r.EndHash, verdict)
	}
	if d.sum.Identical != d.sum.Replays {
		return fmt.Errorf("%d of %d replays were identical", d.sum.Identical, d.sum.Replays)
	}
	return nil
}

// inspect reads from the bundle how many keys the recording holds, and what the
// ledger noted on it.
func (d *demo) inspect() error {
	b, err := d.command(d.out, "vmbundle", "inspect", d.bundle, "--json").Output()
	if err != nil {
		return fmt.Errorf("vmbundle inspect: %w", err)
	}
	var doc struct {
		Keys     []string `json:"keys"`
		Manifest struct {
			Tape struct {
				Keys uint64 `json:"keys"`
			} `json:"tape"`
			Markers []struct{ Kind, Text string } `json:"markers"`
		} `json:"manifest"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("vmbundle inspect --json: %w", err)
	}
	d.sum.Keys = doc.Manifest.Tape.Keys
	d.sum.Sealed = slices.Equal(doc.Keys, []string{d.public}) && d.locked()
	for _, m := range doc.Manifest.Markers {
		if value, ok := strings.CutPrefix(m.Text, "suspect="); ok && m.Kind == "attr" {
			d.suspect = value
		}
	}
	return nil
}

// locked tells whether the bundle stays shut without the vendor's keys.
func (d *demo) locked() bool {
	const needsKey = 4
	c := d.command(d.out, "vmbundle", "inspect", d.bundle)
	c.Env = append(c.Env, "VMRECORD_KEYS="+filepath.Join(d.out, "nobody"))
	c.Stderr = nil
	_ = c.Run()
	return c.ProcessState.ExitCode() == needsKey
}

// replay runs the bundle once and returns what the program said went wrong: the
// last line of its console that begins with its name, in this replay's bytes.
func (d *demo) replay(args []string, env string) (r replayResult, last string, err error) {
	dir, err := os.MkdirTemp(filepath.Join(d.out, "vendor"), "empty-")
	if err != nil {
		return r, "", err
	}
	defer os.RemoveAll(dir)
	c := d.command(dir, "vmbundle", append([]string{"replay", d.bundle, "--json"}, args...)...)
	if env != "" {
		c.Env = append(c.Env, env)
	}
	var out, console bytes.Buffer
	c.Stdout, c.Stderr = &out, &console
	runErr := c.Run()
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, "", fmt.Errorf("vmbundle replay: %v: %s", runErr, console.String())
	}
	for l := range strings.Lines(console.String()) {
		if _, l, ok := strings.Cut(l, "ledger: "); ok {
			last = strings.TrimSpace(l)
		}
	}
	return r, last, nil
}
