package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"vmrecord/cmd/internal/rig"
)

func main() {
	if os.Args[0] == entered {
		fmt.Fprintln(os.Stderr, "harm:", enter(os.Args[1:]))
		os.Exit(exitFailed)
	}
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "of the kills")
	flag.IntVar(&o.kills, "kills", 200, "how many programs are killed; 0: none")
	flag.BoolVar(&o.calls, "calls", false, "let each call fail instead")
	flag.StringVar(&o.stage, "stage", "", "only this `one`: recorder, ring, packer, spooler, sender or inbox")
	flag.IntVar(&o.jobs, "jobs", 2, "programs at once")
	flag.Parse()
	if flag.NArg() != 0 || o.kills < 0 || o.jobs < 1 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	wrong, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "harm:", err)
		os.Exit(exitFailed)
	}
	if wrong {
		os.Exit(exitWrong)
	}
}

// Exit statuses.
const (
	exitWrong  = 1
	exitFailed = 2
)

// options are the flags.
type options struct {
	seed        uint64
	kills, jobs int
	calls       bool
	stage       string
}

// run builds the programs, harms them, and prints the table. What is found wrong
// stays in its folder.
func (o options) run() (wrong bool, err error) {
	all := stages
	if o.stage != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(s stage) bool { return s.name != o.stage })
	}
	if len(all) == 0 {
		return false, fmt.Errorf("there is no stage %q", o.stage)
	}
	dir, err := os.MkdirTemp("", "harm-")
	if err != nil {
		return false, err
	}
	wrong, err = o.in(dir, all)
	if wrong {
		fmt.Fprintln(os.Stderr, "what was found wrong is in", dir)
		return true, err
	}
	return false, errors.Join(err, os.RemoveAll(dir))
}

// in is run, in a folder.
func (o options) in(dir string, all []stage) (wrong bool, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false, err
	}
	bin := filepath.Join(dir, "bin")
	if err := errors.Join(os.Mkdir(bin, 0o755), rig.Programs(bin)); err != nil {
		return false, err
	}
	b, err := newBench(dir, bin, all)
	if err != nil {
		return false, err
	}
	tell := func(s string) { fmt.Fprintln(os.Stderr, s) }
	if !o.calls {
		return printKills(os.Stdout, o.seed, b.kills(all, o.seed, o.kills, o.jobs, tell)), nil
	}
	rows, err := b.failures(all, every, o.jobs, tell)
	return printFailures(os.Stdout, rows), err
}

// every is all calls.
func every(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func printKills(to io.Writer, seed uint64, rows []row) (wrong bool) {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "STAGE\tKILLS\tACKNOWLEDGED\t%s\n", wrongColumns)
	sum := row{stage: fmt.Sprintf("all, seed %d", seed)}
	for _, r := range rows {
		sum.add(r)
	}
	for _, r := range append(rows, sum) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.stage, r.kills, r.acked, r.wrong)
	}
	w.Flush()
	return sum.wrong != (wrongs{})
}

func printFailures(to io.Writer, rows []*tally) (wrong bool) {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "STAGE\tHOW\tFAILED CALLS\tTOLD\tDONE ALL THE SAME\t%s\tCALLS OF ONE RUN\n", wrongColumns)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", r.stage, r.mode, r.calls, r.told, r.done, r.wrong, r.kindsOf())
		wrong = wrong || r.wrong != (wrongs{})
	}
	w.Flush()
	return wrong
}
