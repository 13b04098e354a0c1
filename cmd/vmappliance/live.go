package main

import (
	"fmt"
	"time"

	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A live is a run under way: one machine after the other, if the guest reboots.
type live struct {
	verb    *runVerb
	guest   *guest
	console *console
	keys    []host.Key
	say     func(format string, a ...any)

	m    *vmm.Machine
	door *host.Door
	doc  runDocument
	quit exit.Code // what a quit means: set before the door is told
}

// run boots until the guest is done, and sums up.
func (l *live) run() (*runDocument, error) {
	l.doc.Schema = "vmappliance.run/1"
	wall, cpu := time.Now(), host.CPUTime()
	quits := make(chan exit.Code, 4)
	stop := host.Interrupts(
		func() { l.say("press Ctrl-C again to end the run") },
		func() { quits <- exit.Interrupted })
	defer stop()
	if l.console.term != nil {
		defer l.console.term.Guard()
		l.say("%s", host.EscapeHelp)
	}
	for again := true; again; {
		var err error
		if again, err = l.boot(quits); err != nil {
			return nil, err
		}
	}
	d := &l.doc
	d.WallSeconds = time.Since(wall).Seconds()
	d.CPUSeconds = (host.CPUTime() - cpu).Seconds()
	d.MIPS = float64(d.Retired) / max(d.CPUSeconds, 1e-9) / 1e6
	return d, nil
}

// boot runs one machine from power-on to its end, and tells whether it is to
// boot again.
func (l *live) boot(quits chan exit.Code) (again bool, err error) {
	epoch, seed, err := l.verb.surroundings()
	if err != nil {
		return false, err
	}
	m, free, err := l.guest.boot(epoch, seed)
	if err != nil {
		return false, err
	}
	defer free()
	l.m = m
	l.door = host.NewDoor(host.Config{Hz: l.guest.spec.Hz, Pace: l.verb.pace})
	defer l.door.Close()
	m.Door = l.door
	l.door.OnQuit(func() { m.Beat = 1 })
	l.wire()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case l.quit = <-quits:
			l.door.Quit()
		case <-over:
		}
	}()
	if l.console.in != nil && l.doc.Boots == 0 {
		go l.console.pump(func(k byte) { l.command(k, quits) })
	}
	l.doc.Boots++
	again = l.finish(l.steps())
	l.doc.Instants += uint64(m.Now())
	l.doc.Retired += m.Retired()
	l.doc.Inputs += m.Inputs()
	return again, nil
}

// wire connects the serial port.
func (l *live) wire() {
	s := l.door.Stream("com1/rx")
	l.m.OnOutput("com1/space", s.Announce)
	l.m.OnOutput("com1/tx", l.console.out.Write)
	l.console.connect(s)
	s.Play(l.keys, 0)
}

// command does what was asked for behind the escape key.
func (l *live) command(k byte, quits chan exit.Code) {
	switch k {
	case host.CommandQuit:
		select {
		case quits <- exit.OK:
		default: // one is on its way
		}
	default:
		l.say("%s", host.EscapeHelp)
	}
}

// steps runs the machine to an end, in pieces.
func (l *live) steps() vmm.Exit {
	limit := l.verb.limit()
	for {
		until := limit
		if !l.m.CPU.Halted || l.m.CPU.Dead {
			until = min(limit, l.m.Now()+vmm.Instant(l.guest.spec.Hz/100))
		}
		e := l.m.Run(until)
		if e != vmm.Reached || l.m.Now() >= limit || l.m.CPU.Dead {
			return e
		}
	}
}

// finish says how a machine ended, and whether another follows.
func (l *live) finish(e vmm.Exit) (again bool) {
	end := func(outcome string, status int) bool {
		l.doc.Outcome, l.doc.Status = outcome, status
		return false
	}
	at := fmt.Sprintf("at instant %d, RIP %#x", l.m.Now(), l.m.CPU.RIP)
	if l.m.CPU.Dead {
		l.say("triple fault %s: the guest has no way on", at)
		return end("triple-fault", int(exit.Failure))
	}
	switch e {
	case vmm.Stopped:
		return l.stopped(end)
	case vmm.Unknown, vmm.Broken:
		l.say("%v, %s", l.m.Err(), at)
		return end("unknown-instruction", int(exit.Failure))
	case vmm.Asleep:
		l.say("the guest sleeps %s, and nothing will ever wake it", at)
		return end("asleep", int(exit.Failure))
	case vmm.Beat:
		return end("quit", int(l.quit))
	}
	l.say("--max-instants reached %s", at)
	return end("max-instants", int(exit.Timeout))
}

// stopped is the guest's own end.
func (l *live) stopped(end func(string, int) bool) (again bool) {
	kind, code := l.m.Stopped()
	switch kind {
	case vmm.StopPowerOff:
		return end("power-off", 0)
	case vmm.StopDebugExit:
		return end("debug-exit", int(uint8(code<<1|1)))
	}
	if l.verb.noReboot {
		return end("reboot", 0)
	}
	return true
}
