package main

import (
	"strings"
	"testing"

	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// Memory is hashed ahead where the guest may record.
func TestHashedAhead(t *testing.T) {
	spec := machine.Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("5a", 16), Control: true, MaxRecordings: 1}
	m, free, err := spec.Build(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	for _, c := range []struct {
		ahead *recording.Ahead
		left  int
	}{{nil, 1}, {new(recording.Ahead), 0}} {
		r := &recorder{triggers: newTriggers(configs.Triggers{}, spec.Hz), ahead: c.ahead}
		r.attach(m, nil)
		m.Mem.Root()
		m.Mem.Write(0, []byte{1})
		r.slice()
		if _, n := m.Mem.Refresh(0, int(spec.Memory/mem.PageBytes)); n != c.left {
			t.Errorf("ahead %v: %d pages left, want %d", c.ahead != nil, n, c.left)
		}
	}
}
