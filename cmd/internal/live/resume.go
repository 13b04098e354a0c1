package live

import (
	"encoding/binary"
	"time"

	"vmrecord/vmm"
)

// Resumed tells the backdoor's inlet that the machine goes on live from a state that
// was saved.
const Resumed = "live"

// resume is how much guest time a machine that goes live is moved on: the most
// that loses no tick of its timers.
const resume = 2 * time.Millisecond

// Leap is the input that tells a machine that goes live that time has passed.
func Leap(m *vmm.Machine) vmm.Input {
	n := vmm.MulDiv(uint64(resume), m.Hz(), uint64(time.Second))
	return vmm.Input{Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, n)}
}
