package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"vmrecord/vmm/jit"
)

// options are the flags.
type options struct {
	time    time.Duration
	seed    uint64
	resume  string
	only    int64
	bisect  bool
	verbose bool
	workers int
	jit     jit.Options
}

// Exit codes.
const (
	exitDiffer = 1
	exitFailed = 2
)

func main() {
	var o options
	flag.DurationVar(&o.time, "for", time.Minute, "how long to run")
	flag.Uint64Var(&o.seed, "seed", 1, "of the cases")
	flag.StringVar(&o.resume, "resume", "", "go on from this `file`, which is made if it is not there, and keep it up to date")
	flag.Int64Var(&o.only, "case", -1, "run the case of this `number` and no other")
	flag.BoolVar(&o.bisect, "bisect", false, "shorten what fails, and say which translation it takes")
	flag.BoolVar(&o.verbose, "v", false, "say each case's number before it is run: for one that ends the program")
	flag.IntVar(&o.workers, "workers", max(1, runtime.NumCPU()), "pairs of engines to run")
	flag.Func("host-features", "do without these of the host's features: -aes,-sse4.2, or none (`list`)", func(s string) (err error) {
		o.jit.Without, err = jit.ParseWithout(s)
		return err
	})
	flag.Uint64Var(&o.jit.Poison, "poison", 0, "put values of this `seed`, if not 0, into flags that are dead or undefined")
	flag.Parse()
	if flag.NArg() != 0 || o.workers < 1 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	p, err := run(&o, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "locktest:", err)
		os.Exit(exitFailed)
	}
	fmt.Println(p)
	if len(p.Diffs) > 0 {
		os.Exit(exitDiffer)
	}
}
