package linuxtest

import (
	"fmt"
	"regexp"
	"testing"

	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/guestkernel"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// TestResumed has two machines go on from one saved state, on other days: vmagent
// sets the clock of each and has its kernel's generator draw a key of its own. One
// state is older than vmagent, in the other its program runs.
func TestResumed(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64", "init=vmrecord/cmd/vmagent", "waker=./testdata/waker")
	if err != nil {
		t.Fatal(err)
	}
	g := f.boot(t, quick+" vmagent.run=/waker")
	g.connect(host.Virtual)
	for _, c := range []struct{ state, told, next string }{
		{"Run /init as init process", "start", "0"},
		{"== 0: ", "2", "3"},
	} {
		g.until(t, c.state)
		random := map[string]bool{}
		for day := range uint64(2) {
			random[g.resume(t, day, c.told, c.next)] = true
		}
		if len(random) != 2 {
			t.Errorf("from %q both drew the same", c.state)
		}
	}
}

// resume has a second machine go on from g's state, months later. Of what its program
// tells, it checks the date and returns the random number.
func (g *guest) resume(t *testing.T, day uint64, told, next string) string {
	t.Helper()
	const later = 100 * 24 * 3600
	h := g.fork(t)
	h.connect(host.Virtual)
	want := epoch + later + day*24*3600
	h.Redate(want)
	for _, in := range []vmm.Input{{Inlet: machine.Control, Data: []byte(live.Resumed)},
		{Inlet: vmm.InletEntropy, Data: fmt.Append(nil, "day ", day)}, live.Leap(h.Machine)} {
		h.Deliver(in)
	}
	h.until(t, "== "+told+": ")
	at := h.Now()
	h.until(t, "\n== "+next+": ")
	said := regexp.MustCompile(`resumed; the clock is now \S+Z\r\n(?s:.*)== ` + told + `: (\d+) (\w+)\r`).FindStringSubmatch(h.tx.String())
	if said == nil {
		t.Fatalf("nothing of a new clock:\n%s", h.tx.String())
	}
	date, now := uint64(0), want+uint64(at)/spec.Hz
	if _, err := fmt.Sscan(said[1], &date); err != nil || date+1 < now || date > now {
		t.Errorf("the guest's date is %d, the machine's %d", date, now)
	}
	return said[2]
}
