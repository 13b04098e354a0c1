package backdoor

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vmrecord/backdoor/wire"
	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func config() Config {
	c := Config{MemoryBytes: 256 << 20, BusHz: 1_000_000_000, Control: true, MaxRecordings: 3}
	copy(c.UUID[:], "0123456789abcdef")
	return c
}

// A guest is what a program does at the ports of one machine.
type guest struct {
	*vmm.Board
	events []string
	logs   []string
}

func boot(c Config) *guest {
	g := &guest{Board: vmm.NewBoard(nil, vmm.Config{Epoch: 1_700_000_000})}
	g.Plug(vmm.Place{Name: "backdoor"}, New(c))
	g.OnOutput("backdoor/control", func(p []byte) { g.events = append(g.events, string(p)) })
	g.OnOutput("backdoor/log", func(p []byte) { g.logs = append(g.logs, string(p)) })
	return g
}

// in is one IN EAX,DX.
func (g *guest) in(r vmm.Regs) vmm.Regs {
	f, _ := g.CallAt(uint16(r.RDX))
	r.Size = 4
	f(&r)
	return r
}

func (g *guest) call(cmd, ebx uint64) vmm.Regs {
	return g.in(vmm.Regs{RAX: wire.Magic, RBX: ebx, RCX: cmd, RDX: wire.Port, RSI: 0x51, RDI: 0xD1, RBP: 0xB9})
}

func (g *guest) host(frame string) {
	g.Deliver(vmm.Input{Inlet: "backdoor/control", Data: []byte(frame)})
}

// A line is an open channel.
type line struct {
	*guest
	id, c0, c1 uint64
}

func (g *guest) open(t *testing.T, proto uint64) line {
	t.Helper()
	r := g.call(wire.CmdMessage|wire.MsgOpen<<16, proto)
	if r.RCX>>16 != wire.StatusSuccess {
		t.Fatalf("open: status %#x", r.RCX>>16)
	}
	return line{g, r.RDX &^ 0xFFFF, r.RSI, r.RDI}
}

func (l line) step(sub, ebx uint64) vmm.Regs {
	return l.in(vmm.Regs{RAX: wire.Magic, RBX: ebx, RCX: wire.CmdMessage | sub<<16, RDX: wire.Port | l.id, RSI: l.c0, RDI: l.c1})
}

func (l line) send(text string) uint64 {
	s := l.step(wire.MsgSendSize, uint64(len(text))).RCX >> 16
	for i := 0; i < len(text) && s&wire.StatusSuccess != 0 && s&wire.StatusCheckpoint == 0; i += 4 {
		p := text[i:] + "\xEE\xEE\xEE\xEE"
		s = l.step(wire.MsgSendPayload, uint64(p[0])|uint64(p[1])<<8|uint64(p[2])<<16|uint64(p[3])<<24).RCX >> 16
	}
	return s
}

func (l line) receive() (text string, ok bool) {
	r := l.step(wire.MsgRecvSize, 0)
	if r.RCX>>16&wire.StatusDoRecv == 0 {
		return fmt.Sprintf("status %#x", r.RCX>>16), false
	}
	n := int(r.RBX)
	for len(text) < n {
		r = l.step(wire.MsgRecvPayload, 1)
		if r.RCX>>16 != wire.StatusSuccess || r.RDX>>16 != wire.MsgSendPayload {
			return fmt.Sprintf("payload status %#x", r.RCX>>16), false
		}
		text += string([]byte{byte(r.RBX), byte(r.RBX >> 8), byte(r.RBX >> 16), byte(r.RBX >> 24)})
	}
	l.step(wire.MsgRecvStatus, 1)
	return text[:n], true
}

func (g *guest) rpc(t *testing.T, text string) string {
	t.Helper()
	l := g.open(t, wire.ProtocolRPCI|wire.FlagCookie)
	defer l.step(wire.MsgClose, 0)
	if s := l.send(text); s&wire.StatusSuccess == 0 {
		return fmt.Sprintf("send status %#x", s)
	}
	reply, _ := l.receive()
	return reply
}

// What each command gives; registers it does not name keep their values.
func TestCommands(t *testing.T) {
	const untouched = "rsi=51 rdi=d1"
	for _, c := range []struct {
		name string
		cmd  uint64
		want string
	}{
		{"GETMHZ", 1, "eax=fa0 ebx=1 ecx=1 edx=5658 " + untouched},
		{"GETVERSION", 10, "eax=6 ebx=564d5868 ecx=4 edx=5658 " + untouched},
		{"GETHWVERSION", 17, "eax=8 ebx=564d5868 ecx=11 edx=5658 " + untouched},
		{"GETUUID", 19, "eax=30313233 ebx=34353637 ecx=38396162 edx=63646566 " + untouched},
		{"GETMEMSIZE", 20, "eax=10000000 ebx=1177 ecx=14 edx=5658 " + untouched},
		{"GETTIME", 23, "eax=6553f101 ebx=7a120 ecx=f4240 edx=5658 " + untouched},
		{"GETHZ", 45, "eax=ee6b2800 ebx=0 ecx=3b9aca00 edx=5658 " + untouched},
		{"GETTIMEFULL", 46, "eax=564d5868 ebx=7a120 ecx=f4240 edx=6553f101 rsi=0 rdi=d1"},
		{"GETTIMEFULL_WITH_LAG", 55, "eax=564d5868 ebx=7a120 ecx=f4240 edx=6553f101 rsi=0 rdi=0"},
		{"GET_VCPU_INFO", 68, "eax=c ebx=1 ecx=44 edx=5658 " + untouched},
		{"absolute pointer", 41, "eax=ffffffff ebx=1 ecx=29 edx=5658 " + untouched},
		{"unknown", 4711, "eax=ffffffff ebx=1 ecx=1267 edx=5658 " + untouched},
	} {
		g := boot(config())
		g.SetNow(1_500_000_000 * 4) // 1.5 s
		r := g.call(c.cmd, 1)
		got := fmt.Sprintf("eax=%x ebx=%x ecx=%x edx=%x rsi=%x rdi=%x", r.RAX, r.RBX, r.RCX, r.RDX, r.RSI, r.RDI)
		if got != c.want || r.RBP != 0xB9 {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNotACall(t *testing.T) {
	g := boot(config())
	f, ring3 := g.CallAt(wire.Port)
	if !ring3 {
		t.Error("ring 3 is kept out without being told")
	}
	for _, c := range []struct{ in, want vmm.Regs }{
		{vmm.Regs{RAX: 1, RCX: 10, Size: 4}, vmm.Regs{RAX: 0xFFFFFFFF, RCX: 10, Size: 4}},
		{vmm.Regs{RAX: wire.Magic, RCX: 10, Size: 1}, vmm.Regs{RAX: wire.Magic | 0xFF, RCX: 10, Size: 1}},
		{vmm.Regs{RAX: wire.Magic, RCX: 10, Size: 2}, vmm.Regs{RAX: wire.Magic | 0xFFFF, RCX: 10, Size: 2}},
		{vmm.Regs{RAX: wire.Magic, RCX: 10, Size: 2, Out: true}, vmm.Regs{RAX: wire.Magic, RCX: 10, Size: 2, Out: true}},
	} {
		r := c.in
		if f(&r); fmt.Sprint(r) != fmt.Sprint(c.want) {
			t.Errorf("%+v: %+v, want %+v", c.in, r, c.want)
		}
	}
	c := config()
	c.Ring0Only = true
	if _, ring3 := boot(c).CallAt(wire.Port); ring3 {
		t.Error("ring 3 is let in against the configuration")
	}
}

func TestStateLogger(t *testing.T) {
	off := config()
	off.Control = false
	for _, c := range []struct {
		name   string
		conf   Config
		ops    []uint64
		eax    string
		events string
	}{
		{"start, stop", config(), []uint64{0, 1, 2}, "1 1 1", "start 1|stop keep"},
		{"start twice", config(), []uint64{1, 1}, "1 2", "start 1"},
		{"stop while idle", config(), []uint64{2}, "3", ""},
		{"uid", config(), []uint64{3, 1, 3}, "1:0 1 1:1", "start 1"},
		{"position", config(), []uint64{4, 1, 4}, "3 1 1:8", "start 1"},
		{"used up", config(), []uint64{1, 2, 1, 2, 1, 2, 1}, "1 1 1 1 1 1 5", "start 1|stop keep|start 2|stop keep|start 3|stop keep"},
		{"control off", off, []uint64{0, 1, 2, 3, 4, 100}, "4 4 4 4 4 4", ""},
		{"replay", config(), []uint64{100}, "4", ""},
		{"unknown", config(), []uint64{5}, "4294967295", ""},
	} {
		g := boot(c.conf)
		var eax []string
		for _, op := range c.ops {
			g.SetNow(8)
			r := g.call(wire.CmdStateLogger, op)
			s := fmt.Sprint(r.RAX)
			if r.RAX == 1 && (op == 3 || op == 4) {
				s += fmt.Sprintf(":%d", r.RBX)
			}
			eax = append(eax, s)
		}
		if got, ev := strings.Join(eax, " "), strings.Join(g.events, "|"); got != c.eax || ev != c.events {
			t.Errorf("%s: %s, events %s; want %s, %s", c.name, got, ev, c.eax, c.events)
		}
		if g.Wanted() != (c.events != "") {
			t.Errorf("%s: host work asked for: %v", c.name, g.Wanted())
		}
	}
}

// Requests and their replies in order on one machine; a line "> frame" is the host's.
func TestRequests(t *testing.T) {
	const script = `
vmrecord.version                  1 vmrecord 1
vmrecord.status                   1 idle 0
vmrecord.mark early               0 nothing is recording
vmrecord.keep                     0 nothing is recording
vmrecord.prepare a batch          1
vmrecord.attr round 7             1
vmrecord.start another            1
vmrecord.status                   1 recording 1 another
vmrecord.start a                  0 a recording runs already
vmrecord.prepare a                0 a recording runs already
vmrecord.attr k v                 1
vmrecord.mark here we are         1
vmrecord.drop                     1
vmrecord.stop drop                1
vmrecord.status                   1 idle 1
vmrecord.prepare b                1
vmrecord.attr round 8             1
> vmrecord.start by hand
vmrecord.fail total is wrong      1
vmrecord.drop                     0 a recording that shows a failure is kept
vmrecord.stop drop                1
> policy 0
vmrecord.status                   1 off 2
vmrecord.start x                  0 the appliance's configuration gives the guest no control of recording
> vmrecord.start forced
vmrecord.status                   1 recording 3 forced
> ended
> policy 1
vmrecord.start x                  0 the configured number of recordings is used up
vmrecord.mark a                b  0 nothing is recording
vmrecord.stop                     0 stop wants an argument
info-get guestinfo.ip             0 No value found
info-set guestinfo.ip 10.0.2.15 x 1
info-get guestinfo.ip             1 10.0.2.15 x
info-set guestinfo.ip             1
info-get guestinfo.ip             1
info-set other.ip 1               0 Invalid key or value
log guest says hello              1
machine.id.get                    0 No machine id
tools.set.version 12352           1
tools.capability.auto_upgrade 2   1
vmx.capability.dnd_version        0 Not supported
exec rm                           0 Unknown command`
	const events = "start 1 another|attr k v|mark here we are|stop drop|" +
		"start 2 by hand|fail total is wrong|stop keep|start 3 forced"
	g := boot(config())
	for _, l := range strings.Split(strings.TrimSpace(script), "\n") {
		if frame, ok := strings.CutPrefix(l, "> "); ok {
			g.host(frame)
			continue
		}
		req, want := strings.TrimSpace(l[:34]), strings.TrimSpace(l[34:])
		if got := strings.TrimSpace(g.rpc(t, req)); got != want {
			t.Errorf("%s: %q, want %q", req, got, want)
		}
	}
	if got := strings.Join(g.events, "|"); got != events {
		t.Errorf("events %s\nwant   %s", got, events)
	}
	if len(g.logs) != 1 || g.logs[0] != "guest says hello" {
		t.Errorf("logs %q", g.logs)
	}
}

// With a ring, marks, failures and saves are told while nothing else is recorded.
func TestRing(t *testing.T) {
	for _, c := range []struct {
		ring, control bool
		do, events    string // ends at the first refusal
	}{
		{true, true, "mark a|fail b|save c", "mark a|fail b|save c"},
		{true, true, "start x|mark a|save c|drop|stop drop", "start 1 x|mark a|mark c|stop drop"},
		{true, true, "start x|drop|save c|stop keep|save d", "start 1 x|mark c|stop keep|save d"},
		{true, true, "keep|save c", ""},
		{true, true, "> policy 0|save c", ""},
		{true, true, "> policy 0|> policy 1|save c", "save c"},
		{true, false, "> save c|save d", "save c"},
		{false, true, "save c", ""},
		{false, true, "start x|save c|stop keep|fail b", "start 1 x|mark c|stop keep"},
	} {
		f := config()
		f.Ring, f.Control = c.ring, c.control
		g := boot(f)
		for _, q := range strings.Split(c.do, "|") {
			if frame, ok := strings.CutPrefix(q, "> "); ok {
				if !strings.HasPrefix(frame, "policy") {
					frame = wire.Prefix + frame
				}
				g.host(frame)
			} else if got := g.rpc(t, wire.Prefix+q); !strings.HasPrefix(got, "1 ") {
				break
			}
		}
		if got := strings.Join(g.events, "|"); got != c.events {
			t.Errorf("ring %v, control %v, %s: events %s, want %s", c.ring, c.control, c.do, got, c.events)
		}
	}
}

// Attributes collected before START_LOGGING follow the start.
func TestPrepared(t *testing.T) {
	g := boot(config())
	for _, q := range []string{"vmrecord.prepare transfer batch", "vmrecord.attr round 7", "vmrecord.attr empty "} {
		if got := g.rpc(t, q); got != "1 " {
			t.Fatalf("%s: %q", q, got)
		}
	}
	g.call(wire.CmdStateLogger, wire.LogStart)
	if got := strings.Join(g.events, "|"); got != "start 1 transfer batch|attr round 7|attr empty " {
		t.Errorf("events %s", got)
	}
}

// The high-bandwidth port moves whole messages.
func TestHigh(t *testing.T) {
	g := boot(config())
	l := g.open(t, wire.ProtocolRPCI|wire.FlagCookie)
	f, _ := g.CallAt(wire.PortHigh)
	const text = "info-set guestinfo.x some longer value"
	l.step(wire.MsgSendSize, uint64(len(text)))
	out := vmm.Regs{RAX: wire.Magic, RCX: uint64(len(text)), RDX: wire.PortHigh | l.id, RBP: l.c0, RDI: l.c1, Size: 1, Out: true, Data: []byte(text)}
	f(&out)
	size := l.step(wire.MsgRecvSize, 0)
	in := vmm.Regs{RAX: wire.Magic, RDX: wire.PortHigh | l.id, RSI: l.c0, RBP: l.c1, Size: 1, Data: make([]byte, size.RBX)}
	f(&in)
	if out.RBX>>16&wire.StatusSuccess == 0 || in.RBX>>16 != wire.StatusSuccess || string(in.Data) != "1 " {
		t.Errorf("out %#x, in %#x %q", out.RBX, in.RBX, in.Data)
	}
	if f(&in); in.RBX>>16 != 0 {
		t.Error("more was read than there is")
	}
	in.RSI++
	if f(&in); in.RBX>>16 != 0 {
		t.Error("a wrong cookie was taken")
	}
}

func TestTCLO(t *testing.T) {
	l := boot(config()).open(t, wire.ProtocolTCLO|wire.FlagCookie)
	l.send("")
	if got, ok := l.receive(); !ok || got != "reset" {
		t.Errorf("first %q", got)
	}
	if s := l.send("OK ATR toolbox"); s&wire.StatusSuccess == 0 {
		t.Errorf("the reply is refused: %#x", s)
	}
	if got, ok := l.receive(); ok {
		t.Errorf("then %q", got)
	}
}

// Going live tells every open channel once, and ends the recording.
func TestLive(t *testing.T) {
	g := boot(config())
	g.rpc(t, "vmrecord.start a")
	l := g.open(t, wire.ProtocolRPCI|wire.FlagCookie)
	l.step(wire.MsgSendSize, 15)
	g.host("live")
	if s := l.step(wire.MsgSendPayload, 0x72).RCX >> 16; s != wire.StatusSuccess|wire.StatusCheckpoint {
		t.Errorf("in the middle: %#x", s)
	}
	l.send("vmrecord.status")
	g.host("live")
	if _, ok := l.receive(); ok {
		t.Error("no checkpoint while receiving")
	}
	if got, ok := l.receive(); !ok || got != "1 idle 1" {
		t.Errorf("received again: %q", got)
	}
}

func TestBounds(t *testing.T) {
	g := boot(config())
	var ls []line
	for range wire.MaxChannels {
		ls = append(ls, g.open(t, wire.ProtocolRPCI))
	}
	if r := g.call(wire.CmdMessage, wire.ProtocolRPCI); r.RCX>>16 != 0 {
		t.Error("one channel too many")
	}
	accepted := 0
	for _, l := range ls {
		if l.step(wire.MsgSendSize, 4).RCX>>16&wire.StatusSuccess != 0 {
			accepted++
		}
	}
	if accepted == 0 || accepted > wire.RoomBytes/maxReply {
		t.Errorf("%d messages at once", accepted)
	}
	for _, l := range ls {
		l.step(wire.MsgClose, 0)
	}
	if s := ls[0].step(wire.MsgSendSize, 1).RCX >> 16; s != 0 {
		t.Errorf("a closed channel answers %#x", s)
	}
	l := g.open(t, wire.ProtocolRPCI)
	for _, n := range []uint64{wire.MaxMessageBytes + 1, 1<<32 - 1, wire.RoomBytes} {
		if s := l.step(wire.MsgSendSize, n).RCX >> 16; s != 0 {
			t.Errorf("a message of %d bytes: %#x", n, s)
		}
	}
	if r := g.call(wire.CmdMessage, 0x12345678); r.RCX>>16 != 0 {
		t.Error("an unknown protocol is opened")
	}
	long := strings.Repeat("x", wire.MaxValue)
	sets, attrs := 0, 0
	for i := range 100 {
		if strings.HasPrefix(g.rpc(t, fmt.Sprintf("info-set guestinfo.k%d %s", i, long)), "1") {
			sets++
		}
		if strings.HasPrefix(g.rpc(t, fmt.Sprintf("vmrecord.attr k%d %s", i, long)), "1") {
			attrs++
		}
	}
	if sets != maxInfoBytes/(wire.MaxValue+2) || attrs != maxAttrBytes/(wire.MaxValue+2) {
		t.Errorf("%d variables, %d attributes", sets, attrs)
	}
	g.rpc(t, "vmrecord.start a")
	for i := range 100 {
		g.rpc(t, fmt.Sprintf("vmrecord.attr k%d v", i))
	}
	if n := strings.Count(strings.Join(g.events, "|"), "attr "); n != wire.MaxAttrs {
		t.Errorf("%d attributes of one recording", n)
	}
}

// A machine that was started from another's state gets an id of its own.
func TestUUID(t *testing.T) {
	g := boot(config())
	for _, c := range []struct{ frame, want string }{
		{"uuid 0123456789abcde", ""}, // too short: it stays
		{"uuid 0123456789abcdef", "30313233343536373839616263646566"},
	} {
		was := fmt.Sprintf("%x", config().UUID)
		g.host(c.frame)
		r := g.call(wire.CmdGetUUID, 0)
		got := fmt.Sprintf("%08x%08x%08x%08x", uint32(r.RAX), uint32(r.RBX), uint32(r.RCX), uint32(r.RDX))
		if want := cmp.Or(c.want, was); got != want {
			t.Errorf("after %q it is %s, want %s", c.frame, got, want)
		}
	}
}

// Check storms the device; the step makes calls that mostly make sense.
func TestBackdoor(t *testing.T) {
	texts := []string{"vmrecord.status", "vmrecord.start n", "vmrecord.prepare p", "vmrecord.attr k v", "vmrecord.stop drop",
		"vmrecord.drop", "vmrecord.keep", "vmrecord.fail f", "vmrecord.mark m", "info-set guestinfo.a 1", "info-get guestinfo.a", "log x", "log aaaaaaaa"}
	frames := []string{"live", "ended", "policy 0", "policy 1", "policy 1", "vmrecord.start host", "vmrecord.stop keep"}
	regs := func(b *vmm.Board, cmd, ebx, id uint64) string {
		f, _ := b.CallAt(wire.Port)
		r := vmm.Regs{RAX: wire.Magic, RBX: ebx, RCX: cmd, RDX: wire.Port | id<<16, Size: 4}
		f(&r)
		return fmt.Sprintf("%+v\n", r)
	}
	step := func(rng *rand.Rand, rig *devtest.Rig) (out string) {
		b := rig.Board
		msg := func(sub, ebx, id uint64) { out += regs(b, wire.CmdMessage|sub<<16, ebx, id) }
		id := rng.Uint64N(3)
		switch rng.IntN(14) {
		case 12, 13: // go on with a message begun before
			msg(wire.MsgSendPayload, 0x61616161, id)
		case 9: // attributes of one recording are counted
			for range 12 {
				b.Deliver(vmm.Input{Inlet: "dev/control", Data: []byte("vmrecord.attr k v")})
			}
		case 10, 11: // the guest's usual order
			for _, op := range []string{"vmrecord.prepare whole", "vmrecord.start whole", "vmrecord.drop", "vmrecord.fail f"} {
				if rng.IntN(3) > 0 && (op != "vmrecord.fail f" || rng.IntN(4) == 0) {
					b.Deliver(vmm.Input{Inlet: "dev/control", Data: []byte(op)})
				}
			}
		case 0:
			msg(wire.MsgOpen, []uint64{wire.ProtocolRPCI, wire.ProtocolTCLO, wire.ProtocolRPCI | wire.FlagCookie}[rng.IntN(3)], 0)
		case 1:
			msg(wire.MsgClose, 0, id)
		case 2:
			b.Deliver(vmm.Input{Inlet: "dev/control", Data: []byte(frames[rng.IntN(len(frames))])})
		case 3: // half of them stops
			out = regs(b, wire.CmdStateLogger, []uint64{0, 1, 2, 2, 2, 3}[rng.IntN(6)], 0)
		case 4:
			msg(wire.MsgRecvSize, 0, id)
			msg(wire.MsgRecvPayload, 1, id)
		case 5:
			msg(rng.Uint64N(7), rng.Uint64N(40), id)
		default:
			s := texts[rng.IntN(len(texts))]
			msg(wire.MsgSendSize, uint64(len(s)), id)
			n := len(s)
			if rng.IntN(3) == 0 {
				n = rng.IntN(n)
			}
			for i := 0; i < n; i += 4 {
				p := s[i:] + "\x00\x00\x00"
				msg(wire.MsgSendPayload, uint64(p[0])|uint64(p[1])<<8|uint64(p[2])<<16|uint64(p[3])<<24, id)
			}
		}
		return out
	}
	devtest.Check(t, func() vmm.Device {
		c := config()
		c.MaxRecordings = 1000
		return New(c)
	}, step)
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		text string
		want Event
		ok   bool
	}{
		{"start 7 a batch", Event{Started, 7, "", "a batch"}, true},
		{"start 7", Event{Started, 7, "", ""}, true},
		{"attr k ", Event{Attr, 0, "k", ""}, true},
		{"attr k v w", Event{Attr, 0, "k", "v w"}, true},
		{"mark m", Event{Marked, 0, "", "m"}, true},
		{"fail total is 7", Event{Failed, 0, "", "total is 7"}, true},
		{"stop drop", Event{Stopped, 0, "", "drop"}, true},
		{"start", Event{}, false},
		{"start x", Event{}, false},
		{"stop now", Event{}, false},
		{"keep", Event{}, false},
		{"mark m\x00", Event{}, false},
		{"", Event{}, false},
	} {
		got, err := ParseEvent([]byte(c.text))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
		if c.ok && string(got.Format()) != c.text {
			t.Errorf("%q: formats as %q", c.text, got.Format())
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte("start 7 a"))
	f.Add([]byte("attr k v"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if e, err := ParseEvent(p); err == nil && string(e.Format()) != string(p) {
			t.Fatalf("%q formats as %q", p, e.Format())
		}
	})
}

// Nothing a guest puts into the registers, or a tape into the inlet, breaks the device.
func FuzzPorts(f *testing.F) {
	f.Add([]byte("\x00\x1e\x00RPCI"))
	f.Fuzz(func(t *testing.T, p []byte) {
		g := boot(config())
		low, _ := g.CallAt(wire.Port)
		high, _ := g.CallAt(wire.PortHigh)
		for len(p) >= 8 {
			r := vmm.Regs{RAX: wire.Magic, RBX: uint64(p[3]) | uint64(p[4])<<8 | uint64(p[5])<<16 | uint64(p[6])<<24,
				RCX: uint64(p[1]) | uint64(p[2]&7)<<16, RDX: uint64(p[7]&1) << 16, Size: 4}
			switch {
			case p[0] < 200:
				low(&r)
			case p[0] < 240:
				r.RBX, r.Size, r.Out, r.Data = 0, 1, p[0]&1 == 0, p[:min(len(p), int(p[2]))]
				r.Data = append([]byte(nil), r.Data...)
				high(&r)
			default:
				g.host(string(p[1:min(len(p), int(p[0])-200)]))
			}
			p = p[8:]
		}
	})
}
