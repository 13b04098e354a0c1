//go:build linux && amd64

package rig

import (
	"bytes"
	"strings"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// TestWritten: what a machine says of its engine is understood.
func TestWritten(t *testing.T) {
	m, free, err := machine.Spec{Memory: 2 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("5a", 16)}.BuildOn(machine.JIT, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	var b bytes.Buffer
	machine.WriteStats(&b, m.Engine, 7)
	if s, err := ParseStats(b.String()); err != nil || s.Instructions != 7 {
		t.Errorf("%+v, %v", s, err)
	}
}
