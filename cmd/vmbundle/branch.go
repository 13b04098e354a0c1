package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vmrecord/backdoor/wire"
	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/tree"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// liveFlags say how a machine goes on that leaves its recording.
type liveFlags struct {
	serial string
	pace   host.Pace
	most   uint64
	seed   uint64
	record string
}

// define adds the flags that every way to go live has.
func (f *liveFlags) define(c *cobra.Command) {
	f.serial = "stdio"
	c.Flags().StringVar(&f.record, "record", "", "record what happens from there on, as a branch called `NAME`: vmbundle tree")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "`N` for what the guest draws by chance from there on")
}

// branchesDir is the folder that the environment or custom names.
func branchesDir() (string, error) {
	dir := os.Getenv("VMB_BRANCHES")
	if dir == "" {
		state, err := cli.StateDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(state, "branches")
	}
	return filepath.Abs(dir)
}

// A branch is what a machine that leaves its recording finds outside: a person's
// console, a door, and the shelf on which it is recorded.
type branch struct {
	liveFlags
	c       *cobra.Command
	file    string // of what is left
	b       *bundle.Bundle
	console *live.Console
	door    *host.Door
	session *live.Session
	dir     string         // of branches
	rec     *live.Recorder // nil: nothing is recorded
	code    exit.Code      // what a quit means
}

// newBranch opens what is needed, before anything is replayed. close must be
// called.
func newBranch(c *cobra.Command, f liveFlags, file string, b *bundle.Bundle, stdin *os.File, clock host.Clock) (*branch, error) {
	r := &branch{liveFlags: f, c: c, file: file, b: b}
	if f.record != "" {
		if err := r.openShelf(); err != nil {
			return nil, err
		}
	}
	con, err := live.OpenConsole(f.serial, stdin, c.OutOrStdout())
	if err != nil {
		r.closeShelf()
		return nil, err
	}
	r.console = con
	r.door = host.NewDoor(host.Config{Hz: b.Manifest().Machine.Hz, Pace: f.pace, Clock: clock})
	r.session = &live.Session{Door: r.door, Console: con, Limit: vmm.Never}
	r.session.Listen()
	return r, nil
}

// openShelf opens the shelf for a branch of the name asked for.
func (r *branch) openShelf() (err error) {
	if r.dir, err = branchesDir(); err != nil {
		return err
	}
	t, err := tree.Open(r.dir)
	if err == nil {
		err = t.Free(r.record)
	}
	if err != nil {
		return status(err)
	}
	shelf, err := recording.OpenShelf(r.dir, recording.Limits{})
	if err != nil {
		return err
	}
	r.rec = &live.Recorder{Shelf: shelf}
	return nil
}

func (r *branch) closeShelf() {
	if r.rec == nil {
		return
	}
	if err := r.rec.Shelf.Close(); err != nil {
		r.say("branches: %v", err)
	}
}

func (r *branch) close() error {
	r.door.Close()
	r.closeShelf()
	return r.console.Close()
}

// say prints a line of ours beside the guest's.
func (r *branch) say(format string, a ...any) {
	line := fmt.Sprintf(format, a...)
	if r.console != nil && r.console.Terminal() != nil {
		r.console.Terminal().Note(line)
		return
	}
	fmt.Fprintln(r.c.ErrOrStderr(), line)
}

// first is what the machine is told where it goes live: fresh entropy; that it
// was resumed, which open channels learn; that it is recorded, if it is; and
// that time has passed. What a kernel's own generator holds is in its memory, and
// the same in all branches until that draws anew: Linux does once a minute.
func (r *branch) first(m *vmm.Machine) ([]vmm.Input, error) {
	fresh, err := r.entropy(m.Position())
	if err != nil {
		return nil, err
	}
	in := []vmm.Input{{Inlet: vmm.InletEntropy, Data: fresh}, {Inlet: machine.Control, Data: []byte(live.Resumed)}}
	if r.rec != nil {
		q := wire.Request{Verb: wire.Start, Text: "branch"} // its name must make no difference
		in = append(in, vmm.Input{Inlet: machine.Control, Data: []byte(q.Format())})
	}
	return append(in, live.Leap(m)), nil
}

// entropy is this host's. At virtual pace, or with --seed, it follows from the
// seed and the position, so that the branch repeats itself.
func (r *branch) entropy(at vmm.Position) ([]byte, error) {
	if r.pace == host.Virtual || r.c.Flags().Changed("seed") {
		h := sha256.Sum256(fmt.Appendf(nil, "vmrecord branch of %s at %s, seed %d", r.b.UUID(), at, r.seed))
		return h[:], nil
	}
	b := make([]byte, sha256.Size)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("entropy: %w", err)
	}
	return b, nil
}

// run has the machine live from where it is; so far is what is known of the way
// there.
func (r *branch) run(m *vmm.Machine, soFar string) (e live.End, err error) {
	s := r.session
	s.M = m
	if r.most != 0 {
		s.Limit = m.Now() + vmm.Instant(r.most)
	}
	first, err := r.first(m)
	if err != nil {
		return e, err
	}
	r.door.First(first...)
	s.Connect(host.Script{})
	if r.rec != nil {
		if err := r.start(m); err != nil {
			return e, err
		}
		if t := r.console.Terminal(); t != nil {
			defer r.rec.Show(t)()
		}
	}
	r.say("● LIVE from %s; %s%s", m.Position(), soFar, host.EscapeHelp)
	defer host.Interrupts(func() { r.say("press Ctrl-C again to end the run") }, func() { r.quit(exit.Interrupted) })()
	e = s.Run()
	if e.Outcome == live.Quit {
		e.Status = int(r.code)
	}
	if r.rec != nil {
		err = r.stop("the branch ended: " + e.Outcome)
	}
	return e, err
}

func (r *branch) quit(as exit.Code) {
	r.code = as
	r.door.Quit()
}

// pump carries what is typed to the door from now on.
func (r *branch) pump() {
	if !r.console.Typed() {
		return
	}
	go r.console.Pump(func(k byte) {
		switch {
		case k == host.CommandQuit:
			r.quit(exit.OK)
		case k == host.CommandMark && r.rec != nil:
			r.door.Send(machine.Control, []byte(wire.Request{Verb: wire.Mark, Text: "mark"}.Format()))
		default:
			r.say(host.EscapeHelp)
		}
	})
}

// start records from here, before the machine is told that it goes live. What the
// guest itself says of starting and stopping is not obeyed: the recording is the
// user's, to the end.
func (r *branch) start(m *vmm.Machine) error {
	var id [5]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	if err := tree.Remember(r.dir, r.file, r.b); err != nil {
		return err
	}
	man := r.b.Manifest()
	o := recording.Options{Period: man.Tape.Period, Seed: man.Machine.Seed, Stirs: true, Meta: man.Recording}
	o.Meta.Feature, o.Meta.Machine = r.record, man.Machine.Config
	o.Meta.Branch = &recording.Branch{ID: "B-" + bundle.Letters(id), Parent: r.b.ID(), At: m.Position()}
	r.rec.Attach(m)
	if err := r.rec.Start(r.record, o); err != nil {
		return err
	}
	s := r.session
	s.Beat, s.Heard = r.rec.Beat, r.rec.Console
	s.Work = func() {
		for _, e := range r.rec.Heard() {
			r.rec.Note(e)
		}
	}
	s.Slice = func() {
		if _, err := r.rec.Slice(); err != nil {
			r.say("the recording ends here, truncated: %v; the guest goes on; %s in %s", err, cli.Remedy(err), r.dir)
		}
	}
	return nil
}

// stop keeps what was recorded.
func (r *branch) stop(why string) error {
	sum, took, err := r.rec.Stop(true, why)
	if err != nil {
		return fmt.Errorf("%w; %s in %s", err, cli.Remedy(err), r.dir)
	}
	r.say("● recorded %s: %.1f s, %s; to see it: vmbundle tree %s", r.record, took.Seconds(), cli.Bytes(sum.Bytes), r.record)
	return nil
}

// ended reports how a branch ended.
func ended(c *cobra.Command, e live.End) error {
	if e.Why != "" {
		fmt.Fprintf(c.ErrOrStderr(), "vmbundle: %s\n", e.Why)
	}
	if e.Status != 0 {
		return cli.Status(e.Status)
	}
	return nil
}
