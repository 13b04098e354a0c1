package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"vmrecord/backdoor/wire"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/vmm/host"
)

// A oneRun is a run under way: one machine after the other, if the guest reboots.
type oneRun struct {
	verb    *runVerb
	guest   *guest
	config  *configs.Appliance // nil: none
	console *live.Console
	keys    host.Script
	say     func(format string, a ...any)
	events  *events

	rec *recorder // nil: nothing is recorded
	gdb *stub     // nil: nobody debugs
	doc runDocument

	begun time.Time

	mu    sync.Mutex
	door  *host.Door // of the machine that runs now
	leave func()     // has a debugger leave it
	quit  exit.Code  // what Quit means

	courier *courier   // nil: nothing is ever sent
	notice  []string   // what the user has to be told before
	asking  sync.Mutex // one review at a time
	ended   context.Context
	end     context.CancelFunc // ends a review while the guest runs
}

// run boots until the guest is done, sends what is to be sent, and sums up.
func (l *oneRun) run() error {
	l.doc = runDocument{Schema: "vmappliance.run/1", Kept: []*kept{}}
	wall, cpu := time.Now(), host.CPUTime()
	l.begun = wall
	epoch, seed, err := l.verb.surroundings()
	if err != nil {
		return err
	}
	l.specify(seed)
	shut, err := l.openRecorder(seed)
	if err != nil {
		return err
	}
	l.ended, l.end = context.WithCancel(context.Background())
	stop := host.Interrupts(
		func() { l.say("press Ctrl-C again to end the run") },
		func() { l.stop(exit.Interrupted) })
	err = l.boots(epoch, seed)
	// From here on Ctrl-C ends a conversation, and the bundle stays in the outbox.
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer done()
	stop()
	l.end()
	d := &l.doc
	d.WallSeconds = time.Since(wall).Seconds()
	d.CPUSeconds = (host.CPUTime() - cpu).Seconds()
	d.MIPS = float64(d.Retired) / max(d.CPUSeconds, 1e-9) / 1e6
	if status := shut(ctx); d.Status == 0 {
		d.Status = int(status)
	}
	if l.verb.guestStatus {
		d.Status = d.guestStatus()
	}
	return err
}

// specify completes the machine's description.
func (l *oneRun) specify(seed uint64) {
	id := sha256.Sum256(fmt.Appendf(nil, "vmrecord machine %d", seed))
	s := &l.guest.spec
	s.UUID = hex.EncodeToString(id[:16])
	switch {
	case l.config != nil:
		s.Ring = l.config.Record.Ring.On
		s.Control, s.MaxRecordings = len(l.config.Record.Names()) > 0 || s.Ring, l.config.Record.Limits.Recordings
	case l.verb.recordings != "":
		s.Control, s.MaxRecordings = true, 1000
	}
}

// openRecorder opens what recording needs, if anything may be recorded. shut
// waits for what is under way, cut short by ctx, and gives the status that it
// deserves.
func (l *oneRun) openRecorder(seed uint64) (shut func(ctx context.Context) exit.Code, err error) {
	v := l.verb
	if l.config == nil && v.recordings == "" && v.fromStart == "" {
		return func(context.Context) exit.Code { return exit.OK }, nil
	}
	base := v.state
	if base == "" {
		if base, err = cli.StateDir(); err != nil {
			return nil, err
		}
	}
	dir := v.recordings
	if dir == "" {
		dir = filepath.Join(base, "recordings")
	}
	limits := configs.Limits{} // none where the user runs a guest of their own
	if l.config != nil {
		limits = l.config.Record.Limits
	}
	shelf, err := recording.OpenShelf(dir, recording.Limits{Bytes: int64(limits.Disk)})
	if err != nil {
		return nil, err
	}
	meta := recording.Meta{Machine: l.guest.spec.Text(), Boot: l.guest.digest()}
	t := l.console.Terminal()
	r := &recorder{Recorder: live.Recorder{Shelf: shelf}, dir: dir, say: l.say, events: l.events, own: map[string]bool{}, ring: ring{own: map[string]bool{}},
		shown: t != nil && t.HasStatus(), options: recording.Options{Seed: seed, Meta: meta}}
	r.keep = func(k *kept) { l.doc.Kept = append(l.doc.Kept, k) }
	if l.rec = r; l.guest.spec.Control {
		r.ahead = new(recording.Ahead)
	}
	triggers := configs.Triggers{Serial: configs.DefaultSerial()}
	var rules []configs.Policy
	if l.config != nil {
		triggers, rules = l.config.Record.Triggers, l.config.Record.Rules()
	}
	r.triggers, r.policies = newTriggers(triggers, l.guest.spec.Hz), newPolicies(rules, dir, seed)
	if l.config == nil {
		return l.shut, nil
	}
	c := l.config
	r.options.Meta.Appliance, r.options.Meta.Version = c.Appliance.Name, c.Appliance.Version
	r.options.Period, r.features, r.keepAll = c.Record.Heartbeat, c.Record.Names(), c.Record.Keep == configs.KeepAll
	r.ring.Ring, r.most = c.Record.Ring, limits.Recordings
	if r.turnRing(c.Record.Ring.On); r.ring.On {
		r.Idle = r.ringShown
		l.say("%s", ringTold(r.ring.Ring))
	}
	if c.Consent.Mode == configs.ConsentNever {
		return l.shut, nil
	}
	return l.openCourier(base)
}

// openCourier opens what sending needs, and tells the user of it at the first time.
func (l *oneRun) openCourier(base string) (shut func(ctx context.Context) exit.Code, err error) {
	p, err := openPost(base, l.config.Record.Limits)
	if err != nil {
		return nil, err
	}
	if err := p.enrolBy(l.config.Vendor.Submit, l.config.Vendor.Enroll); err != nil {
		return nil, err
	}
	pack, err := packOptions(l.config)
	if err != nil {
		return nil, err
	}
	b, r := &consent.Book{Dir: base, Now: time.Now}, l.rec
	who := party(l.config)
	first, err := b.Told(who)
	if err != nil {
		return nil, exit.With(exit.Integrity, err)
	}
	if first {
		notice := who.Notice()
		l.notice = notice[:]
	}
	term, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	l.courier = newCourier(term, courier{post: p, book: b, party: who, asks: l.console.Terminal() != nil,
		pack: pack, limits: l.config.Record.Limits, shelf: r.dir, published: l.config.Published(), state: l.verb.state, say: l.say, events: l.events})
	r.owe = func(k *kept) {
		if err := l.courier.owe(k); err != nil {
			l.say("recording %s is kept, but not noted to be sent: %v%s; to make its bundle: vmbundle pack %s", k.Summary.Name, err, cli.Hint(err), r.Shelf.Dir(k.Summary.Name))
		}
	}
	r.keep = func(k *kept) {
		l.doc.Kept = append(l.doc.Kept, k)
		l.courier.take(k)
	}
	return func(ctx context.Context) exit.Code { defer stop(); return l.shut(ctx) }, nil
}

// shut ends recording and mailing. At a terminal the user is asked about what waits
// for consent, unless a signal ended the run.
func (l *oneRun) shut(ctx context.Context) (status exit.Code) {
	l.doc.Dropped = l.rec.dropped
	if c := l.courier; c != nil {
		defer context.AfterFunc(ctx, c.cancel)()
		c.finish()
		ours := func(uuid string) bool { return c.mine[uuid] != nil }
		if l.quit == exit.OK && l.review(ctx, ours) > 0 {
			c.resume()
		}
		status = c.status()
	}
	if err := l.rec.Shelf.Close(); err != nil {
		l.say("recordings: %v%s", err, cli.Hint(err))
	}
	return status
}

// boots runs machines until one does not reboot.
func (l *oneRun) boots(epoch, seed uint64) error {
	if t := l.console.Terminal(); t != nil {
		defer t.Guard()
		l.say("%s", host.EscapeHelp)
		if l.rec != nil {
			defer l.rec.Show(t)()
		}
	}
	for _, line := range l.notice {
		l.say("%s", line)
	}
	if l.rec != nil {
		stop, err := serveControl(l.rec.dir, l.rec)
		if err != nil {
			l.say("no control socket, so vmappliance record will not work: %v", err)
		} else {
			defer stop()
		}
	}
	if err := l.guest.engine.Slow(); err != nil {
		l.say("%v", err)
	}
	for {
		e, err := l.boot(epoch, seed)
		if err != nil {
			return err
		}
		if e.Outcome != live.Reboot || l.verb.noReboot {
			l.doc.Outcome, l.doc.Status = e.Outcome, e.Status
			if e.Why != "" {
				l.say("%s", e.Why)
			}
			return nil
		}
		if l.verb.pace != host.Virtual {
			epoch = uint64(time.Now().Unix())
		}
	}
}

// boot runs one machine from power-on, or at first from the golden, to its end.
func (l *oneRun) boot(epoch, seed uint64) (live.End, error) {
	m, free, first, err := l.warm(epoch, seed)
	if l.doc.Golden = l.doc.Golden || m != nil; m == nil && err == nil {
		m, free, err = l.guest.boot(epoch, seed)
	}
	if err != nil {
		return live.End{}, err
	}
	defer free()
	door := host.NewDoor(host.Config{Hz: l.guest.spec.Hz, Pace: l.verb.pace})
	defer door.Close()
	door.First(first...)
	s := &live.Session{M: m, Door: door, Console: l.console, Limit: l.verb.limit()}
	s.Connect(l.keys)
	if r := l.rec; r != nil {
		r.attach(m, door)
		r.options.Stirs = len(first) > 0
		s.Work, s.Slice, s.Due = r.work, r.slice, r.dueAt
		s.Beat = r.beat
		s.Heard = r.console
		defer door.Hold()() // the control socket may speak
		if l.verb.fromStart != "" && l.doc.Boots == 0 {
			r.begin(m, l.verb.fromStart)
		}
	}
	begin, end := l.debugged(s)
	if l.console.Typed() && l.doc.Boots == 0 {
		go l.console.Pump(l.command)
	}
	l.events.tell(event{Event: "boot"})
	if l.doc.Boots == 0 {
		l.doc.LaunchMS = float64(time.Since(l.begun).Microseconds()) / 1e3
	}
	l.doc.Boots++
	begin()
	e := s.Run()
	if l.rec != nil {
		failure := ""
		if e.Outcome == live.TripleFault || e.Outcome == live.Asleep {
			failure = e.Why
		}
		l.rec.end(e.Outcome == live.Quit && l.verb.fromStart == "", failure, "the machine ended: "+e.Outcome)
	}
	if e.Outcome == live.Quit {
		e.Status = int(l.quit)
	}
	l.doc.Instants += uint64(m.Now())
	l.doc.Retired += m.Retired()
	l.doc.Inputs += m.Inputs()
	if l.verb.stats {
		machine.WriteStats(l.verb.errors, m.Engine, m.Retired())
	}
	end(e.Outcome)
	return e, nil
}

// use makes d the door that a quit goes to, after leave was called.
func (l *oneRun) use(d *host.Door, leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.door, l.leave = d, leave
}

// stop ends the run from outside.
func (l *oneRun) stop(c exit.Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quit = c
	if l.door != nil {
		l.door.Quit()
		l.leave()
	}
	l.end() // a review may hold the guest up
}

// command does what was asked for behind the escape key.
func (l *oneRun) command(k byte) {
	switch {
	case k == host.CommandQuit:
		l.stop(exit.OK)
	case k == host.CommandHelp:
		l.say("%s", host.EscapeHelp)
	case k == host.CommandReview:
		go l.reviewNow()
	case l.rec == nil:
		l.say("recording is off; to have it: --recordings DIR, or a configuration")
	default:
		l.say("%s", l.recordKey(k))
	}
}

// recordKey does what ., m and k ask for, and says so.
func (l *oneRun) recordKey(k byte) string {
	state := l.rec.state().State
	running, ring := state == "recording", state == configs.RingName
	q, said := wire.Request{Verb: wire.Start, Text: "manual"}, "recording starts"
	switch {
	case k == host.CommandKeep && !running && !ring:
		return "nothing is recording; to start: Ctrl-] .; to record always: [record.ring] in the configuration"
	case k == host.CommandKeep:
		q, said = wire.Request{Verb: wire.Save, Text: "saved by hand"}, "what was recorded is kept, with a while of what follows"
	case k == host.CommandMark && !running && !ring:
		return "nothing is recording; to start: Ctrl-] ."
	case k == host.CommandMark:
		q, said = wire.Request{Verb: wire.Mark, Text: "mark"}, "marked"
	case running:
		q, said = wire.Request{Verb: wire.Stop, Text: "keep"}, "recording stops, and is kept"
	}
	if !l.rec.order(q) {
		return "at virtual pace only the guest has a say"
	}
	return said
}
