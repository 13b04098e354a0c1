package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"syscall"
	"time"

	"vmrecord/bundle/recording"
)

// The ring: vmappliance run, which always records, and is asked again and again to
// save what it has. What it acknowledges are recordings that are saved, and bundles.
var ringStage = stage{"ring", 400 * time.Millisecond, prepareRing, openRing}

func prepareRing(r *room) error {
	if err := prepareSpooler(r); err != nil {
		return err
	}
	text, err := os.ReadFile(r.path("appliance.toml"))
	if err != nil {
		return err
	}
	text = bytes.Replace(text, []byte("[consent]"), []byte("[record.ring]\nepoch = 1\ntail = 0\n[consent]"), 1)
	return os.WriteFile(r.path("appliance.toml"), text, 0o600)
}

type ring struct{ spooler }

func openRing(r *room, short bool) (work, error) { return ring{spooler{r, short}}, nil }

var ringLine = regexp.MustCompile(`● RING saved as (\S+): `)

// beside has it saved.
func (w ring) beside(p *process) {
	saved := func() int { return len(p.said.all(ringLine)) }
	for n := 0; p.gone.Err() == nil && (n < 2 || !w.short); n++ {
		failed := func() bool { return len(p.said.all(refusedLine)) > 0 }
		if !p.until(func() bool { return w.orders("save", fmt.Sprintf("s%d", n)) || failed() }) || failed() {
			break
		}
		p.until(func() bool { return saved() > n || failed() })
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	<-p.gone.Done()
}

func (w ring) acknowledged(p *process) bool { return len(p.said.all(ringLine)) > 0 }

func (w ring) check(p *process, ended bool) error {
	if err := w.later(p.said.all(savedLine)); err != nil {
		return err
	}
	dirs, unnoted := p.said.all(ringLine), p.said.all(unnotedLine)
	for _, dir := range dirs {
		if err := replays(w.room, dir, 1); err != nil {
			return err
		}
	}
	return w.carried(len(dirs), func(e recording.Entry) bool { return slices.Contains(dirs, w.path("state", "recordings", e.Name)) },
		func(e recording.Entry) bool { return slices.Contains(unnoted, e.Name) })
}
