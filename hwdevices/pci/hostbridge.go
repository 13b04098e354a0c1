package pci

import (
	"encoding/binary"

	"vmrecord/vmm"
)

// An I440FX is the host bridge. Place: port base 0 is CF8h, 8 ports. The chip's
// own CF9h is not here but in power.ResetControl, which is plugged before and
// wins byte accesses to it.
type I440FX struct {
	state struct {
		Address uint32     // CONFADD
		Config  [256]uint8 // of 00:00.0
	}
}

const configEnable = 1 << 31

// State returns the address and the configuration space.
func (p *I440FX) State() any { return &p.state }

// Reset loads the power-on configuration (82441FX, 3.2).
func (p *I440FX) Reset() {
	p.state.Address = 0
	c := &p.state.Config
	*c = [256]uint8{}
	le := binary.LittleEndian
	le.PutUint16(c[0x00:], 0x8086) // vendor
	le.PutUint16(c[0x02:], 0x1237) // device
	le.PutUint16(c[0x04:], 0x0006) // command: memory space, bus master
	le.PutUint16(c[0x06:], 0x0280) // status: medium DEVSEL, back-to-back
	c[0x08] = 0x02                 // revision
	c[0x0b] = 0x06                 // class: bridge; 00, 00: host
}

// Attach connects the bridge.
func (p *I440FX) Attach(s *vmm.Slot) { s.Ports(0, 8, p).Width(4) }

// In reads CONFADD or the register it names. CONFADD is only reached by
// accesses of 32 bits; others pass it by and find no device.
func (p *I440FX) In(off uint64, size int) uint64 {
	switch {
	case off >= 4:
		if i, ok := p.target(off, size); ok {
			var b [8]byte
			copy(b[:size], p.state.Config[i:])
			return binary.LittleEndian.Uint64(b[:])
		}
	case off == 0 && size == 4:
		return uint64(p.state.Address)
	}
	return 1<<(8*size) - 1
}

// Out writes them. Of the bridge's own registers, SERR enable and the latency
// timer can be changed, and change nothing.
func (p *I440FX) Out(off uint64, size int, v uint64) {
	if off == 0 && size == 4 {
		p.state.Address = uint32(v) & (configEnable | 0xfffffc)
		return
	}
	i, ok := p.target(off, size)
	if off < 4 || !ok {
		return
	}
	for n := range size {
		b := uint8(v >> (8 * n))
		switch i + n {
		case 0x05:
			p.state.Config[5] = b & 1
		case 0x0d:
			p.state.Config[0x0d] = b & 0xf8
		}
	}
}

// target is the register that an access to CONFDATA reaches; false if no
// function answers there.
func (p *I440FX) target(off uint64, size int) (reg int, ok bool) {
	a := p.state.Address
	if a&configEnable == 0 || a>>8&0xffff != 0 || off&3+uint64(size) > 4 {
		return 0, false
	}
	return int(a&0xfc | uint32(off&3)), true
}
