package gdb

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// debug runs gdb with a script on a target, and returns what it said and how
// Serve ended. Something meanwhile is given the process.
func debug(t *testing.T, target Target, script string, meanwhile func(context.Context, *os.Process)) (transcript string, served error) {
	t.Helper()
	return play(t, target, meanwhile, func(dir, socket string) []string {
		commands := filepath.Join(dir, "commands.gdb")
		if err := os.WriteFile(commands, []byte(Commands), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0",
			"-iex", "set remotetimeout 100", "-x", commands, "-ex", "target remote " + socket, "-x", script}
	})
}

// play runs a debugger on a target, by a command line made for a folder and a
// socket.
func play(t *testing.T, target Target, meanwhile func(context.Context, *os.Process), line func(dir, socket string) []string) (transcript string, served error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gdb") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // for a debugger that waits forever
	defer cancel()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		done <- Serve(ctx, c, target)
	}()
	args := line(dir, socket)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C", "TERM=dumb", "DEBUGINFOD_URLS=")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: apt install %s", err, args[0])
	}
	meanwhile(ctx, cmd.Process)
	err = cmd.Wait()
	l.Close()
	served = <-done
	if e := new(exec.ExitError); err != nil && !(errors.As(err, &e) && e.Exited()) {
		t.Fatalf("%s: %v; served: %v\n%s", args[0], err, served, out.String())
	}
	return fmt.Sprintf("%s[exit status %d]\n", out.String(), cmd.ProcessState.ExitCode()), served
}

func nothing(context.Context, *os.Process) {}

// tasks is a machine with a second thread, of which little is known.
func tasks(testing.TB) Target {
	s := newStill()
	s.threads = []Thread{{1, "ledger", "running"}, {0x2a, "kworker/0:1", "asleep"}}
	s.known = map[uint64]Known{0x2a: Saved | Base}
	return s
}

// protected is a machine that is not in long mode, before LEA EAX, [ESI+EDI*2].
func protected(testing.TB) Target {
	s := newStill()
	copy(s.mem, "\x8d\x04\x7e\x90")
	s.EFER, s.CR0, s.Seg[x86.CS].Attr, s.Seg[x86.FS].Base = 0, cpu.CR0PE, cpu.AttrD, 0x5000
	s.R = [16]uint64{0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17}
	s.XMM[7][1] = 0x1122334455667788
	return s
}

// recorded is a machine with a past and a future.
func recorded(t testing.TB) Target { return newReplay(t, 10_000, 60_000) }

// Each script in testdata, played to real gdb, gives the transcript beside it,
// and that twice.
func TestScripts(t *testing.T) {
	for _, l := range []struct {
		name   string
		target func(testing.TB) Target
	}{
		{"look", recorded}, {"timer", recorded}, {"back", recorded},
		{"register", recorded}, {"memory", recorded}, {"command", recorded},
		{"tasks", tasks}, {"i386", protected}, {"words", tasks},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join("testdata", l.name+".txt")
			for i := range 2 {
				got, err := debug(t, l.target(t), filepath.Join("testdata", l.name+".gdb"), nothing)
				if err != nil {
					t.Error(err)
				}
				if *update && i == 0 {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(golden); err != nil || string(want) != got {
					t.Errorf("time %d: got:\n%s\nwant (%v):\n%s", i, got, err, want)
				}
			}
		})
	}
}

// ^C stops what would run for hours.
func TestKeyboard(t *testing.T) {
	r, running := newReplay(t, 0, vmm.Never), make(chan struct{}, 1)
	r.running = running
	got, err := debug(t, r, filepath.Join("testdata", "keyboard.gdb"), func(ctx context.Context, p *os.Process) {
		select {
		case <-running:
			p.Signal(os.Interrupt)
		case <-ctx.Done():
		}
	})
	if err != nil || !strings.Contains(got, "\nProgram received signal SIGINT, Interrupt.\n") || !strings.Contains(got, "stopped\n") {
		t.Errorf("%v\n%s", err, got)
	}
}
