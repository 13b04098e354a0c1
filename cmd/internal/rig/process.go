package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Sample is a process under way.
type Sample struct {
	Seconds  float64 `json:"seconds"`
	Resident int64   `json:"resident_bytes"`
	Disk     int64   `json:"disk_bytes,omitempty"` // of the folder watched
}

// A Process is one that ended.
type Process struct {
	Command     []string `json:"command"`
	WallSeconds float64  `json:"wall_seconds"`
	CPUSeconds  float64  `json:"cpu_seconds"` // with its children's
	MaxResident int64    `json:"max_resident_bytes"`
	Samples     []Sample `json:"samples,omitempty"`

	Out []byte `json:"-"` // standard output
	Err string `json:"-"` // standard error
}

// A Watch looks at a process as it runs; the zero value does not.
type Watch struct {
	Every  time.Duration // 0: never
	Folder string        // whose files are counted; "": none
	Say    func(Sample)  // is told; may be nil
}

// Run runs a program to its end. A status that is not 0 is an error, which ends
// with the last that the program said; the process is good all the same.
func (w Watch) Run(ctx context.Context, arg ...string) (*Process, error) {
	c := exec.CommandContext(ctx, arg[0], arg[1:]...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var out, text bytes.Buffer
	c.Stdout, c.Stderr = &out, &text
	p := &Process{Command: arg}
	begin := time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error)
	go func() { ended <- c.Wait() }()
	err := w.until(ended, p, begin, c.Process.Pid)
	p.WallSeconds = time.Since(begin).Seconds()
	p.Out, p.Err = out.Bytes(), text.String()
	if s := c.ProcessState; s != nil {
		p.CPUSeconds = (s.UserTime() + s.SystemTime()).Seconds()
		if u, ok := s.SysUsage().(*syscall.Rusage); ok {
			p.MaxResident = int64(u.Maxrss) << 10 // getrusage(2): in KiB
		}
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w: %s", strings.Join(arg, " "), err, strings.TrimSpace(p.Err[max(0, len(p.Err)-2000):]))
	}
	return p, nil
}

// until takes samples until the process ended.
func (w Watch) until(ended <-chan error, p *Process, begin time.Time, pid int) error {
	if w.Every == 0 {
		return <-ended
	}
	t := time.NewTicker(w.Every)
	defer t.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-t.C:
		}
		s := Sample{Seconds: time.Since(begin).Seconds()}
		var err, diskErr error
		s.Resident, err = resident(pid)
		s.Disk, diskErr = Disk(w.Folder)
		if errors.Join(err, diskErr) != nil {
			continue // it ended just now, or renamed a file
		}
		p.Samples = append(p.Samples, s)
		if w.Say != nil {
			w.Say(s)
		}
	}
}

// resident is the memory that a process holds (proc(5), VmRSS).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "\nVmRSS:")
	line, _, _ := strings.Cut(rest, " kB\n")
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return n << 10, err
}

// Disk counts the bytes of a folder's files; of no folder 0.
func Disk(folder string) (n int64, err error) {
	if folder == "" {
		return 0, nil
	}
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		i, err := d.Info()
		if err == nil {
			n += i.Size()
		}
		return err
	})
	return n, err
}
