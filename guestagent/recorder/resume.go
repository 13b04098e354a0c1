package recorder

import (
	"time"

	"vmrecord/backdoor/wire"
)

// A Resume tells when the machine went on from a state that was saved, such as a
// golden: what was in memory then is older than it seems, and may be in other
// machines as well.
type Resume struct{ c channel }

// WatchResume opens a channel for it, which stays open, one of the 128 that all
// programs share. Outside an appliance it returns nil.
func WatchResume() (*Resume, error) { return here().watchResume() }

func (m *machine) watchResume() (*Resume, error) {
	if m == nil {
		return nil, nil
	}
	c, err := m.open()
	if err != nil {
		return nil, err
	}
	return &Resume{c}, nil
}

// Happened tells whether it did since the last call, with one port access, and if
// so what time the machine has.
func (r *Resume) Happened() (now time.Time, yes bool) {
	if _, err := r.c.step(wire.MsgRecvSize, 0); err != errRestart {
		return now, false
	}
	return r.Now()
}

// Now is the time that the machine has; false where it does not tell. What was
// resumed before WatchResume shows in a clock that is not this.
func (r *Resume) Now() (now time.Time, told bool) {
	t := r.c.m.call(wire.CmdGetTimeFull, regs{})
	return time.Unix(int64(uint64(t.si)<<32|uint64(t.dx)), int64(t.bx)*1000), t.ax == wire.Magic
}
