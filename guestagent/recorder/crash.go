package recorder

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
)

// CatchCrashes has a crash of this program be a failure of the recording that
// runs: a panic that nobody recovers, in whatever goroutine, or a fatal error of
// the runtime. The crash's text becomes the failure's, and the recording is kept.
// Call it once, at the program's start. It starts vmagent (VMAGENT may name
// another one), which waits for this program to end; see debug.SetCrashOutput,
// which this call takes for itself. Outside an appliance it does nothing.
func CatchCrashes() error {
	if !InVM() {
		return nil
	}
	agent := os.Getenv("VMAGENT")
	if agent == "" {
		agent = "vmagent"
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("recorder: catch crashes: %w", err)
	}
	defer w.Close() // the runtime keeps a copy
	defer r.Close()
	cmd := exec.Command(agent, "crash")
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("recorder: catch crashes: %w", err)
	}
	if err := debug.SetCrashOutput(w, debug.CrashOptions{}); err != nil {
		return fmt.Errorf("recorder: catch crashes: %w", err)
	}
	return cmd.Process.Release() // it outlives us
}
