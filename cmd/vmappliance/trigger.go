package main

import (
	"bytes"
	"fmt"
	"regexp"

	"vmrecord/backdoor"
	"vmrecord/backdoor/wire"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/hwdevices/power"
	"vmrecord/vmm"
)

const maxLineBytes = 512 // of the console, that patterns are matched with

// triggers find failures that the guest does not report itself: in what it prints,
// in what its kernel tells a PVPanic, and in standing still. They only look; the
// guest sees nothing of it.
type triggers struct {
	serial   []*regexp.Regexp
	patience vmm.Instant // in one page of code; 0: endless

	line  []byte
	found string // not yet reported

	page  uint64
	since vmm.Instant // the processor was seen in page only
}

func newTriggers(c configs.Triggers, hz uint64) *triggers {
	t := &triggers{patience: vmm.Instant(uint64(c.NoProgress) * hz)}
	for _, p := range c.Serial {
		t.serial = append(t.serial, regexp.MustCompile(p)) // configs has compiled it
	}
	return t
}

// attach listens to a machine that starts.
func (t *triggers) attach(m *vmm.Machine) {
	t.line, t.found, t.since = nil, "", m.Now()
	if m.Device(machine.PanicPort) == nil {
		return
	}
	m.OnOutput(machine.Panics, func(p []byte) {
		if len(p) == 1 && p[0]&(power.PVPanicked|power.PVCrashLoaded) != 0 {
			t.find("the guest's kernel panicked (pvpanic)")
		}
	})
}

// find keeps the first failure until it is reported.
func (t *triggers) find(reason string) {
	if t.found == "" {
		t.found = reason
	}
}

// console is told of what the guest prints.
func (t *triggers) console(p []byte) {
	for len(p) > 0 && len(t.serial) > 0 {
		piece, rest, ended := bytes.Cut(p, []byte("\n"))
		t.line = append(t.line, piece[:min(len(piece), maxLineBytes-len(t.line))]...)
		if ended {
			t.match()
			t.line = t.line[:0]
		}
		p = rest
	}
}

func (t *triggers) match() {
	for _, re := range t.serial {
		if re.Match(t.line) {
			t.find(wire.Clean(string(t.line), wire.MaxReason))
			return
		}
	}
}

// look is called some hundred times a second at boundaries. A processor that sleeps
// until an interrupt comes is not stuck.
func (t *triggers) look(m *vmm.Machine) {
	page := m.CPU.RIP >> 12
	if t.patience == 0 || page != t.page || m.CPU.Halted {
		t.page, t.since = page, m.Now()
		return
	}
	if stuck := m.Now() - t.since; stuck >= t.patience {
		t.find(fmt.Sprintf("no progress: the processor stays in the page of %#x", page<<12))
		t.since = m.Now()
	}
}

// take is what was found since it was asked last.
func (t *triggers) take() (reason string) {
	reason, t.found = t.found, ""
	return reason
}

// triggered reports what was found, if something records that has not failed yet:
// what follows a failure follows from it.
func (r *recorder) triggered() {
	reason := r.triggers.take()
	switch {
	case reason == "":
	case r.Recording() == nil:
		r.heardOutside(backdoor.Event{Kind: backdoor.Failed, Text: wire.Clean(reason, wire.MaxReason)})
	case r.Failed() == "":
		r.fail(reason)
	}
}

// fail marks the recording as the guest would; the guest does not see it.
func (r *recorder) fail(reason string) {
	e := backdoor.Event{Kind: backdoor.Failed, Text: wire.Clean(reason, wire.MaxReason)}
	r.Note(e)
	r.say("● REC %s: failure: %s", r.name, e.Text)
	r.failed(e)
}
