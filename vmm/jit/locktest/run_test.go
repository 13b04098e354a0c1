//go:build linux && amd64

package main

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"vmrecord/vmm/jit"
)

// TestResume: a run goes on where the one before it ended.
func TestResume(t *testing.T) {
	j, err := jit.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o := &options{seed: 4, only: -1, workers: 2, time: 50 * time.Millisecond, resume: filepath.Join(t.TempDir(), "p")}
	first, err := run(o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	second, err := run(o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if first.Cases == 0 || second.Cases <= first.Cases || second.Next != uint64(second.Cases) || second.Steps <= first.Steps {
		t.Errorf("first %v\nthen %v", first, second)
	}
	if _, err := readProgress(o.resume, 5); err == nil {
		t.Error("a file of another seed was taken")
	}
	for _, d := range append(first.Diffs, second.Diffs...) {
		t.Error(d)
	}
}
