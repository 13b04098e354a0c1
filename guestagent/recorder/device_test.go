package recorder

import (
	"errors"
	"strings"
	"testing"

	"vmrecord/backdoor"
	"vmrecord/backdoor/wire"
	"vmrecord/vmm"
)

// The SDK and the machine's own device understand each other.
func TestDevice(t *testing.T) {
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "backdoor"}, backdoor.New(backdoor.Config{Control: true, MaxRecordings: 10}))
	var events []string
	b.OnOutput("backdoor/control", func(p []byte) { events = append(events, string(p)) })
	call, _ := b.CallAt(wire.Port)
	back := b.Device("backdoor").(*backdoor.Backdoor)
	m := probe(func(r *regs) {
		v := vmm.Regs{RAX: uint64(r.ax), RBX: uint64(r.bx), RCX: uint64(r.cx), RDX: uint64(r.dx),
			RSI: uint64(r.si), RDI: uint64(r.di), Size: 4, CPL: 3}
		call(&v)
		*r = regs{uint32(v.RAX), uint32(v.RBX), uint32(v.RCX), uint32(v.RDX), uint32(v.RSI), uint32(v.RDI)}
	})
	if m == nil {
		t.Fatal("the device is not recognised")
	}
	wrong := errors.New("total is 999 993")
	err := errors.Join(
		m.guard("well", func() error { return m.tell(wire.Request{Verb: wire.Mark, Text: "half"}) }),
		m.start("by hand", []Option{WithAttr("round", "7")}),
		m.tell(wire.Request{Verb: wire.Attr, Key: "late", Text: "yes"}),
		m.stop(Keep))
	if err != nil {
		t.Error(err)
	}
	if err := m.guard("badly", func() error { return wrong }); err != wrong {
		t.Error(err)
	}
	if st, err := m.status(); err != nil || st != (wire.Status{UID: 3}) {
		t.Errorf("status %+v, %v", st, err)
	}
	const want = "start 1 well|mark half|stop drop|start 2 by hand|attr round 7|attr late yes|stop keep|" +
		"start 3 badly|fail total is 999 993|stop keep"
	if err := errors.Join(m.fact("kernel.release", "6.1"), m.fact("p\n", ""), m.fact("kernel.release", "6.2")); err != nil {
		t.Error(err)
	}
	if got := strings.Join(back.Facts(), "|"); got != "kernel.release|6.2|p_|" {
		t.Errorf("facts %s", got)
	}
	if got := strings.Join(events, "|"); got != want {
		t.Errorf("events %s\nwant   %s", got, want)
	}
}
