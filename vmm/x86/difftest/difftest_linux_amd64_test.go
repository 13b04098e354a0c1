package difftest

import (
	"os"
	"strconv"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

func newInterp() vmm.Engine { return interp.New() }

func TestInterp(t *testing.T) {
	per := 1000
	if testing.Short() {
		per = 100
	}
	seed := uint64(1)
	if s := os.Getenv("DIFFSEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	r, err := Run(Config{Engine: newInterp, Seed: seed, PerRow: per, Strict: true, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Rows {
		if s.Diffs != 0 || s.Cases == 0 {
			t.Errorf("%v", s)
		}
	}
	t.Logf("%d rows of %d, %d cases, %d differences", len(r.Rows), len(x86.Table), r.Cases, r.Diffs)
}
