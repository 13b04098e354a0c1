package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/inbox"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/wall"
)

// A checker has each complete bundle replayed by a worker: another process of this
// program, which a bundle may crash or hang as it likes.
type checker struct {
	in      *inbox.Inbox
	symbols string        // the vendor's ELF files; "" for none
	limit   time.Duration // for all that a worker does
	say     func(format string, a ...any)
	wall    func() *syscall.SysProcAttr // that workers start behind; nil: not tried yet
}

func (k *checker) define(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&k.symbols, "symbols", "", "a folder with programs' ELF files, whose functions then name crashes (`DIR`)")
	f.DurationVar(&k.limit, "check-limit", 30*time.Minute, "give a bundle up after so long (`TIME`)")
}

func inboxCheck() *cobra.Command {
	var k checker
	var all bool
	c := &cobra.Command{
		Use:   "check [ID...]",
		Short: "Replay reports twice, and find out what crashed",
		Long: "check replays complete reports, those that are named or all that were not checked yet,\n" +
			"each in a process of its own, with limits, and without network or any files but the\n" +
			"bundle's, its bases and the keys; what of that this computer cannot do is said. It notes\n" +
			"whether they reproduce and what crashed, by which \"inbox list\" counts them, and leaves\n" +
			"checkpoints beside each bundle, from which \"vmbundle gdb ID\" begins at once.",
		Args: cli.Args(0, 1<<16),
	}
	k.define(c)
	c.Flags().BoolVar(&all, "again", false, "check those too that were checked before")
	c.RunE = func(c *cobra.Command, args []string) error {
		in, _, err := openInbox(c)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		k.in, k.say = in, func(f string, a ...any) { fmt.Fprintf(c.OutOrStdout(), f+"\n", a...) }
		if len(args) == 0 {
			return k.due(ctx, all)
		}
		for _, ref := range args {
			e, err := in.Entry(ref)
			if err == nil {
				err = k.check(ctx, e)
			}
			if err != nil {
				return unknown(err)
			}
		}
		return nil
	}
	return c
}

// watch checks what waits, and what comes, until ctx ends.
func (k *checker) watch(ctx context.Context) {
	for more := true; more; {
		seen := k.in.Touched()
		if err := k.due(ctx, false); err != nil && ctx.Err() == nil {
			k.say("check: %v", err)
		}
		more = k.in.Await(ctx, seen, time.Time{})
	}
}

// due checks all that wait for it; again: and those that do not. One that cannot be
// judged does not stop the others.
func (k *checker) due(ctx context.Context, again bool) error {
	x, err := k.in.Index()
	if err != nil {
		return err
	}
	list, err := x.Entries(inbox.Filter{State: inbox.Complete})
	if err = errors.Join(err, x.Close()); err != nil {
		return err
	}
	for _, e := range list {
		if (e.Verdict == nil || again) && ctx.Err() == nil {
			err = errors.Join(err, k.check(ctx, e))
		}
	}
	return err
}

// check has one report replayed and notes what came of it.
func (k *checker) check(ctx context.Context, e inbox.Entry) error {
	if e.State != inbox.Complete {
		return exit.Errorf(exit.NotFound, "%s is %s, and cannot be checked", e.ID, e.State)
	}
	v := k.work(ctx, e.File)
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, errors.New("interrupted"))
	}
	v.Revision = cli.Revision()
	if err := k.in.Judge(e.UUID, v); err != nil {
		return err
	}
	text := e.ID + "  " + v.State
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	if v.Crash != nil {
		text += fmt.Sprintf("  %s  %s", v.Crash.Bucket(), v.Crash.Brief())
	}
	if now, err := k.in.Entry(e.UUID); err == nil && now.Foreign {
		text += fmt.Sprintf("  NOT SIGNED BY ITS SENDER: it came from %s, whose key is another than %s", now.Install, cmp.Or(v.Signer, "none"))
	}
	k.say("%s", strings.Map(cli.Plain, text))
	return nil
}

// work runs the worker and judges also what it could not say itself.
func (k *checker) work(ctx context.Context, file string) inbox.Verdict {
	k.findWall(ctx, file)
	ctx, cancel := context.WithTimeout(ctx, k.limit)
	defer cancel()
	said, err := k.worker(ctx, file)
	var v inbox.Verdict
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return inbox.Verdict{State: inbox.Hung, Reason: fmt.Sprintf("it was not done after %v", k.limit)}
	case err != nil:
		return inbox.Verdict{State: inbox.Broken, Reason: err.Error()}
	}
	if err := json.Unmarshal(said, &v); err != nil {
		return inbox.Verdict{State: inbox.Broken, Reason: fmt.Sprintf("its worker said nothing that makes sense: %v", err)}
	}
	return v
}

// findWall has, once, a worker that reads no bundle try what walls this host has, so
// that no bundle can have a say in it.
func (k *checker) findWall(ctx context.Context, file string) {
	if k.wall != nil {
		return
	}
	k.wall = wall.Apart
	lacks, err := k.worker(ctx, file, "--"+idleFlag)
	if err != nil && ctx.Err() == nil {
		k.say("workers are in this computer's network and among its processes, since namespaces cannot be had (user_namespaces(7)): %v", err)
		k.wall = wall.Beside
		lacks, _ = k.worker(ctx, file, "--"+idleFlag) // the next one says what is wrong
	}
	if len(lacks) > 0 {
		k.say("workers are held back by less than they could be: %s", lacks)
	}
}

// worker runs one and returns what it says; its error says what it complained of.
func (k *checker) worker(ctx context.Context, file string, flags ...string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	args := append([]string{"inbox", workerVerb, file, filepath.Join(filepath.Dir(file), besideName), k.symbols}, flags...)
	w := exec.CommandContext(ctx, self, args...)
	w.Args[0] = "vmbundle"
	w.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VMRECORD_SMTP_") })
	var said, told bounded
	w.Stdout, w.Stderr, w.WaitDelay, w.SysProcAttr = &said, &told, 10*time.Second, k.wall()
	if err = w.Run(); err != nil && len(told.kept) > 0 {
		err = fmt.Errorf("%w: %s", err, lastLine(string(told.kept)))
	}
	return said.kept, err
}

// bounded keeps the first bytes that a worker writes.
type bounded struct{ kept []byte }

func (b *bounded) Write(p []byte) (int, error) {
	const most = 64 << 10
	b.kept = append(b.kept, p[:min(len(p), most-len(b.kept))]...)
	return len(p), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
