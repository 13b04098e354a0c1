package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vmrecord/configs/bare"
)

// A sandbox is a folder in which our programs run as a user's do.
type sandbox struct {
	t      testing.TB
	dir    string
	prefix []string // of every command
}

func newSandbox(t testing.TB) *sandbox {
	s := &sandbox{t: t, dir: t.TempDir()}
	s.write("guest", bare.Image(bare.Options{}))
	s.write("keys-guest", bare.Image(bare.Options{Keys: true}))
	return s
}

func (s *sandbox) path(name string) string { return filepath.Join(s.dir, name) }

func (s *sandbox) write(name string, b []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sandbox) command(args ...string) *exec.Cmd {
	args = slices.Concat(s.prefix, args)
	c := exec.Command(args[0], args[1:]...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "VMRECORD_STATE="+s.path("state"), "VMRECORD_CACHE="+s.path("cache"), "TERM=xterm")
	return c
}

// A result is how a program ended.
type result struct {
	status      int
	out, errors string
}

func (s *sandbox) run(args ...string) (r result) {
	s.t.Helper()
	c := s.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if x := (*exec.ExitError)(nil); err != nil && !errors.As(err, &x) {
		s.t.Fatalf("%q: %v", args, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want runs a program that must end with the status, and say the texts.
func (s *sandbox) want(status int, args []string, texts ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.status != status {
		s.t.Fatalf("%q: status %d, want %d\n%s%s", args, r.status, status, r.out, r.errors)
	}
	for _, x := range texts {
		if !strings.Contains(r.out+r.errors, x) {
			s.t.Fatalf("%q does not say %q:\n%s%s", args, x, r.out, r.errors)
		}
	}
	return r
}

// asking is configuration, of an appliance that asks first.
func asking(kernel, port string) []byte {
	return bytes.Replace(configuration(kernel, port), []byte(`"always"`), []byte(`"ask"`), 1)
}

// configuration is of an appliance that mails what fails to an SMTP server.
func configuration(kernel, port string) []byte {
	return []byte(`[appliance]
name = "test"
version = "1"
[machine]
memory = "16M"
kernel = "` + kernel + `"
[vendor]
mail = "demo@vendor.example"
submit = "smtp://127.0.0.1:` + port + `"
[record]
features = ["x"]
[consent]
mode = "always"
encryption = "off"
`)
}
