package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/size"
	"vmrecord/vmm/host"
	"vmrecord/vmm/timeline"
)

// Exit statuses.
const (
	exitDiffer = 1
	exitFailed = 2
)

// options are the flags.
type options struct {
	ops    int
	seed   uint64
	every  uint64
	memory size.Bytes
	reach  uint64
	engine machine.EngineFlags
}

func main() {
	o := options{memory: timeline.DefaultMemory}
	flag.IntVar(&o.ops, "ops", 100_000, "operations at random")
	flag.Uint64Var(&o.seed, "seed", 1, "of the operations")
	flag.Uint64Var(&o.every, "every", 0, "`instructions` between checkpoints; 0: as usual")
	flag.Var(&o.memory, "memory", "of checkpoints")
	flag.Uint64Var(&o.reach, "reach", 1_000_000, "how many `instants` an operation goes to the side, at most")
	flag.Var(&o.engine.Engine, "engine", "auto, jit or interp")
	end := flag.String("end", "end", "behave as if the recording ended at this `position`")
	times := flag.Bool("times", false, "measure how long going somewhere takes")
	flag.Parse()
	if flag.NArg() != 1 || o.ops < 1 || o.reach < 1 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := read(flag.Arg(0), *end)
	same := true
	switch {
	case err != nil:
	case *times:
		err = o.times(ctx, r)
	default:
		same, err = o.walk(ctx, r)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "travel:", err)
		os.Exit(exitFailed)
	}
	if !same {
		os.Exit(exitDiffer)
	}
}

// line is the recording's timeline.
func (o options) line(ctx context.Context, r *recording) (*timeline.Timeline, error) {
	return timeline.Open(ctx, func() (*timeline.Run, error) { return r.fresh(o.engine) },
		timeline.Options{End: r.end, Every: o.every, Memory: int64(o.memory), Used: host.CPUTime})
}

// walk goes at random, and compares; after ^C what there is until then.
func (o options) walk(ctx context.Context, r *recording) (same bool, err error) {
	t, err := o.line(ctx, r)
	if err != nil {
		return false, err
	}
	defer t.Close()
	from := time.Now()
	w := &walk{t: t, rng: rand.New(rand.NewPCG(o.seed, 0)), reach: o.reach}
	err = w.run(ctx, o.ops, func(done int) {
		if done%1000 == 0 {
			fmt.Fprintf(os.Stderr, "%6.0f s  %d operations, %d checkpoints of %d MB\n", time.Since(from).Seconds(), done, t.Checkpoints(), t.Bytes()>>20)
		}
	})
	if err != nil && ctx.Err() == nil {
		return false, fmt.Errorf("seed %d: %w", o.seed, err)
	}
	wrong, err := r.straight(w.visits)
	if err != nil {
		return false, err
	}
	for _, s := range wrong[:min(len(wrong), 10)] {
		fmt.Println(s)
	}
	fmt.Printf("seed %d: %d operations, %d of them led to something else than a straight replay; %.0f s\n",
		o.seed, len(w.visits), len(wrong), time.Since(from).Seconds())
	return len(wrong) == 0, nil
}
