package linuxtest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/interp"
)

// TestEngines boots on both engines, side by side, to user space: the whole
// state is equal after each of the pieces, whose lengths are random, and all of
// memory now and then.
func TestEngines(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := files()
	if err != nil {
		t.Fatal(err)
	}
	ref, fast := f.bootOn(t, machine.Interp, quick), f.bootOn(t, machine.JIT, quick)
	ref.connect(host.Virtual)
	fast.connect(host.Virtual)
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := 0; !bytes.Contains(ref.tx.Bytes(), []byte("== up")); n++ {
		to := ref.Now() + 1 + vmm.Instant(rng.Uint64N(1<<rng.Uint64N(22)))
		for ref.Now() < to {
			a, b := ref.Run(to), fast.Run(to)
			if a != b || a != vmm.Reached && a != vmm.Control {
				t.Fatalf("exits %d and %d at %s", a, b, ref.Position())
			}
			if a == vmm.Control {
				ref.TakeControl()
				fast.TakeControl()
			}
		}
		if *ref.CPU != *fast.CPU || ref.Position() != fast.Position() {
			t.Fatalf("at %s and %s:\n%+v\n%+v", ref.Position(), fast.Position(), *ref.CPU, *fast.CPU)
		}
		if n%512 == 0 && ref.Mem.Root() != fast.Mem.Root() {
			t.Fatalf("memory differs at %s", ref.Position())
		}
	}
	if ref.Mem.Root() != fast.Mem.Root() || !bytes.Equal(ref.tx.Bytes(), fast.tx.Bytes()) {
		t.Error("memory or console differs at the end")
	}
	c := fast.Engine.(*interp.CPU)
	share := float64(c.Translated()) / float64(fast.Retired())
	t.Logf("%d M instructions, %.2f %% translated", fast.Retired()/1e6, 100*share)
	if share < 0.95 {
		t.Errorf("%.2f %% of the instructions were translated, want 95", 100*share)
	}
}
