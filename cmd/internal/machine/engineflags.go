package machine

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/configs/spelling"
	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit"
)

// EngineFlags choose an engine and how it translates. The zero EngineFlags are
// Auto, with all that the host has.
type EngineFlags struct {
	Engine  Engine
	Options jit.Options
}

// Define adds the flags to a command.
func (e *EngineFlags) Define(c *cobra.Command) {
	f := c.Flags()
	f.Var(&e.Engine, "engine", "auto, jit (translate to the host's code) or interp (any host); same results (`NAME`)")
	f.Var((*without)(&e.Options.Without), "host-features", "what translated code may use of the host's processor; same results (`LIST`)")
	const poison = "poison-undefined"
	f.Uint64Var(&e.Options.Poison, poison, 0, "spoil what the host's processor leaves undefined; same results (`SEED`)")
	f.Lookup(poison).NoOptDefVal = "1"
	_ = f.MarkHidden(poison) // it stands in EngineHelp
}

// without is the value of a --host-features flag.
type without jit.Features

// Set implements pflag.Value.
func (w *without) Set(list string) error {
	away, err := jit.ParseWithout(list)
	if u := (jit.UnknownFeature{}); errors.As(err, &u) {
		if n, ok := spelling.Nearest(u.Name, jit.FeatureNames()); ok {
			return fmt.Errorf("%w; did you mean %q?", err, n)
		}
	}
	*w = without(away)
	return err
}

func (w *without) String() string { return jit.Features(*w).String() }

// Type implements pflag.Value.
func (w *without) Type() string { return "LIST" }

// EngineHelp is a page about what executes a guest.
const EngineHelp = `What executes a guest's instructions is nobody's business but this computer's: console,
recordings, hashes and replays are the same, whichever engine runs and whatever the
host's processor has.

  --engine jit     translates hot code to the host's: Linux on amd64 with executable memory
  --engine interp  the reference: on any host, and many times slower
  --engine auto    jit where the host has what that needs, else interp, and says why
      vmappliance run appliance.toml --engine jit
      vmbundle replay R-XXXX-XXXX.vmb --engine interp

--stats says at the end, on standard error, what the engine did: what part of the guest's
instructions was translated; how often translated code came back to the reference, and
for what (jumps that were not linked, accesses that no cached translation of an address
served, instructions it leaves to the reference, by name); how often the near and the far
table of address translations missed; how much was translated, how much of that was
dropped since the guest wrote to its code; and the memory it took.
      vmappliance run appliance.toml --stats
      vmbundle replay R-XXXX-XXXX.vmb --quiet --stats

--host-features masks what the host's processor has, to see what another computer would
do: translated code does without, and leaves such instructions to the reference.
      vmappliance run appliance.toml --host-features=-bmi2,-aes,-sha,-sse4.2
      vmbundle replay R-XXXX-XXXX.vmb --host-features none --stats
      vmbundle replay R-XXXX-XXXX.vmb --host-features none,+popcnt
Names are adx, aes, bmi2, movbe, pclmul, popcnt, sha, sse3, ssse3, sse4.1 and sse4.2; amd
is a processor that leaves those flags as the reference does that the manual calls
undefined (family 19h). None, or baseline, is without all of them.

--poison-undefined has translated code put values of a seed into every flag that is
undefined or not looked at any more, and trust no processor's. To be used in doubt: where
the results are others than without it, they depend on the host, and that is a bug.
      vmbundle replay R-XXXX-XXXX.vmb --poison-undefined
      vmbundle replay R-XXXX-XXXX.vmb --poison-undefined=7
`

// New makes the engine.
func (e EngineFlags) New() (vmm.Engine, error) {
	if e.Engine == Interp {
		return interp.New(), nil
	}
	t, err := e.Options.New()
	switch {
	case err == nil:
		return interp.NewTranslating(t, interp.Tuning{}), nil
	case e.Engine == JIT:
		return nil, fmt.Errorf("--engine jit: %w; use --engine interp", err)
	}
	return interp.New(), nil
}

// Slow says why the engine translates nothing; nil if it does, or shall not.
func (e EngineFlags) Slow() error {
	if e.Engine == Interp {
		return nil
	}
	t, err := e.Options.New()
	if err != nil {
		return fmt.Errorf("the guest will be slow: %w", err)
	}
	return t.Close()
}
