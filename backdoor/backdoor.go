package backdoor

import (
	"encoding/binary"
	"strings"

	"vmrecord/backdoor/wire"
	"vmrecord/vmm"
)

// A Config fixes what the guest is told and what it may do.
type Config struct {
	UUID          [16]byte
	MemoryBytes   uint64
	BusHz         uint32 // of the local APIC's timer
	Ring0Only     bool   // programs outside the kernel may not use the ports
	Control       bool   // the guest may start and stop recording
	Ring          bool   // what happens outside of recordings is recorded, too, and can be saved
	MaxRecordings uint32 // that the guest may start; 0: none, whatever Control says
}

// Facts hold the configuration: index constants below.
const (
	factUUID     = 0 // 4 words
	factMemory   = 4
	factBusHz    = 5
	factRing0    = 6
	factControl  = 7 // bits 0 and 1: Control and Ring
	factMaximum  = 8
	factsInAll   = 9
	maxInfo      = 32   // guestinfo variables
	maxInfoKey   = 64   // bytes
	maxInfoBytes = 8192 // of all keys and values
	maxAttrBytes = 8192 // of the next recording's keys and values
)

// A Backdoor is both ports. Place: nothing; the ports are where they always are.
type Backdoor struct {
	state   state
	slot    *vmm.Slot
	clock   vmm.Clock
	control vmm.Outlet
	log     vmm.Outlet
}

type state struct {
	Facts [factsInAll]uint32

	Running bool
	Failed  bool // the running recording
	Discard bool // it, unless Failed
	UID     uint32
	Name    string
	Attrs   uint32   // of the running recording, so far
	Next    string   // name of the next recording
	NextAre []string // its attributes: key, value, key, ...

	Serial   uint32 // of the channel opened last
	Channels [wire.MaxChannels]channel
	Info     []string // guestinfo variables: name, value, name, ...
}

// New returns the device of one machine.
func New(c Config) *Backdoor {
	b := new(Backdoor)
	b.name(c.UUID)
	f := &b.state.Facts
	f[factMemory] = uint32(min(c.MemoryBytes, 1<<32-1))
	f[factBusHz] = c.BusHz
	f[factRing0] = flag(c.Ring0Only)
	f[factControl] = flag(c.Control) | flag(c.Ring)<<1
	f[factMaximum] = c.MaxRecordings
	return b
}

func (b *Backdoor) name(uuid [16]byte) {
	for i := range 4 {
		b.state.Facts[factUUID+i] = binary.BigEndian.Uint32(uuid[4*i:])
	}
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// State returns configuration, recording, channels and variables.
func (b *Backdoor) State() any { return &b.state }

// Facts are what the guest told of itself, key and value one after the other: its
// variables below wire.FactPrefix, without that.
func (b *Backdoor) Facts() (facts []string) {
	for i := 0; i+1 < len(b.state.Info); i += 2 {
		if key, ok := strings.CutPrefix(b.state.Info[i], wire.FactPrefix); ok {
			facts = append(facts, wire.Clean(key, wire.MaxKey), wire.Clean(b.state.Info[i+1], wire.MaxValue))
		}
	}
	return facts
}

// Reset forgets everything but the configuration.
func (b *Backdoor) Reset() { b.state = state{Facts: b.state.Facts} }

// Attach claims the ports.
func (b *Backdoor) Attach(s *vmm.Slot) {
	b.slot, b.clock = s, s.Clock()
	b.control, b.log = s.Outlet("control"), s.Outlet("log")
	s.Inlet("control", b.host)
	ring3 := b.state.Facts[factRing0] == 0
	s.Call(wire.Port, ring3, b.call)
	s.Call(wire.PortHigh, ring3, b.high)
}

// call is one access to port 5658h.
func (b *Backdoor) call(r *vmm.Regs) {
	switch {
	case r.Size == 1 && !r.Out:
		r.RAX |= 0xFF
	case r.Size == 2 && !r.Out:
		r.RAX |= 0xFFFF
	case r.Size != 4:
	case uint32(r.RAX) != wire.Magic || !b.command(r):
		r.RAX = wire.Nothing
	}
}

// command obeys CX; false when it is unknown.
func (b *Backdoor) command(r *vmm.Regs) bool {
	f := &b.state.Facts
	switch uint16(r.RCX) {
	case wire.CmdGetMHz:
		r.RAX = b.clock.Hz() / 1e6
	case wire.CmdGetVersion:
		r.RAX, r.RBX, r.RCX = wire.VersionReply, wire.Magic, wire.ProductWorkstation
	case wire.CmdGetHWVersion:
		r.RAX, r.RBX = wire.HardwareVersion, wire.Magic
	case wire.CmdGetUUID:
		r.RAX, r.RBX = uint64(f[factUUID]), uint64(f[factUUID+1])
		r.RCX, r.RDX = uint64(f[factUUID+2]), uint64(f[factUUID+3])
	case wire.CmdGetMemSize:
		r.RAX, r.RBX = uint64(f[factMemory]), wire.MemSizeEBX
	case wire.CmdGetTime, wire.CmdGetTimeFull, wire.CmdGetTimeFullLag:
		b.time(r)
	case wire.CmdGetHz:
		r.RAX, r.RBX, r.RCX = b.clock.Hz()&0xFFFFFFFF, b.clock.Hz()>>32, uint64(f[factBusHz])
	case wire.CmdStateLogger:
		b.stateLogger(r)
	case wire.CmdMessage:
		b.message(r)
	case wire.CmdGetVCPUInfo:
		r.RAX = wire.VCPUReplayOK | wire.VCPULegacyX2APIC
	default:
		return false
	}
	return true
}

// maxLag is how far, in microseconds, the clock told may be behind: the tools
// step the guest's clock only when it is off by more.
const maxLag = 1_000_000

func (b *Backdoor) time(r *vmm.Regs) {
	us := b.clock.Ticks(1_000_000)
	sec := b.clock.Epoch() + us/1_000_000
	r.RBX = us % 1_000_000
	if uint16(r.RCX) == wire.CmdGetTime {
		r.RAX, r.RCX = sec&0xFFFFFFFF, maxLag
		return
	}
	// EAX stays the magic number: that is how the tools know it worked.
	r.RSI, r.RDX = sec>>32, sec&0xFFFFFFFF
	if uint16(r.RCX) == wire.CmdGetTimeFullLag {
		r.RDI = 0 // interrupts are never late in guest time
	}
	r.RCX = maxLag
}
