package cpu

import "testing"

// The counter never runs backwards, never strays, and is uneven.
func TestFlutter(t *testing.T) {
	early := map[uint64]bool{}
	for n, last := uint64(0), uint64(0); n < 1<<16; n++ {
		v := Flutter(n)
		if v < last || v < n || v > n+31 || v>>FlutterBlock != n>>FlutterBlock {
			t.Fatalf("%d reads %d after %d", n, v, last)
		}
		last, early[v-n] = v, true
	}
	if len(early) != 32 {
		t.Errorf("%d ways to be early, want 32", len(early))
	}
}
