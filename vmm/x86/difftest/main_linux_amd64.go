package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// options are the flags.
type options struct {
	time    time.Duration
	seed    uint64
	resume  string
	form    string
	rows    bool
	json    bool
	workers int
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
	flag.StringVar(&o.form, "form", "", "only forms that begin so, as in isa.txt")
	flag.BoolVar(&o.rows, "rows", false, "list every form and size, not only those to look at")
	flag.BoolVar(&o.json, "json", false, "write the result as JSON")
	flag.IntVar(&o.workers, "workers", max(1, runtime.NumCPU()*3/4), "pairs of a child and an engine to run")
	flag.Parse()
	if flag.NArg() != 0 || o.workers < 1 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	r, err := run(&o, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "difftest:", err)
		os.Exit(exitFailed)
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		err = r.print(os.Stdout, o.rows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "difftest:", err)
		os.Exit(exitFailed)
	}
	if r.Unexplained > 0 && r.Reference {
		os.Exit(exitDiffer)
	}
}
