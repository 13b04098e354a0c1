//go:build 386 || amd64

package recorder

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"

	"vmrecord/guestagent/portlab"
)

const guestEnv = "RECORDER_TEST_GUEST"

// TestMain turns the test program into the guest of TestInstruction.
func TestMain(m *testing.M) {
	if os.Getenv(guestEnv) == "" {
		os.Exit(m.Run())
	}
	vm := probe(in)
	err := vm.guard("from a guest", func() error { return errors.New("as meant") })
	if vm == nil || err == nil {
		os.Exit(3)
	}
	os.Exit(4)
}

// The instruction itself: a process whose IN is answered as in a guest.
func TestInstruction(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), guestEnv+"=1")
	var lab portlab.Machine
	status, err := portlab.Run(cmd, lab.In)
	want := []string{"getversion", "vmrecord.version", "vmrecord.prepare from a guest", "log 1 = 1",
		"vmrecord.fail as meant", "vmrecord.keep", "kept=true", "log 2 = 1"}
	if err != nil || status != 4 || !slices.Equal(lab.Log, want) {
		t.Fatalf("status %d, error %v, seen %q", status, err, lab.Log)
	}
}
