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
// sets the clock of each and has its kernel's generator draw a key of its own.
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
	g.until(t, "== 0: ")
	random := map[string]bool{}
	for day := range uint64(2) {
		const later = 100 * 24 * 3600
		h := g.fork(t)
		h.connect(host.Virtual)
		want := epoch + later + day*24*3600
		h.Redate(want)
		for _, in := range []vmm.Input{{Inlet: machine.Control, Data: []byte(live.Resumed)},
			{Inlet: vmm.InletEntropy, Data: fmt.Append(nil, "day ", day)}, live.Leap(h.Machine)} {
			h.Deliver(in)
		}
		h.until(t, "== 2: ")
		h.until(t, "\n== 3: ")
		said := regexp.MustCompile(`resumed; the clock is now \S+Z\r\n(?s:.*)== 2: (\d+) (\w+)\r`).FindStringSubmatch(h.tx.String())
		if said == nil {
			t.Fatalf("nothing of a new clock:\n%s", h.tx.String())
		}
		at, now := uint64(0), want+uint64(h.Now())/spec.Hz
		if _, err := fmt.Sscan(said[1], &at); err != nil || at+3 < now || at > now {
			t.Errorf("the guest's date is %d, the machine's %d", at, now)
		}
		random[said[2]] = true
	}
	if len(random) != 2 {
		t.Error("both drew the same")
	}
}
