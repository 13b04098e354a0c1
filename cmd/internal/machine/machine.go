// Package machine builds the machine that a recording names, for the program
// that records and for the one that replays.
package machine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"vmrecord/backdoor"
	"vmrecord/hwdevices/intc"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/host"
	"vmrecord/vmm/mem"
)

const format = "vmrecord.machine/1"

// A Spec is everything that decides a machine's construction. Its text is what
// recordings keep, and its digest stands in their tapes.
type Spec struct {
	Format    string `json:"format"`
	Memory    uint64 `json:"memory"` // bytes
	Hz        uint64 `json:"hz"`     // instants in a guest second
	DebugExit bool   `json:"debug_exit"`
	PVPanic   bool   `json:"pvpanic,omitempty"` // older texts have no word of it

	// What the backdoor tells and allows.
	UUID          string `json:"uuid"`    // 32 hex digits
	Control       bool   `json:"control"` // the guest may start and stop recording
	MaxRecordings uint32 `json:"max_recordings"`
	Ring          bool   `json:"ring,omitzero"` // what it did before it failed can be saved
}

// Names of the outlets and inlets that programs connect.
const (
	ConsoleOut   = "com1/tx"
	ConsoleIn    = "com1/rx"
	ConsoleSpace = "com1/space"
	Control      = Backdoor + "/control" // an outlet and an inlet
	Panics       = PanicPort + "/event"  // with Spec.PVPanic
)

// Names of slots.
const (
	Backdoor  = "backdoor"
	PanicPort = pc.SlotPanic
)

// Text is the spec as one line of JSON.
func (s Spec) Text() string {
	s.Format = format
	b, err := json.Marshal(s)
	if err != nil {
		panic("machine: " + err.Error()) // plain values always marshal
	}
	return string(b)
}

// Parse reads a text. It is untrusted.
func Parse(text string) (s Spec, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("machine description: %w", err)
	}
	if s.Format != format {
		return s, fmt.Errorf("machine description of format %.40q, this program knows %q", s.Format, format)
	}
	return s, s.check()
}

func (s Spec) check() error {
	if s.Memory < 2<<20 || s.Memory > pc.MaxRAM || s.Memory%mem.PageBytes != 0 {
		return fmt.Errorf("machine with %d bytes of memory; 2 MiB to 3 GiB in whole pages", s.Memory)
	}
	if s.Hz < 1e6 || s.Hz > 1e12 {
		return fmt.Errorf("machine of %d Hz; 1000000 to 1000000000000", s.Hz)
	}
	if b, err := hex.DecodeString(s.UUID); err != nil || len(b) != 16 {
		return fmt.Errorf("machine with UUID %.40q; 32 hex digits", s.UUID)
	}
	return nil
}

// Build makes a machine as after power-on, without a door. free gives its
// memory back. epoch and seed matter to a machine that starts: a restored
// snapshot brings its own.
func (s Spec) Build(epoch, seed uint64) (m *vmm.Machine, free func(), err error) {
	return s.BuildOn(Auto, epoch, seed)
}

// A Maker makes an engine: an Engine, or EngineFlags.
type Maker interface{ New() (vmm.Engine, error) }

// BuildOn is Build with an engine.
func (s Spec) BuildOn(e Maker, epoch, seed uint64) (m *vmm.Machine, free func(), err error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	b, release, err := host.Alloc(s.Memory)
	if err != nil {
		return nil, nil, err
	}
	engine, err := e.New()
	if err != nil {
		release()
		return nil, nil, err
	}
	m = &vmm.Machine{CPU: new(cpu.State), Engine: engine,
		Board: pc.New(mem.Blank(b), pc.Options{Hz: s.Hz, Epoch: epoch, DebugExit: s.DebugExit, PVPanic: s.PVPanic})}
	m.Plug(vmm.Place{Name: Backdoor}, backdoor.New(s.backdoor()))
	m.CPU.Cold(seed)
	return m, func() { _ = m.Engine.Close(); release() }, nil
}

func (s Spec) backdoor() backdoor.Config {
	c := backdoor.Config{MemoryBytes: s.Memory, BusHz: intc.BusHz, Control: s.Control, Ring: s.Ring, MaxRecordings: s.MaxRecordings}
	_, _ = hex.Decode(c.UUID[:], []byte(s.UUID)) // checked
	return c
}
