package linuxtest

import (
	"io"
	"strings"
	"testing"

	"vmrecord/cmd/internal/live"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// ends has the guest go down in every way it knows.
func ends(t *testing.T, ready *guest) {
	for _, c := range []struct {
		name, key string
		outcome   string
		status    int
		says      string
		stop      vmm.StopKind
	}{
		{"power-off", "O", "power-off", 0, "reboot: Power down", vmm.StopPowerOff},
		{"reboot by ACPI", "A", live.Reboot, 0, "reboot: machine restart", vmm.StopReset},
		{"reboot by keyboard controller", "K", live.Reboot, 0, "reboot: machine restart", vmm.StopReset},
		{"reboot by port CF9h", "C", live.Reboot, 0, "reboot: machine restart", vmm.StopReset},
		{"reboot by triple fault", "T", "triple-fault", 1, "reboot: machine restart", vmm.StopReset},
		{"panic", "P", live.Reboot, 0, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300", vmm.StopReset},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := ready.fork(t)
			e := g.session(t, c.key)
			kind, _ := g.Stopped()
			if e.Outcome != c.outcome || e.Status != c.status || kind != c.stop || !strings.Contains(g.tx.String(), c.says) {
				t.Errorf("%+v, stop %d; want %s, status %d, stop %d, and %q in\n%s", e, kind, c.outcome, c.status, c.stop, c.says, g.tx.String())
			}
		})
	}
}

// session runs the guest, as programs do, with a key pressed.
func (g *guest) session(t *testing.T, key string) live.End {
	con, err := live.OpenConsole("none", nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := &live.Session{M: g.Machine, Door: host.NewDoor(host.Config{Hz: spec.Hz, Pace: host.Virtual}), Console: con,
		Limit: g.Now() + vmm.Instant(spec.Hz), Heard: func(p []byte) { g.tx.Write(p) }}
	s.Connect(host.Script{Keys: []host.Key{{Data: []byte(key)}}})
	e := s.Run()
	if err := con.Close(); err != nil {
		t.Error(err)
	}
	return e
}
