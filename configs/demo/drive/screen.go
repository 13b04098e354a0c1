package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A screen prints what happens, with the time since the start.
type screen struct {
	start  time.Time
	tty    bool
	over   bool      // the last line may be written over
	kernAt time.Time // when the kernel's last line was shown
	mu     sync.Mutex
}

func (s *screen) begin() {
	s.start = time.Now()
	st, err := os.Stdout.Stat()
	s.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
}

// kernel shows the kernel's messages as they come: on a terminal each over the
// one before it, elsewhere one a second.
func (s *screen) kernel(l string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tty:
		fmt.Printf("\r\x1b[K| %.76s", l)
		s.over = true
	case time.Since(s.kernAt) > time.Second:
		s.kernAt = time.Now()
		fmt.Printf("| %s\n", l)
	}
}

// step prints what happened in a stage of the demonstration.
func (s *screen) step(stage, format string, a ...any) {
	t := int(time.Since(s.start).Seconds())
	s.line("[%d:%02d] %-8s %s", t/60, t%60, stage, fmt.Sprintf(format, a...))
}

func (s *screen) line(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		fmt.Print("\r\x1b[K")
		s.over = false
	}
	fmt.Printf(format+"\n", a...)
}

// short is a path as a person would type it here.
func (s *screen) short(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return path
}

// A summary is what the demonstration claims; fields not reached stay zero.
type summary struct {
	Schema      string  `json:"schema"` // vmrecord.demo/1
	BootOK      bool    `json:"boot_ok"`
	BootSeconds float64 `json:"boot_seconds"`
	Outcome     string  `json:"outcome,omitempty"`
	Failure     string  `json:"failure,omitempty"` // what the guest said went wrong
	Dropped     int     `json:"recordings_dropped"`
	Kept        int     `json:"recordings_kept"`
	Keys        uint64  `json:"keys_recorded"`
	Inputs      uint64  `json:"inputs"`
	Heartbeats  uint64  `json:"heartbeats"`
	BundleID    string  `json:"bundle_id,omitempty"`
	BundleBytes int64   `json:"bundle_bytes"`
	Mailed      bool    `json:"mail_delivered"`
	Sealed      bool    `json:"sealed"` // to the vendor's key, and shut without it
	Parts       int     `json:"mail_parts"`
	Reply       string  `json:"mail_reply,omitempty"`
	Replays     int     `json:"replays"`
	Identical   int     `json:"replays_identical"`
	EndHash     string  `json:"end_hash,omitempty"`
	Retired     uint64  `json:"retired"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	MIPS        float64 `json:"mips"` // retired instructions / processor seconds, live
	ReplayMIPS  float64 `json:"replay_mips"`
	Accesses    int     `json:"who_accesses"`       // to the balance that is wrong
	Culprit     string  `json:"who_lost,omitempty"` // the function and line that undid an update
	WhoSeconds  float64 `json:"who_seconds"`
	Seconds     float64 `json:"seconds"`
}

func (s *summary) print() {
	s.Schema = "vmrecord.demo/1"
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain values always marshal
	}
	fmt.Println(string(b))
}

func size(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
