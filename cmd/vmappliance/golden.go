package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// maxGolden bounds the file of a golden.
const maxGolden = 4 << 30

// openGolden reads the golden that a configuration names, if it is the very file.
func openGolden(a *configs.Appliance) (*bundle.Start, error) {
	name := a.Machine.Golden
	raw, err := readGuestFile("golden", name, maxGolden, "make one: "+buildGolden(name)+"; or boot: --no-golden")
	if err != nil {
		return nil, err
	}
	fix := fmt.Sprintf("get the appliance's own file, make a new one: %s, or boot: --no-golden", buildGolden(name))
	if err := ours("golden", name, raw, a.Machine.GoldenSHA256, fix); err != nil {
		return nil, err
	}
	b, err := base.New(bytes.NewReader(raw))
	var s *bundle.Start
	if err == nil {
		s, err = bundle.StartOf(b)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Integrity, "golden %s: %w; make a new one: %s, or boot: --no-golden", name, err, buildGolden(name))
	}
	return s, nil
}

// plain is a run of a configuration without flags, not begun.
func plain(a *configs.Appliance) (l *oneRun, err error) {
	l = &oneRun{verb: &runVerb{machineFlags: machineFlags{cpus: 1}}, config: a}
	l.guest, err = l.verb.guest(a)
	return l, err
}

// checkGolden tells whether a run can start from its configuration's golden.
func (l *oneRun) checkGolden() error {
	name := l.config.Machine.Golden
	if name == "" {
		return nil
	}
	s, err := openGolden(l.config)
	if err != nil {
		return err
	}
	l.specify(0)
	if why := l.guest.unfit(s); why != "" {
		return exit.Errorf(exit.Incompatible, "golden %s does not fit: %s; to make one that fits: %s", name, why, buildGolden(name))
	}
	return nil
}

// buildGolden is the command that makes a golden.
func buildGolden(name string) string {
	return "vmappliance build --golden " + name + " --force CONFIG.toml"
}

// unfit says why a guest cannot start from a golden; empty: it can.
func (g *guest) unfit(s *bundle.Start) string {
	if s == nil {
		return "it has memory only, and no state"
	}
	if s.Model != vmm.Model {
		return fmt.Sprintf("it is of machine model %d, this program's is %d", s.Model, vmm.Model)
	}
	if s.Boot != g.digest() {
		return "it booted another kernel, initrd or command line"
	}
	was, err := machine.Parse(s.Machine)
	if err != nil {
		return err.Error()
	}
	now := g.spec
	now.UUID, now.Format = was.UUID, was.Format
	if now != was {
		return fmt.Sprintf("it is of another machine, %s, this one is %s", was.Text(), now.Text())
	}
	return ""
}

// warm starts a machine from the configuration's golden. first is what it is to be
// told at its first boundary. A nil machine has to boot instead, and that was said.
func (l *oneRun) warm(epoch, seed uint64) (m *vmm.Machine, free func(), first []vmm.Input, err error) {
	if l.config == nil || l.config.Machine.Golden == "" || l.verb.noGolden || l.doc.Boots > 0 {
		return nil, nil, nil, nil
	}
	s, err := openGolden(l.config)
	if err != nil {
		return nil, nil, nil, err
	}
	name, why := l.config.Machine.Golden, l.guest.unfit(s)
	if why == "" {
		if m, free, err = l.guest.spec.BuildOn(l.guest.engine, epoch, seed); err != nil {
			return nil, nil, nil, exit.With(exit.Usage, err)
		}
		if err = s.Load(m); err == nil {
			first, err = l.awake(m, epoch, seed)
			return m, free, first, err
		}
		free()
		if damage := (*base.DamageError)(nil); errors.As(err, &damage) {
			return nil, nil, nil, exit.Errorf(exit.Integrity, "golden %s: %w; make a new one: %s, or boot: --no-golden", name, err, buildGolden(name))
		}
		why = err.Error()
	}
	l.say("golden %s does not fit, so the guest boots: %s; to make one that fits: %s", name, why, buildGolden(name))
	return nil, nil, nil, nil
}

// awake gives a machine from a golden today's date and tells it that it was
// resumed. What it is told besides comes through the door, and so onto a tape: an
// id of its own, fresh entropy, and that time has passed.
func (l *oneRun) awake(m *vmm.Machine, epoch, seed uint64) ([]vmm.Input, error) {
	m.Redate(epoch - uint64(m.Now())/m.Clock().Hz())
	m.Deliver(vmm.Input{Inlet: machine.Control, Data: []byte(live.Resumed)})
	fresh := sha256.Sum256(fmt.Appendf(nil, "vmrecord golden, seed %d", seed))
	if l.verb.pace != host.Virtual && !l.verb.seeded {
		if _, err := rand.Read(fresh[:]); err != nil {
			return nil, fmt.Errorf("entropy: %w", err)
		}
	}
	id, err := hex.DecodeString(l.guest.spec.UUID)
	if err != nil {
		return nil, err
	}
	return []vmm.Input{{Inlet: vmm.InletEntropy, Data: fresh[:]},
		{Inlet: machine.Control, Data: append([]byte("uuid "), id...)}, live.Leap(m)}, nil
}
