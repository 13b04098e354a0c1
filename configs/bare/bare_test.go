package bare

import (
	"bytes"
	"testing"
)

func TestImage(t *testing.T) {
	a := Image(Options{Work: 1e9, Keys: true, End: DebugExit, Code: 7})
	if b := Image(Options{Work: 1e9, Keys: true, End: DebugExit, Code: 7}); !bytes.Equal(a, b) {
		t.Error("the same options gave other bytes")
	}
	if b := Image(Options{Work: 1e6}); bytes.Equal(a, b) || len(a) != len(b) {
		t.Errorf("other options: %d and %d bytes, and they must differ", len(a), len(b))
	}
	if len(a) != setupBytes+0x6000 {
		t.Errorf("%d bytes", len(a))
	}
}
