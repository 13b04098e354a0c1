package main

import (
	"encoding/json"
	"testing"

	"vmrecord/vmm"
)

// Two users typed something else at 7 ms; a recording and itself agree on both
// engines.
func TestBisect(t *testing.T) {
	a, b := newMade(t), newMadeBy(t, "z")
	vmbundle(t, "", "bisect", a.file).want(t, 0, "equal on both engines")
	vmbundle(t, "", "bisect", a.file, b.file).want(t, 7, "input in A: com1/rx 79", "input in B: com1/rx 7a", "com1 RX[0]: 0x79, 0x7a")
	var doc bisectDocument
	r := vmbundle(t, "", "bisect", "--json", a.file, b.file).want(t, 7)
	ok(t, json.Unmarshal([]byte(r.out), &doc))
	if at := vmm.Instant(7 * vmm.DefaultHz / 1000); doc.Equal || doc.Fork.Good.At != at-1 && doc.Fork.Good.At != at {
		t.Errorf("%+v", doc)
	}
	vmbundle(t, "", "bisect", a.file, "missing.vmb").want(t, 3, "missing.vmb")
}
