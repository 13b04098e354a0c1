package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A room is a folder in which our programs run as a user's do.
type room struct {
	dir string // without symbolic links; files of the harness's own are beside it
	bin string // where the programs are
}

func (r *room) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

// aside is a file that no call is failed on.
func (r *room) aside(name string) string { return r.dir + "." + name }

func (r *room) command(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(r.bin, args[0]), args[1:]...)
	c.Dir = r.dir
	// Preemption interrupts calls, and one that is looked at would come twice.
	c.Env = append(os.Environ(), "VMRECORD_STATE="+r.path("state"), "VMRECORD_CACHE="+r.path("cache"), "TMPDIR="+r.path("tmp"), "GODEBUG=asyncpreemptoff=1")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// run runs a program to its end, which must come with one of the statuses.
func (r *room) run(statuses []int, args ...string) (out string, err error) {
	p, err := r.start(nil, args)
	if err != nil {
		return "", err
	}
	if err := p.wait(patience); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	for _, s := range statuses {
		if p.status() == s {
			return p.out.String(), nil
		}
	}
	return p.out.String(), fmt.Errorf("%s: status %d: %s", strings.Join(args, " "), p.status(), p.said.String())
}

// patience is for what takes a second.
const patience = 2 * time.Minute

// A process is a program under way.
type process struct {
	cmd       *exec.Cmd
	out, said voice // its two outputs
	gone      context.Context
}

// start starts a program, with calls failing if there is a fault.
func (r *room) start(f *fault, args []string) (*process, error) {
	p := &process{cmd: r.command(args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.said
	begin := p.cmd.Start
	if f != nil {
		begin = func() error { return f.start(p.cmd) }
	}
	// The death signal comes when the thread ends that started it; Go ends none.
	if err := begin(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	gone, done := context.WithCancel(context.Background())
	p.gone = gone
	go func() {
		_ = p.cmd.Wait() // the status tells
		done()
	}()
	return p, nil
}

var errHangs = errors.New("it does not end")

// wait waits for its end; one that does not come in time is made.
func (p *process) wait(limit time.Duration) error {
	select {
	case <-p.gone.Done():
		return nil
	case <-time.After(limit):
		p.kill()
		return fmt.Errorf("%w: %s", errHangs, p.said.String())
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.gone.Done()
}

// status is how it ended; -1: by a signal.
func (p *process) status() int {
	<-p.gone.Done()
	return p.cmd.ProcessState.ExitCode()
}

// A voice is what a program has said so far.
type voice struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (v *voice) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.buf.Write(b)
}

func (v *voice) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.buf.String()
}

// all are the first groups of what matches.
func (v *voice) all(re *regexp.Regexp) (found []string) {
	for _, m := range re.FindAllStringSubmatch(v.String(), -1) {
		found = append(found, m[1])
	}
	return found
}

// until asks again and again until it is so, the process is gone, or it takes too
// long.
func (p *process) until(so func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if so() {
			return true
		}
		if p.gone.Err() != nil {
			return so()
		}
	}
	return false
}
