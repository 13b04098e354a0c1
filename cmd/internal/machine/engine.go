package machine

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// An Engine names what executes a guest's instructions. It is nobody's
// business but the host's: every engine gives the same results. It is a
// command-line flag's value.
type Engine string

// The engines. Auto is JIT where the host has what that needs, else Interp.
const (
	Auto   Engine = "auto"
	JIT    Engine = "jit"    // translates hot code to the host's
	Interp Engine = "interp" // the reference: slow, on any host
)

// Set implements pflag.Value.
func (e *Engine) Set(s string) error {
	switch v := Engine(s); v {
	case Auto, JIT, Interp:
		*e = v
		return nil
	}
	return fmt.Errorf("want auto, jit or interp")
}

// String is its name; auto for none.
func (e *Engine) String() string {
	if *e == "" {
		return string(Auto)
	}
	return string(*e)
}

// Type implements pflag.Value.
func (e *Engine) Type() string { return "NAME" }

// New makes the engine as it is by itself.
func (e Engine) New() (vmm.Engine, error) { return EngineFlags{Engine: e}.New() }

// WriteStats prints what an engine counted.
func WriteStats(w io.Writer, e vmm.Engine, retired uint64) {
	c, ok := e.(*interp.CPU)
	if !ok || c.Translator() == nil {
		fmt.Fprintln(w, "engine: the reference; nothing is translated")
		return
	}
	s := c.Translator().Stats()
	per := func(n uint64) float64 { return float64(n) / max(float64(retired), 1) * 1e6 }
	fmt.Fprintf(w, "engine: %d instructions, %.2f %% translated\n", retired, 100*min(1, float64(c.Translated())/max(float64(retired), 1)))
	fmt.Fprintf(w, "exits per million instructions: %.1f for jumps, %.1f for accesses, %.1f for other instructions, %.1f at deadlines\n",
		per(s.Jumps), per(s.Misses), per(s.Others), per(s.Budgets))
	fmt.Fprintf(w, "TLB misses per million instructions: %.1f near, %.1f far\n", per(s.Far), per(s.Misses))
	most := make([]x86.Sem, 0, len(s.Left))
	for i, n := range s.Left {
		if n != 0 {
			most = append(most, x86.Sem(i))
		}
	}
	slices.SortStableFunc(most, func(a, b x86.Sem) int { return cmp.Compare(s.Left[b], s.Left[a]) })
	for _, m := range most[:min(len(most), 12)] {
		fmt.Fprintf(w, "  %-9s %.1f\n", m, per(s.Left[m]))
	}
	fmt.Fprintf(w, "translated: %d blocks of %d instructions, %d of them left to the reference; %d dropped\n",
		s.Blocks, s.Insts, s.Insts-s.Native, s.Drops)
	fmt.Fprintf(w, "address translations emptied %d times; code %.1f of %.1f MiB, emptied %d times\n",
		s.Flushes, float64(s.CodeBytes)/(1<<20), float64(s.CodeRoom)/(1<<20), s.Resets)
}
