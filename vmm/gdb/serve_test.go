package gdb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A client is the other end of a session.
type client struct {
	t    *testing.T
	c    net.Conn
	r    *bufio.Reader
	done chan error
	acks bool
}

// connect begins a session without acknowledgements.
func connect(t *testing.T, target Target) *client {
	c := dial(t, target)
	c.acks = true
	if got := c.ask("QStartNoAckMode"); got != "OK" {
		t.Fatal(got)
	}
	c.acks = false
	return c
}

func dial(t *testing.T, target Target) *client {
	ours, theirs := net.Pipe()
	ours.SetDeadline(time.Now().Add(8 * time.Minute)) // an answer that never comes is a failure
	c := &client{t: t, c: ours, r: bufio.NewReader(ours), done: make(chan error, 1)}
	go func() {
		c.done <- Serve(t.Context(), theirs, target)
		theirs.Close()
	}()
	t.Cleanup(func() { ours.Close() })
	return c
}

func (c *client) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.c, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(p string) {
	c.t.Helper()
	c.write(fmt.Sprintf("$%s#%02x", p, checksum(p)))
}

// expect reads exactly s.
func (c *client) expect(s string) {
	c.t.Helper()
	b := make([]byte, len(s))
	if n, err := io.ReadFull(c.r, b); err != nil || string(b) != s {
		c.t.Fatalf("got %q (%v), want %q", b[:n], err, s)
	}
}

// receive reads a packet, its escapes resolved.
func (c *client) receive() string {
	c.t.Helper()
	if c.acks {
		c.expect("+")
	}
	e := next(c.r)
	if e.kind != packet {
		c.t.Fatalf("got %+v", e)
	}
	return e.packet
}

func (c *client) ask(p string) string {
	c.t.Helper()
	c.send(p)
	return c.receive()
}

// end waits for Serve, which must end with that error, or any if want says it.
func (c *client) end(want string) {
	c.t.Helper()
	if err := <-c.done; fmt.Sprint(err) != want {
		c.t.Errorf("ended with %v, want %s", err, want)
	}
}

const refusal = "E." + "this is a replay, which cannot be changed: 'monitor golive' makes a live machine of it from here"

const where = "thread:1;6:0000000000050000;7:0000000000040000;10:0010000000000000;"

// What is asked, and the answer, or how it begins if that ends with "…".
func TestPackets(t *testing.T) {
	s := newStill()
	copy(s.mem, "\x01\x02}#$*")
	s.threads = append(s.threads, Thread{0x2a, `<"&é`, "asleep"})
	s.known = map[uint64]Known{0x2a: Saved}
	c := connect(t, s)
	for _, l := range []struct{ ask, want string }{
		{"", ""},
		{"vMustReplyEmpty", ""},
		{"qSupported:swbreak+", "PacketSize=4000;QStartNoAckMode+;…"},
		{"qAttached", "1"},
		{"qSymbol::", "OK"},
		{"!", ""},
		{"b", ""},
		{"qOffsets", ""},
		{"qCRC:0,1", ""},
		{"?", "T05" + where},

		{"qC", "QC1"},
		{"qfThreadInfo", "m1,2a"},
		{"qsThreadInfo", "l"},
		{"qXfer:threads:read::0,1000", "l<?xml version=\"1.0\"?>\n<threads>\n<thread id=\"1\" name=\"cpu0\"></thread>\n" +
			"<thread id=\"2a\" name=\"&lt;&#34;&amp;?\">asleep</thread>\n</threads>\n"},
		{"qXfer:threads:read::5,3", "m ve"},
		{"qXfer:threads:read::9999,3", badForm},
		{"qXfer:threads:write::0:00", ""},
		{"qXfer:features:read:other.xml:0,100", "E00"},
		{"qXfer:features:read:target.xml:0,5", "m<?xml"},
		{"qXfer:features:read:target.xml:0", badForm},
		{"qXfer:auxv:read::0,100", ""},
		{"T1", "OK"},
		{"T2a", "OK"},
		{"T3", notThere},
		{"Tx", notThere},
		{"Hc-1", "OK"},
		{"H", badForm},
		{"Hgz", badForm},
		{"Hg7", notThere},

		{"p6", "0000000000050000"},
		{"p10", "0010000000000000"},
		{"pffff", badForm},
		{"p", badForm},
		{"Hg2a", "OK"},
		{"p0", "xxxxxxxxxxxxxxxx"},
		{"p1", "0000000000030000"},
		{"g", "xxxxxxxxxxxxxxxx0000000000030000xx…"},
		{"Hg0", "OK"},
		{"g", "0000000000000000000000000003000000…"},

		{"m1000,4", "01027d23"},
		{"m3ffe,10", "0000"},
		{"mfff,4", notThere},
		{"m1000,ffffffffffffffff", "0102…"},
		{"m1000", badForm},
		{"m-1,1", badForm},
		{"x1000,6", "b\x01\x02}#$*"},
		{"x1000,0", "b"},
		{"x0,1", notThere},
		{"x0", badForm},
		{"M1000,1:ff", refusal},
		{"M1000,2:ff", badForm},
		{"M1000,1:f", badForm},
		{"X1000,0:", "OK"},
		{"X1000,1:a", refusal},
		{"P0=0100000000000000", refusal},
		{"P0=01", badForm},
		{"P0=xyz0000000000000", badForm},
		{"P13=05000000", "E.ss cannot be written here: …"},
		{"Pffff=00", badForm},
		{"G00", badForm},

		{"Z0,1000,1", "OK"},
		{"Z0,1000,1", "OK"},
		{"Z1,1000,1", "OK"},
		{"Z2,2000,8", "OK"},
		{"Z3,2000,0", badForm},
		{"Z4,fffffffffffffff8,9", badForm},
		{"Z5,1000,1", badForm},
		{"Z0,1000", badForm},
		{"z2,2000,8", "OK"},
		{"z2,2000,8", "OK"},
		{"z9", badForm},

		{"vCont?", "vCont;c;C;s;S;r"},
		{"vCont", badForm},
		{"vCont;", badForm},
		{"vCont;t", badForm},
		{"vCont;s:3", notThere},
		{"vCont;r1", badForm},
		{"qRcmd,6", badForm},
		{"qRcmd", badForm},
	} {
		got := c.ask(l.ask)
		if head, cut := strings.CutSuffix(l.want, "…"); cut && strings.HasPrefix(got, head) {
			continue
		}
		if got != l.want {
			t.Errorf("%s: %q, want %q", l.ask, got, l.want)
		}
	}
	if got := c.ask("D"); got != "OK" {
		t.Error(got)
	}
	c.end("<nil>")
}

// Each way to go, with what the target is told, what it answers, and the reply.
func TestRun(t *testing.T) {
	exec, write := Point{Kind: Exec, Addr: 0x1000}, Point{Kind: Write, Addr: 0x2000, Size: 8}
	read, access := Point{Kind: Read, Addr: 0x2000, Size: 4}, Point{Kind: Access, Addr: 0x2008, Size: 1}
	hard := Point{Kind: Exec, Addr: 0x1010}
	points := []Point{exec, hard, write, read, access}
	s := newStill()
	c := connect(t, s)
	for _, z := range []string{"Z0,1000,1", "Z1,1010,1", "Z2,2000,8", "Z3,2000,4", "Z4,2008,1"} {
		c.ask(z)
	}
	for _, l := range []struct {
		ask  string
		stop Stop
		told Order
		want string
	}{
		{"c", Stop{Reason: Met, Point: exec}, Order{}, "T05swbreak:;"},
		{"vCont;c", Stop{Reason: Met, Point: hard}, Order{}, "T05hwbreak:;"},
		{"vCont;C05:1", Stop{Reason: Met, Point: write}, Order{}, "T05watch:2000;"},
		{"vCont;c:-1", Stop{Reason: Met, Point: read}, Order{}, "T05rwatch:2000;"},
		{"c", Stop{Reason: Met, Point: access}, Order{}, "T05awatch:2008;"},
		{"bc", Stop{Reason: Met, Point: write}, Order{Back: true}, "T05watch:2000;"},
		{"bc", Stop{Reason: Begin}, Order{Back: true}, "T05replaylog:begin;"},
		{"c", Stop{Reason: End}, Order{}, "T05replaylog:end;"},
		{"bs", Stop{}, Order{Back: true, Steps: 1}, "T05"},
		{"s", Stop{}, Order{Steps: 1}, "T05"},
		{"vCont;s:1;c", Stop{}, Order{Steps: 1, Thread: 1}, "T05"},
		{"vCont;S05", Stop{}, Order{Steps: 1}, "T05"},
		{"bs", Stop{Reason: End + 1}, Order{Back: true, Steps: 1}, "E.cannot go back: it is  live"},
	} {
		s.RIP, s.stops, s.orders = stillBase, []Stop{l.stop}, nil
		got := c.ask(l.ask)
		if s.RIP = stillBase; strings.HasPrefix(l.want, "T") {
			got, _, _ = strings.Cut(got, "thread:")
		}
		l.told.Points = points
		if got != l.want || !reflect.DeepEqual(s.orders, []Order{l.told}) {
			t.Errorf("%s: %q, want %q; told %+v, want %+v", l.ask, got, l.want, s.orders, l.told)
		}
	}
	if got := c.ask("vKill;1"); got != "OK" {
		t.Error(got)
	}
	c.end(ErrKilled.Error())
}

// A range is stepped until RIP leaves it, or meets a breakpoint in it.
func TestRange(t *testing.T) {
	for _, l := range []struct {
		ask, point string
		rip        uint64
		steps      int
	}{
		{"vCont;r1000,1008:1;c", "Z0,2000,1", 0x1009, 3},
		{"vCont;r1000,1009", "Z0,2000,1", 0x1009, 3},
		{"vCont;r1000,100a", "Z0,2000,1", 0x100c, 4},
		{"vCont;r1000,1000", "Z0,2000,1", 0x1003, 1},
		{"vCont;r1000,2000", "Z1,1006,1", 0x1006, 2},
	} {
		s := newStill()
		s.stops = make([]Stop, 10)
		c := connect(t, s)
		c.ask(l.point)
		if got := c.ask(l.ask); !strings.HasPrefix(got, "T05thread:1;") || s.RIP != l.rip || len(s.orders) != l.steps {
			t.Errorf("%s: %q at %#x after %d steps, want %#x after %d", l.ask, got, s.RIP, len(s.orders), l.rip, l.steps)
		}
	}
}

// What comes in ends what runs.
func TestInterrupt(t *testing.T) {
	s := newStill()
	c := connect(t, s)
	c.send("c")
	<-s.running
	c.write("\x03")
	if got := c.receive(); got != "T02"+where {
		t.Error(got)
	}
	c.write("\x03") // too late
	if got := c.ask("?"); got != "T02"+where {
		t.Error(got)
	}
	c.send("bc")
	<-s.running
	c.send("qC")
	if got := c.receive(); got != "T02"+where {
		t.Error(got)
	}
	if got := c.receive(); got != "QC1" {
		t.Error(got)
	}
	c.send("c")
	<-s.running
	c.c.Close()
	if err := <-c.done; err == nil {
		t.Error("ended without an error")
	}
}

// A command's output comes in pieces; an interrupted one has none, and an
// abandoned one no answer either.
func TestMonitor(t *testing.T) {
	s := newStill()
	c := connect(t, s)
	text := ""
	c.send("qRcmd," + hex.EncodeToString([]byte("long")))
	for p := c.receive(); p != "OK"; p = c.receive() {
		b, err := hex.DecodeString(p[1:])
		if p[0] != 'O' || err != nil {
			t.Fatal(p, err)
		}
		text += string(b)
	}
	if text != strings.Repeat("#$}* abcdefgh", 1000)+"\n" {
		t.Errorf("%d bytes: %.100s", len(text), text)
	}
	wait := "qRcmd," + hex.EncodeToString([]byte("wait"))
	c.send(wait)
	<-s.running
	c.write("-") // gdb is impatient
	c.write("\x03")
	if got := c.receive(); got != "O"+hex.EncodeToString([]byte("context canceled\n")) {
		t.Error(got)
	}
	if got := c.receive(); got != badForm {
		t.Error(got)
	}
	c.send(wait)
	<-s.running
	if got := c.ask("qC"); got != "QC1" {
		t.Error(got)
	}
}

// Lines that are damaged, and clients that are no debuggers.
func TestDamage(t *testing.T) {
	c := dial(t, newStill())
	c.write("+noise$qC#00")
	c.expect("-")
	c.write("$qX$qC#b4") // begun anew
	c.expect("+$QC1#c5")
	c.write("-")
	c.expect("$QC1#c5")
	c.write("+$q}c#51") // an escaped C
	c.expect("+$QC1#c5")
	for range maxNaks {
		c.write("-")
		c.expect("$QC1#c5")
	}
	c.write("-")
	c.end("gdb: the client refused the same answer too often: the line is damaged")

	c = connect(t, newStill())
	c.write("-")
	if got := c.ask("qC"); got != "QC1" {
		t.Error(got)
	}
	c.write("$qC#00")
	c.end("gdb: a packet with a wrong checksum, on a line that was declared to be reliable")

	c = connect(t, newStill())
	go c.c.Write(append([]byte("$"), bytes.Repeat([]byte("a"), packetBytes+1)...))
	c.end("gdb: a packet of more than 16384 bytes: not a debugger's")

	c = connect(t, newStill())
	for i := range maxPoints {
		c.ask(fmt.Sprintf("Z0,%x,1", i))
	}
	if got := c.ask("Z0,ffff,1"); got != "E.too many breakpoints: delete some" {
		t.Error(got)
	}
	c.send("k")
	c.end(ErrKilled.Error())
}

// The caller's context ends a session, and what runs.
func TestContext(t *testing.T) {
	s := newStill()
	ours, theirs := net.Pipe()
	defer ours.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- Serve(ctx, theirs, s)
	}()
	go io.Copy(io.Discard, ours)
	io.WriteString(ours, "$c#63")
	<-s.running
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A live machine is changed by what differs.
func TestWrite(t *testing.T) {
	s := newStill()
	s.FSW = 6 << 11
	c := connect(t, wet{s})
	for _, p := range []string{"M1000,2:abcd", "X1002,3:x}\x03y", "P0=8877665544332211", "P10=0200000000000000", "P11=ffffffff",
		"P18=0000000000000080ff3f", "P28=000102030405060708090a0b0c0d0e0f"} {
		if got := c.ask(p); got != "OK" {
			t.Errorf("%s: %s", p, got)
		}
	}
	all := c.ask("g")
	if got := c.ask("G" + strings.Repeat("x", 16) + "0700000000000000" + all[32:]); got != "OK" {
		t.Error(got)
	}
	if got := c.ask("M4000,1:00"); got != "E.nothing is mapped there" {
		t.Error(got)
	}
	want := newStill()
	want.R[x86.RAX], want.R[x86.RBX], want.RIP, want.RFLAGS = 0x1122334455667788, 7, 2, flagBits|2
	want.FSW, want.FPR[6] = 6<<11, cpu.F80{Mant: 1 << 63, SE: 0x3fff}
	want.XMM[0] = [2]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	if s.State != want.State {
		t.Errorf("got:\n%+v\nwant:\n%+v", s.State, want.State)
	}
	if string(s.mem[:6]) != "\xab\xcdx#y\x00" {
		t.Errorf("% x", s.mem[:6])
	}
}

// RIP is what is fetched; a code segment's base is in it where there is one.
func TestLinearIP(t *testing.T) {
	for _, l := range []struct {
		attr      uint16
		efer      uint64
		base, rip uint64
		want      uint64
	}{
		{cpu.AttrL, cpu.EFERLMA, 0x1000, 0xffffffff81000000, 0xffffffff81000000},
		{0, cpu.EFERLMA, 0x1000, 0x10, 0x1010},
		{cpu.AttrL, 0, 0xffff0000, 0xfff0, 0xfffffff0},
		{0, 0, 0xffffffff, 2, 1},
	} {
		s := &cpu.State{RIP: l.rip, EFER: l.efer}
		s.Seg[x86.CS].Attr, s.Seg[x86.CS].Base = l.attr, l.base
		if got := linearIP(s); got != l.want {
			t.Errorf("%+v: %#x", l, got)
		}
		if setLinearIP(s, l.want); s.RIP != l.rip {
			t.Errorf("%+v: back to %#x", l, s.RIP)
		}
	}
}

// Tags of an x87 whose registers are empty but four: 1, 0, infinity, denormal.
func TestTags(t *testing.T) {
	s := &cpu.State{FTW: 0xff00}
	s.FPR = [8]cpu.F80{{Mant: 1 << 63, SE: 0x3fff}, {}, {Mant: 1 << 63, SE: 0xffff}, {Mant: 1}}
	if got := tags(s); got != 0xff00|2<<6|2<<4|1<<2|0 {
		t.Errorf("%#x", got)
	}
}

// Whatever comes in, Serve ends when it ends, and what it says is in packets.
func FuzzServe(f *testing.F) {
	for _, s := range []string{"+$qSupported:multiprocess+#c6", "$g#67$m1000,4#2b-", "$vCont;r1000,2000:1;c#00\x03", "$X1000,3:}\x03ab#00",
		"$Z2,1000,8#6d$bc#c5", "$qXfer:features:read:target.xml:0,1000#0c", "$G}#", "$qRcmd,7768656e#00$D#44"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, live bool) {
		s := newStill()
		s.stops = make([]Stop, 1000)
		var target Target = s
		if live {
			target = wet{s}
		}
		var out bytes.Buffer
		Serve(t.Context(), struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(fixed(in)), &out}, target)
		for r := bufio.NewReader(&out); ; {
			switch e := next(r); {
			case e.kind == gone && errors.Is(e.err, io.EOF):
				return
			case e.kind == gone || e.kind == damaged:
				t.Fatalf("an answer that is no packet: %+v", e)
			}
		}
	})
}

// fixed makes the checksums right of packets that end in "#00".
func fixed(in []byte) (out []byte) {
	for _, p := range bytes.SplitAfter(in, []byte("#00")) {
		if body, ok := bytes.CutSuffix(p, []byte("#00")); ok {
			i := bytes.LastIndexByte(body, '$') + 1
			p = fmt.Appendf(nil, "%s#%02x", body, checksum(string(body[i:])))
		}
		out = append(out, p...)
	}
	return out
}
