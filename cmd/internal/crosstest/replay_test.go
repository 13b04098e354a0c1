package crosstest

import (
	"testing"
)

// TestReplay replays this host's recordings on the others.
func TestReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and emulates for a minute")
	}
	hosts := others(t)
	names := recordLinux(t)
	want := host{arch: "amd64"}.replays(t, names)
	for _, h := range hosts {
		t.Run(h.arch, func(t *testing.T) {
			t.Parallel()
			for i, got := range h.replays(t, names) {
				if got != want[i] {
					t.Errorf("%s:\n%s\nwant\n%s", names[i], got, want[i])
				}
			}
		})
	}
}

// TestPackages runs tests on the other hosts: those of the arithmetic, of the
// decoder, of every instruction, of memory and of what is saved and recorded,
// and TestGolden.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and emulates for a minute")
	}
	for _, h := range others(t) {
		t.Run(h.arch, func(t *testing.T) {
			t.Parallel()
			arg := []string{"test", "-short", "-vet=off", "-skip", skipped}
			if h.emulator != "" {
				arg = append(arg, "-exec", h.emulator)
			}
			h.tool(t, append(arg, "vmrecord/cmd/internal/crosstest", "vmrecord/vmm/softfp", "vmrecord/vmm/x86",
				"vmrecord/vmm/interp", "vmrecord/vmm/cpu", "vmrecord/vmm/mem", "vmrecord/vmm/snap", "vmrecord/vmm/host")...)
		})
	}
}
