// Package portlab stands in for a recording appliance in the tests of what runs
// inside one. [Machine] answers the calls of port 0x5658 that the SDK makes, and
// [Run] runs any program, Go or C, and answers its IN EAX,DX instructions under
// ptrace, so that the very instructions the program ships with are tested.
//
// It models RPCI, STATELOGGER, GETVERSION and GETTIMEFULL as package wire describes them, on
// an honest machine with one recording at a time. CPUID cannot be answered this
// way; a program under test skips the look at the signature.
package portlab

import (
	"encoding/binary"
	"fmt"
	"strings"

	"vmrecord/backdoor/wire"
)

// Time is the machine's date half a second before what it tells, in Unix seconds.
const Time = 5_000_000_000

// Regs are the registers of one call.
type Regs struct{ AX, BX, CX, DX, SI, DI uint32 }

// A Machine answers calls and writes down what was asked.
type Machine struct {
	Log []string // one line per GETVERSION, STATELOGGER operation and request

	Off     bool // the configuration gives the guest no control
	Foreign bool // no extension of ours: a real VMware
	Full    bool // no message channel is free
	Resume  int  // this many calls from now, counted in MESSAGE steps, say CPT once; 0: never

	recording, keep, failed bool
	uid                     uint32
	name                    string
	channels                [4]channel
}

type channel struct {
	open           bool
	cookie         uint32
	size           int
	request, reply []byte
	at             int // of reply, received so far
}

// Open is the number of channels that a guest left open.
func (m *Machine) Open() (n int) {
	for i := range m.channels {
		if m.channels[i].open {
			n++
		}
	}
	return n
}

// In executes one IN EAX,DX.
func (m *Machine) In(r *Regs) {
	if r.AX != wire.Magic || r.DX&0xFFFF != wire.Port {
		r.AX = wire.Nothing
		return
	}
	switch r.CX & 0xFFFF {
	case wire.CmdGetVersion:
		m.note("getversion")
		r.AX, r.BX, r.CX = wire.VersionReply, wire.Magic, wire.ProductWorkstation
	case wire.CmdStateLogger:
		r.AX = m.stateLogger(r.BX)
		m.note("log %d = %d", r.BX, r.AX)
	case wire.CmdMessage:
		m.message(r)
	case wire.CmdGetTimeFull:
		r.SI, r.DX, r.BX = uint32(uint64(Time)>>32), uint32(uint64(Time)&0xFFFFFFFF), 500_000
	default:
		r.AX = wire.Nothing
	}
}

func (m *Machine) note(format string, a ...any) { m.Log = append(m.Log, fmt.Sprintf(format, a...)) }

func (m *Machine) stateLogger(op uint32) uint32 {
	switch {
	case m.Off:
		return wire.LogOff
	case op == wire.LogStart && m.recording:
		return wire.LogRunning
	case op == wire.LogStop && !m.recording:
		return wire.LogIdle
	case op == wire.LogStart:
		m.recording, m.keep, m.failed = true, true, false
		m.uid++
	case op == wire.LogStop:
		m.recording = false
		m.note("kept=%v", m.keep || m.failed)
	default:
		return wire.Nothing
	}
	return wire.LogAccepted
}

func (m *Machine) message(r *Regs) {
	sub := r.CX >> 16
	if sub == wire.MsgOpen {
		m.open(r)
		return
	}
	id := r.DX >> 16
	if id >= uint32(len(m.channels)) || !m.channels[id].open || r.SI != m.channels[id].cookie || r.DI != ^r.SI {
		r.status(0)
		return
	}
	c := &m.channels[id]
	if m.resumed() && sub != wire.MsgClose {
		c.request, c.at = nil, 0
		r.status(wire.StatusSuccess | wire.StatusCheckpoint)
		return
	}
	switch sub {
	case wire.MsgSendSize:
		c.size, c.request = int(r.BX), nil
	case wire.MsgSendPayload:
		c.request = binary.LittleEndian.AppendUint32(c.request, r.BX)
		if len(c.request) >= c.size {
			c.reply, c.at = []byte(m.rpc(string(c.request[:c.size]))), 0
		}
	case wire.MsgRecvSize:
		r.BX, r.DX = uint32(len(c.reply)), r.DX&0xFFFF|wire.MsgSendSize<<16
		r.status(wire.StatusSuccess | wire.StatusDoRecv)
		return
	case wire.MsgRecvPayload:
		var b [4]byte
		c.at += copy(b[:], c.reply[c.at:])
		r.BX, r.DX = binary.LittleEndian.Uint32(b[:]), r.DX&0xFFFF|wire.MsgSendPayload<<16
	case wire.MsgRecvStatus:
	case wire.MsgClose:
		*c = channel{}
	default:
		r.status(0)
		return
	}
	r.status(wire.StatusSuccess)
}

// resumed counts a MESSAGE step and tells whether the machine goes on from a
// snapshot right at it.
func (m *Machine) resumed() bool {
	if m.Resume == 0 {
		return false
	}
	m.Resume--
	return m.Resume == 0
}

func (m *Machine) open(r *Regs) {
	for i := range m.channels {
		if c := &m.channels[i]; !c.open && !m.Full && r.BX == wire.ProtocolRPCI|wire.FlagCookie {
			*c = channel{open: true, cookie: 0xC0010000 + uint32(i)}
			r.DX = r.DX&0xFFFF | uint32(i)<<16
			r.SI, r.DI = c.cookie, ^c.cookie
			r.status(wire.StatusSuccess)
			return
		}
	}
	r.status(0)
}

func (r *Regs) status(s uint32) { r.CX = r.CX&0xFFFF | s<<16 }

func (m *Machine) rpc(text string) string {
	if strings.HasPrefix(text, "info-set guestinfo.") {
		m.note("%s", text)
		return wire.FormatReply(true, "")
	}
	q, err := wire.ParseRequest(text)
	switch {
	case err != nil:
		m.note("%q: %v", text, err)
		return wire.FormatReply(false, err.Error())
	case m.Foreign:
		return wire.FormatReply(false, "Unknown command")
	}
	m.note("%s", text)
	running := q.Verb == wire.Mark || q.Verb == wire.Fail || q.Verb == wire.Keep || q.Verb == wire.Drop || q.Verb == wire.Stop || q.Verb == wire.Save
	switch {
	case q.Verb == wire.GetVersion:
		return wire.FormatReply(true, wire.VersionText)
	case q.Verb == wire.GetStatus:
		return wire.FormatReply(true, m.status())
	case m.Off:
		return wire.FormatReply(false, "the guest has no control of recording")
	case running && !m.recording:
		return wire.FormatReply(false, "nothing is recording")
	case q.Verb == wire.Prepare && m.recording:
		return wire.FormatReply(false, "a recording runs already")
	case q.Verb == wire.Drop && m.failed:
		return wire.FormatReply(false, "a failed recording is kept")
	}
	switch q.Verb {
	case wire.Prepare:
		m.name = q.Text
	case wire.Fail:
		m.failed = true
	case wire.Keep, wire.Drop:
		m.keep = q.Verb == wire.Keep
	}
	return wire.FormatReply(true, "")
}

func (m *Machine) status() string {
	s := wire.Status{UID: m.uid}
	switch {
	case m.Off:
		s.State = wire.Off
	case m.recording:
		s.State, s.Name = wire.Recording, m.name
	}
	return s.Format()
}
