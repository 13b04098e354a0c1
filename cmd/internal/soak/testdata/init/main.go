// Command init is process 1 of the soak's guest. It has the machine record
// itself, does the same rounds of work until its time is over, ends the
// recording and powers off. What it does and says stands in the doc.go of
// package soak.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"vmrecord/guestagent/recorder"
)

// A plan is the file /plan.
type plan struct {
	Seconds float64  // in all
	Package string   // to be built
	Env     []string // of the go command
}

// An event is what is said of a stage that ended.
type event struct {
	Stage   string  `json:"stage"`
	Round   int     `json:"round"`
	Count   int     `json:"count"`          // of processes, of timers, or of bytes built
	Seconds float64 `json:"seconds"`        // of the guest's
	Text    string  `json:"text,omitempty"` // the SHA-256 of what was built; why it failed
}

const (
	forever = 100 * time.Hour
	tcsbrk  = 0x5409 // ioctl_tty(2)
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "-tree" {
		if _, err := tree(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := recorded(); err != nil {
		say(event{Stage: "error", Text: strings.ReplaceAll(err.Error(), "\n", "; ")})
	}
	say(event{Stage: "off"})
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, 1, tcsbrk, 1) // wait until it is written
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

func say(e event) {
	b, _ := json.Marshal(e) // plain values always marshal
	fmt.Printf("@@ %s\n", b)
}

// recorded works, and has that recorded.
func recorded() error {
	begin := time.Now()
	if !recorder.InVM() {
		return errors.New("this machine does not record")
	}
	if err := recorder.Start("soak"); err != nil {
		return err
	}
	err := work(begin)
	if err != nil {
		err = errors.Join(err, recorder.Fail(err.Error()))
	}
	return errors.Join(err, recorder.Stop(recorder.Keep))
}

// work does rounds until the time is over.
func work(begin time.Time) error {
	for _, m := range []struct{ kind, dir string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m.dir, 0o755), syscall.Mount(m.kind, m.dir, m.kind, 0, "")); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	b, err := os.ReadFile("/plan")
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("/plan: %w", err)
	}
	all := time.Duration(p.Seconds * float64(time.Second))
	end := begin.Add(all)
	for round := 1; ; round++ {
		for _, s := range []struct {
			name string
			most time.Duration
			do   func(end time.Time) (event, error)
		}{
			{"forks", all / 20, forks},
			{"timers", all / 40, timers},
			{"build", forever, p.build},
		} {
			from := time.Now()
			until := from.Add(s.most)
			if round > 1 { // the first is whole
				if !from.Before(end) {
					return nil
				}
				if until.After(end) {
					until = end
				}
			}
			if err := recorder.Mark(fmt.Sprintf("%s-%d", s.name, round)); err != nil {
				return err
			}
			e, err := s.do(until)
			if err != nil {
				return fmt.Errorf("%s in round %d: %w", s.name, round, err)
			}
			e.Stage, e.Round, e.Seconds = s.name, round, time.Since(from).Seconds()
			if e.Count > 0 {
				say(e)
			}
		}
	}
}
