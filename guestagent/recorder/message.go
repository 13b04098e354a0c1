package recorder

import (
	"errors"
	"fmt"
	"sync/atomic"

	"vmrecord/backdoor/wire"
)

// regs are the registers of one call, in and out.
type regs struct{ ax, bx, cx, dx, si, di uint32 }

// A machine is the appliance as its guest sees it.
type machine struct {
	in       func(*regs) // IN EAX,DX
	starting atomic.Bool // somebody is between prepare and START_LOGGING
}

func (m *machine) call(cmd uint16, r regs) regs {
	r.ax = wire.Magic
	r.cx |= uint32(cmd)
	r.dx |= wire.Port
	m.in(&r)
	return r
}

// log asks STATELOGGER for op; what names it in the error.
func (m *machine) log(what string, op uint32) error {
	switch ax := m.call(wire.CmdStateLogger, regs{bx: op}).ax; {
	case ax&0xFFFF == wire.LogAccepted:
		return nil
	case ax == wire.LogRunning:
		return fmt.Errorf("recorder: %s: a recording runs already", what)
	case ax == wire.LogIdle:
		return fmt.Errorf("recorder: %s: nothing is recording", what)
	case ax == wire.LogOff:
		return fmt.Errorf("recorder: %s: the appliance's configuration gives the guest no control of recording", what)
	case ax == wire.LogExhausted:
		return fmt.Errorf("recorder: %s: the configured number of recordings is used up", what)
	default:
		return fmt.Errorf("recorder: %s: refused (%#x)", what, ax)
	}
}

// What bounds a request, and so the time it takes. A machine is resumed from a
// snapshot when a person does it, not often in a millisecond; and no reply to a
// request of ours is longer than a reason.
const (
	maxRestarts   = 4
	maxReplyBytes = 2 + wire.MaxReason
)

var (
	errRestart = errors.New("the machine was resumed inside a message")
	errMessage = errors.New("the machine refused the message")
	errClosed  = errors.New("the machine has no message channel free")
)

// rpc sends one request and returns the reply's text. A refusal is a wire.Error.
func (m *machine) rpc(request string) (string, error) {
	c, err := m.open()
	if err != nil {
		return "", err
	}
	defer c.step(wire.MsgClose, 0)
	if err := again(func() error { return c.send(request) }); err != nil {
		return "", err
	}
	var reply string
	if err := again(func() (err error) { reply, err = c.receive(); return err }); err != nil {
		return "", err
	}
	return wire.ParseReply(reply)
}

// again repeats the sending or the receiving of one message while the machine
// says that it was resumed in the middle of it.
func again(f func() error) error {
	for range maxRestarts {
		if err := f(); err != errRestart {
			return err
		}
	}
	return errRestart
}

// A channel is one open MESSAGE channel.
type channel struct {
	m                *machine
	id               uint32 // in bits 31:16
	cookie1, cookie2 uint32
}

func (m *machine) open() (channel, error) {
	r := m.call(wire.CmdMessage, regs{bx: wire.ProtocolRPCI | wire.FlagCookie, cx: wire.MsgOpen << 16})
	if r.cx>>16&wire.StatusSuccess == 0 {
		return channel{}, errClosed
	}
	return channel{m, r.dx &^ 0xFFFF, r.si, r.di}, nil
}

// step makes one call on the channel. The error is errRestart or errMessage.
func (c channel) step(sub, bx uint32) (regs, error) {
	r := c.m.call(wire.CmdMessage, regs{bx: bx, cx: sub << 16, dx: c.id, si: c.cookie1, di: c.cookie2})
	switch status := r.cx >> 16; {
	case status&wire.StatusCheckpoint != 0:
		return r, errRestart
	case status&wire.StatusSuccess == 0:
		return r, errMessage
	}
	return r, nil
}

func (c channel) send(request string) error {
	if _, err := c.step(wire.MsgSendSize, uint32(len(request))); err != nil {
		return err
	}
	for i := 0; i < len(request); i += 4 {
		var b [4]byte
		copy(b[:], request[i:])
		if _, err := c.step(wire.MsgSendPayload, uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24); err != nil {
			return err
		}
	}
	return nil
}

func (c channel) receive() (string, error) {
	r, err := c.step(wire.MsgRecvSize, 0)
	if err != nil {
		return "", err
	}
	if r.cx>>16&wire.StatusDoRecv == 0 || r.dx>>16 != wire.MsgSendSize || r.bx > maxReplyBytes {
		return "", errMessage
	}
	reply := make([]byte, 0, r.bx+3)
	for n := r.bx; uint32(len(reply)) < n; {
		r, err = c.step(wire.MsgRecvPayload, wire.StatusSuccess)
		if err != nil {
			return "", err
		}
		if r.dx>>16 != wire.MsgSendPayload {
			return "", errMessage
		}
		reply = append(reply, byte(r.bx), byte(r.bx>>8), byte(r.bx>>16), byte(r.bx>>24))
		if uint32(len(reply)) > n {
			reply = reply[:n]
		}
	}
	_, err = c.step(wire.MsgRecvStatus, wire.StatusSuccess)
	return string(reply), err
}
