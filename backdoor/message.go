package backdoor

import (
	"encoding/binary"

	"vmrecord/backdoor/wire"
	"vmrecord/vmm"
)

// A channel is one MESSAGE channel. Its message from the guest gathers in In; the
// one for the guest waits in Out until the guest has confirmed it.
type channel struct {
	Open       bool
	TCLO       bool
	Checkpoint bool // say StatusCheckpoint at the next step
	Cookie     [2]uint32
	Sending    bool   // a message from the guest is under way
	Left       uint32 // bytes of it still to come
	In         []byte
	Waiting    bool // a message for the guest waits
	Out        []byte
	At         uint32 // of Out, received so far
}

// maxReply bounds a message for the guest.
const maxReply = wire.MaxValue + 64

// message is one step of command 30.
func (b *Backdoor) message(r *vmm.Regs) {
	sub := uint16(r.RCX >> 16)
	if sub == wire.MsgOpen {
		b.open(r)
		return
	}
	c := b.channel(r.RDX, uint32(r.RSI), uint32(r.RDI))
	if c == nil {
		answer(r, 0)
		return
	}
	if sub == wire.MsgClose {
		*c = channel{}
		answer(r, wire.StatusSuccess)
		return
	}
	if c.resumed() {
		answer(r, wire.StatusSuccess|wire.StatusCheckpoint)
		return
	}
	switch sub {
	case wire.MsgSendSize:
		answer(r, b.sendSize(c, uint32(r.RBX)))
	case wire.MsgSendPayload:
		var p [4]byte
		binary.LittleEndian.PutUint32(p[:], uint32(r.RBX))
		answer(r, b.payload(c, p[:min(4, c.Left)]))
	case wire.MsgRecvSize:
		c.At = 0
		if c.Waiting {
			r.RBX = uint64(len(c.Out))
			r.RDX = r.RDX&0xFFFF | wire.MsgSendSize<<16
			answer(r, wire.StatusSuccess|wire.StatusDoRecv|wire.StatusHigh)
			return
		}
		answer(r, wire.StatusSuccess)
	case wire.MsgRecvPayload:
		var p [4]byte
		if !c.take(p[:min(4, len(c.rest()))]) {
			answer(r, 0)
			return
		}
		r.RBX = uint64(binary.LittleEndian.Uint32(p[:]))
		r.RDX = r.RDX&0xFFFF | wire.MsgSendPayload<<16
		answer(r, wire.StatusSuccess)
	case wire.MsgRecvStatus:
		if r.RBX&wire.StatusSuccess != 0 {
			c.Waiting, c.Out, c.At = false, nil, 0
		}
		answer(r, wire.StatusSuccess)
	default:
		answer(r, 0)
	}
}

// answer puts the status into ECX bits 31:16.
func answer(r *vmm.Regs, status uint64) { r.RCX = r.RCX&0xFFFF | status<<16 }

// open answers OPEN. Without FlagCookie the cookies are zero, and any will do.
func (b *Backdoor) open(r *vmm.Regs) {
	proto := uint32(r.RBX) &^ wire.FlagCookie
	for i := range b.state.Channels {
		c := &b.state.Channels[i]
		if c.Open || proto != wire.ProtocolRPCI && proto != wire.ProtocolTCLO {
			continue
		}
		b.state.Serial++
		*c = channel{Open: true, TCLO: proto == wire.ProtocolTCLO}
		if r.RBX&wire.FlagCookie != 0 {
			c.Cookie = cookie(b.state.Serial)
			r.RSI, r.RDI = uint64(c.Cookie[0]), uint64(c.Cookie[1])
		}
		if c.TCLO {
			c.Waiting, c.Out = true, []byte("reset")
		}
		r.RDX = r.RDX&0xFFFF | uint64(i)<<16
		answer(r, wire.StatusSuccess)
		return
	}
	answer(r, 0)
}

// cookie makes the two cookies of a channel. They keep apart programs that mean
// well; against the others there is the rule that a message gives no power.
func cookie(serial uint32) [2]uint32 {
	h := uint64(serial) * 0x9E3779B97F4A7C15
	h ^= h >> 29
	return [2]uint32{uint32(h>>32) | 1, uint32(h)}
}

// channel finds the open channel of EDX bits 31:16, nil if the cookies are wrong.
func (b *Backdoor) channel(edx uint64, c0, c1 uint32) *channel {
	id := edx >> 16 & 0xFFFF
	if id >= wire.MaxChannels {
		return nil
	}
	c := &b.state.Channels[id]
	if !c.Open || c.Cookie != [2]uint32{} && c.Cookie != [2]uint32{c0, c1} {
		return nil
	}
	return c
}

// resumed tells whether the machine was resumed since the last step; then what
// was under way starts again.
func (c *channel) resumed() bool {
	if !c.Checkpoint {
		return false
	}
	c.Checkpoint, c.Sending, c.Left, c.In, c.At = false, false, 0, nil, 0
	return true
}

// used is what all messages under way may come to hold.
func (b *Backdoor) used() (n int) {
	for i := range b.state.Channels {
		c := &b.state.Channels[i]
		n += len(c.Out)
		if c.Sending {
			n += len(c.In) + int(c.Left) + maxReply
		}
	}
	return n
}

// sendSize begins a message from the guest; a reply not yet fetched is lost.
func (b *Backdoor) sendSize(c *channel, n uint32) uint64 {
	c.Sending, c.Left, c.In = false, 0, nil
	if !c.TCLO {
		c.Waiting, c.Out, c.At = false, nil, 0
	}
	if n > wire.MaxMessageBytes || b.used()+int(n)+maxReply > wire.RoomBytes {
		return 0
	}
	c.Sending, c.Left = true, n
	if n == 0 {
		return b.payload(c, nil)
	}
	return wire.StatusSuccess | wire.StatusHigh
}

// payload adds bytes to the guest's message and, when it is whole, obeys it.
func (b *Backdoor) payload(c *channel, p []byte) uint64 {
	if !c.Sending || len(p) > int(c.Left) || len(c.In)+len(p) > wire.MaxMessageBytes {
		return 0
	}
	c.In = append(c.In, p...)
	c.Left -= uint32(len(p))
	if c.Left > 0 {
		return wire.StatusSuccess | wire.StatusHigh
	}
	text := string(c.In)
	c.Sending, c.In = false, nil
	// What comes on TCLO is the reply to "reset", and needs no more.
	if !c.TCLO {
		c.Waiting, c.Out, c.At = true, []byte(b.rpc(text)), 0
	}
	return wire.StatusSuccess | wire.StatusHigh
}

// rest is what the guest has not received yet of the waiting message.
func (c *channel) rest() []byte { return c.Out[min(int(c.At), len(c.Out)):] }

// take moves the next bytes of the waiting message into p.
func (c *channel) take(p []byte) bool {
	if rest := c.rest(); c.Waiting && len(p) > 0 && len(p) <= len(rest) {
		c.At += uint32(copy(p, rest))
		return true
	}
	return false
}

// high is one REP OUTSB or INSB on port 5659h. Its status is in EBX bits 31:16.
func (b *Backdoor) high(r *vmm.Regs) {
	if r.Size != 1 {
		if !r.Out {
			r.RAX = wire.Nothing
		}
		return
	}
	r.RBX = r.RBX&0xFFFF | b.burst(r)<<16
}

func (b *Backdoor) burst(r *vmm.Regs) uint64 {
	c0, c1 := uint32(r.RBP), uint32(r.RDI)
	if !r.Out {
		c0, c1 = uint32(r.RSI), uint32(r.RBP)
	}
	if uint32(r.RAX) != wire.Magic || uint16(r.RBX) != 0 {
		return 0
	}
	c := b.channel(r.RDX, c0, c1)
	switch {
	case c == nil:
		return 0
	case c.resumed():
		return wire.StatusSuccess | wire.StatusCheckpoint
	case r.Out:
		return b.payload(c, r.Data)
	case c.take(r.Data):
		return wire.StatusSuccess
	}
	return 0
}
