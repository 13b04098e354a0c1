package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	goCommand = "/go/bin/go"
	cache     = "/tmp/cache"
	built     = "/tmp/built"
)

// build builds a package and all that it imports from nothing. One that the
// end cuts short counts for nothing.
func (p plan) build(end time.Time) (e event, err error) {
	if err := errors.Join(os.RemoveAll(cache), os.RemoveAll(built)); err != nil {
		return e, err
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	c := exec.CommandContext(ctx, goCommand, "build", "-p=1", "-trimpath", "-buildvcs=false", "-o", built, p.Package)
	c.Env = append(p.Env, "GOROOT=/go", "GOCACHE="+cache, "GOPATH=/tmp/gopath", "HOME=/tmp", "TMPDIR=/tmp", "PATH=/go/bin", "GOPROXY=off", "GOTELEMETRY=off")
	c.Dir = "/tmp"
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out[max(0, len(out)-1000):]))
	}
	b, err := os.ReadFile(built)
	if err != nil {
		return e, err
	}
	e.Count, e.Text = len(b), fmt.Sprintf("%x", sha256.Sum256(b))
	return e, nil
}
