package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Settings are what decides about what the go command makes, for the oldest
// processor there is, wherever it runs.
func Settings() []string {
	return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off", "GOTOOLCHAIN=local", "GOWORK=off"}
}

// Go runs the go command under Settings and returns what it prints.
func Go(arg ...string) (string, error) {
	c := exec.Command("go", arg...)
	c.Env = append(os.Environ(), Settings()...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(arg, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// The programs.
const (
	Appliance = "vmappliance"
	Bundle    = "vmbundle"
)

// Programs builds Appliance and Bundle into a folder.
func Programs(dir string) error {
	for _, p := range []string{Appliance, Bundle} {
		if _, err := Go("build", "-trimpath", "-o", filepath.Join(dir, p), "vmrecord/cmd/"+p); err != nil {
			return err
		}
	}
	return nil
}
