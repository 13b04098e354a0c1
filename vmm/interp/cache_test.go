package interp

import (
	"bytes"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A guest that runs through all of a large memory does not fill the host's: what
// was decoded is forgotten, and the run is as without.
func TestCacheIsBounded(t *testing.T) {
	const size = 6 << 20
	r := newRig(x86.Mode32, 0)
	state := r.c.State
	state.RIP = 0
	c := New()
	m := &vmm.Machine{Board: vmm.NewBoard(mem.New(bytes.Repeat([]byte{0x90}, size)), vmm.Config{}), CPU: &state, Engine: c, Door: new(vmm.Scripted)}
	want, most := state, 0
	for m.Now() < size-100 {
		m.Run(min(m.Now()+100_000, size-100))
		most = max(most, c.cache.held)
	}
	want.RIP = size - 100
	if *m.CPU != want {
		t.Errorf("%+v, want %+v", *m.CPU, want)
	}
	held := 0
	for _, b := range c.cache.blocks {
		held += len(b.ops) + blockCost
	}
	if most <= heldMost/2 || most > heldMost+blockMax+blockCost || held != c.cache.held {
		t.Errorf("at most %d, the limit is %d; at the end %d, counted %d", most, heldMost, held, c.cache.held)
	}
}
