package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/host"
)

const (
	mostBoot = 600 // guest seconds until a guest must have come to rest

	// A guest is at rest when it slept this share of a guest second.
	restful = 95 // percent
)

// A goldenBuild boots an appliance, for the state that it comes to.
type goldenBuild struct {
	out, when string

	m     *vmm.Machine
	door  *host.Door
	text  *host.Listener // for when; nil: the guest is to come to rest
	ready bool
	from  vmm.Instant // of the second that is looked at
	slept vmm.Instant // before it
}

// run boots a configuration, writes the golden, and returns the file's SHA-256.
// What the guest prints, and progress, goes to w.
func (g *goldenBuild) run(w io.Writer, config string, force bool) (digest string, err error) {
	if err := cli.Fresh(g.out, force); err != nil {
		return "", err
	}
	a, err := loadConfig([]string{config})
	if err != nil {
		return "", err
	}
	l, err := plain(a)
	if err != nil {
		return "", err
	}
	epoch, seed, err := l.verb.surroundings()
	if err != nil {
		return "", err
	}
	l.specify(seed)
	m, free, err := l.guest.boot(epoch, seed)
	if err != nil {
		return "", err
	}
	defer free()
	g.m = m
	if err := g.boot(w); err != nil {
		return "", err
	}
	p := cli.NewProgress(w)
	defer p.End()
	meta := recording.Meta{Appliance: a.Appliance.Name, Version: a.Appliance.Version, Machine: l.guest.spec.Text(), Boot: l.guest.digest()}
	if _, err := bundle.GoldenOf(m, meta, g.out, func(done, total int) { p.Part("packing", uint64(done), uint64(total)) }); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(g.out)
	return hexSum(raw), err
}

// boot runs the machine until it is at rest, or has printed what was waited for.
func (g *goldenBuild) boot(w io.Writer) error {
	second := vmm.Instant(g.m.Clock().Hz())
	g.door = host.NewDoor(host.Config{Hz: g.m.Clock().Hz(), Pace: host.Free})
	defer g.door.Close()
	con, err := live.OpenConsole("none", os.Stdin, io.Discard)
	if err != nil {
		return err
	}
	if g.when != "" {
		g.text = host.Listen(g.when)
	}
	s := &live.Session{M: g.m, Door: g.door, Console: con, Limit: mostBoot * second, Slice: g.look,
		Due: func() vmm.Instant { return g.from + second },
		Heard: func(p []byte) {
			_, _ = w.Write(p) // for people
			g.hear(p)
		}}
	s.Connect(host.Script{})
	stop := host.Interrupts(g.door.Quit, g.door.Quit)
	e := s.Run()
	stop()
	fmt.Fprintln(w)
	awaits := g.text == nil && e.Outcome == live.Asleep && g.m.CPU.RFLAGS&cpu.FlagIF != 0
	if g.ready || awaits {
		return con.Close()
	}
	if e.Outcome == live.Quit {
		return exit.Errorf(exit.Interrupted, "interrupted")
	}
	sought := "was at rest; if its program always works, say when it is ready: --when TEXT"
	if g.text != nil {
		sought = fmt.Sprintf("printed %q", g.when)
	}
	return fmt.Errorf("no golden: the guest ended (%s) after %.1f seconds of its time, before it %s", e.Outcome, float64(g.m.Now())/float64(second), sought)
}

// beside is the golden's name in a configuration: relative to that.
func (g *goldenBuild) beside(config string) string {
	dir, err := filepath.Abs(filepath.Dir(config))
	out, err2 := filepath.Abs(g.out)
	rel, err3 := filepath.Rel(dir, out)
	if errors.Join(err, err2, err3) != nil {
		return g.out
	}
	return rel
}

// hear looks for the text in what the guest prints.
func (g *goldenBuild) hear(p []byte) {
	if g.text != nil && g.text.Hear(p) {
		g.stand()
	}
}

// look tells whether the guest slept through most of the last second.
func (g *goldenBuild) look() {
	second := vmm.Instant(g.m.Clock().Hz())
	if g.text != nil || g.m.Now() < g.from+second {
		return
	}
	if g.m.Asleep()-g.slept >= (g.m.Now()-g.from)/100*restful {
		g.stand()
	}
	g.from, g.slept = g.m.Now(), g.m.Asleep()
}

// stand has the machine stop where it is.
func (g *goldenBuild) stand() {
	g.ready = true
	g.door.Quit()
}
