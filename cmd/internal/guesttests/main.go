package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"vmrecord/configs/size"
)

func main() {
	o := options{memory: 2 << 30, console: io.Discard}
	packages := flag.String("packages", strings.Join(named, ","), "packages and patterns of the standard library, with commas between them")
	short := flag.Bool("short", true, "have the tests be short ones")
	only := flag.String("run", "", "run only the tests that this `regexp` matches")
	skip := flag.String("skip", "", "run none of the tests that this `regexp` matches")
	flag.Var(&o.memory, "memory", "of the guest")
	asJSON := flag.Bool("json", false, "print the report as JSON, with each test's result")
	cpu := flag.Bool("cpu", false, "print what a guest says of its processor, and do nothing else")
	verbose := flag.Bool("v", false, "show the guest's console, with each result as it comes, on standard error")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	begin := time.Now()
	o.packages = strings.Split(*packages, ",")
	o.flags = []string{"-test.short=" + strconv.FormatBool(*short), "-test.run=" + *only, "-test.skip=" + *skip}
	o.logf = func(format string, arg ...any) {
		fmt.Fprintf(os.Stderr, "%6.0f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, arg...))
	}
	if *verbose {
		o.console = os.Stderr
	}
	report := o.report
	if *cpu {
		report = o.processor
	}
	same, err := report(*asJSON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "guesttests:", err)
		os.Exit(2)
	}
	if !same {
		os.Exit(1)
	}
}

const usage = `guesttests runs tests of Go's standard library in a guest and outside, and
compares what each says. Exit status: 0 if they say the same, 1 if not, 2 if
that could not be found out. Progress goes to standard error.

	go run ./cmd/internal/guesttests -packages crypto/...,math

`

// options are what the flags ask for.
type options struct {
	packages []string // and patterns
	flags    []string // of the tests
	memory   size.Bytes
	console  io.Writer // a copy of what the guest prints
	logf     func(string, ...any)
}

// processor prints what a guest says of its processor.
func (o options) processor(asJSON bool) (same bool, err error) {
	says, err := identity(uint64(o.memory))
	if err != nil {
		return false, err
	}
	if asJSON {
		return true, json.NewEncoder(os.Stdout).Encode(says)
	}
	for _, n := range []string{"cpuinfo", "lscpu", "cache", "vulnerabilities"} {
		fmt.Printf("== %s\n%s", n, says[n])
	}
	return true, nil
}

// report prints how the packages' tests compare.
func (o options) report(asJSON bool) (same bool, err error) {
	rows, err := o.compare()
	if err != nil {
		return false, err
	}
	same = true
	for _, r := range rows {
		same = same && len(r.Differences) == 0
	}
	if asJSON {
		return same, json.NewEncoder(os.Stdout).Encode(rows)
	}
	fmt.Println(head)
	for _, r := range rows {
		fmt.Println(r)
	}
	return same, nil
}

// A row is what the report says of one package.
type row struct {
	*said
	Differences []string
}

const head = "package                                pass   fail   skip       Minstr"

func (r row) String() string {
	same := "as outside"
	if len(r.Differences) > 0 {
		same = "DIFFERS\n\t" + strings.Join(r.Differences, "\n\t")
		if r.Output != "" {
			same += "\n\tinside it prints\n" + r.Output
		}
	}
	return fmt.Sprintf("%-36s %6d %6d %6d %12d  %s", r.Name, r.count("PASS"), r.count("FAIL"), r.count("SKIP"), r.Instructions/1e6, same)
}

// compare builds the packages' tests, and runs them outside and in a guest.
func (o options) compare() (rows []row, err error) {
	packages, err := list(o.packages)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "guesttests-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	jobs, err := tests(dir, packages, o.flags, o.logf)
	if err != nil {
		return nil, err
	}
	if err := build(dir, jobs); err != nil {
		return nil, err
	}
	initrd, err := pack(dir) // before tests write beside themselves
	if err != nil {
		return nil, err
	}
	o.logf("run outside")
	out, err := outside(dir, o.logf)
	if err != nil {
		return nil, err
	}
	if len(out) != len(jobs) {
		return nil, fmt.Errorf("%d of %d jobs ran outside", len(out), len(jobs))
	}
	o.logf("boot")
	err = inside(initrd, uint64(o.memory), o.console, func(s *said) {
		r := row{said: s}
		r.Differences = differences(s, out[len(rows)])
		rows = append(rows, r)
		o.logf("%s", r)
	})
	if err == nil && len(rows) != len(jobs) {
		err = fmt.Errorf("%d of %d jobs ran inside", len(rows), len(jobs))
	}
	return rows, err
}
