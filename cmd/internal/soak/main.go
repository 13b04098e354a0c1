package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"vmrecord/configs/size"
)

// options are the flags.
type options struct {
	time   time.Duration
	dir    string
	pkg    string
	memory size.Bytes
	share  float64
	every  time.Duration
	logf   func(string, ...any)
}

// Exit statuses.
const (
	exitWrong  = 1
	exitFailed = 2
)

func main() {
	o := options{memory: 2 << 30}
	flag.DurationVar(&o.time, "for", 30*time.Minute, "how long the guest works")
	flag.StringVar(&o.dir, "dir", "", "keep what is made in this new `folder`: recording, bundle, console, report.json")
	flag.StringVar(&o.pkg, "package", "cmd/gofmt", "of Go's own, which the guest builds")
	flag.Var(&o.memory, "memory", "of the guest")
	flag.Float64Var(&o.share, "share", 20, "`percent` of the recording that the reference engine replays")
	flag.DurationVar(&o.every, "every", 30*time.Second, "how often memory is looked at")
	asJSON := flag.Bool("json", false, "print the report as JSON")
	flag.Parse()
	if flag.NArg() != 0 || o.time <= 0 || o.every <= 0 || o.share <= 0 || o.share > 100 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	begin := time.Now()
	o.logf = func(format string, arg ...any) {
		fmt.Fprintf(os.Stderr, "%6.0f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, arg...))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := o.kept(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(exitFailed)
	}
	if *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		_, err = fmt.Print(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(exitFailed)
	}
	if len(r.Wrong) > 0 {
		os.Exit(exitWrong)
	}
}

// kept does it in the folder asked for, or in one that goes away.
func (o options) kept(ctx context.Context) (*report, error) {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "soak-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	} else if err := os.Mkdir(o.dir, 0o755); err != nil {
		return nil, err
	}
	r, err := o.run(ctx)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return r, os.WriteFile(filepath.Join(o.dir, "report.json"), append(b, '\n'), 0o644)
}
