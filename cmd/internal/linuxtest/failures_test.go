package linuxtest

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vmrecord/backdoor"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/guestkernel"
)

// failures are what the machine must hear of each way to fail in testdata/fails, as
// regular expressions.
var failures = []string{
	`start \d+ well`, `stop drop`,
	`start \d+ badly`, `fail badly ended with 7`, `stop keep`,
	`start \d+ segv`, `attr core.program /c64`, `attr core.build-id [0-9a-f]{40}`, `fail c64 ended by a signal: segmentation fault at 0x4\w+`, `stop keep`,
	`start \d+ segv`, `attr core.program /c32`, `attr core.build-id [0-9a-f]{40}`, `fail c32 ended by a signal: segmentation fault at 0x8\w+`, `stop keep`,
	`start \d+ goroutine`, `fail panic: total is 999 993; goroutine \d+ \[running\]:; main\.fail\.func1\(.*fails/main\.go:\d+.*`, `stop keep`,
	`start \d+ runtime`, `fail panic: assignment to entry in nil map; goroutine 1 \[running\]:; main\.fail\(.*`, `stop keep`,
	`start \d+ leaves`, `fail /fails leaves: ended while it recorded`, `stop keep`,
	`start \d+ killed`, `fail /fails killed: ended by a signal: killed`, `stop keep`,
	`start \d+ watched`, `fail no heartbeat for 2s`, `stop keep`,
	`start \d+ x+`, `attr k x+`, `attr x+ x+`, `mark x+`, `stop drop`,
}

// told are the facts of that guest.
var told = []string{`kernel.release\|6\.\d\S+`, `kernel.build-id\|[0-9a-f]{40}`, `kernel.vmcoreinfo\|\w+ \w+`, `program.fails\|\S{40,}`}

// TestFailures has a guest fail in every way that is found inside of it.
func TestFailures(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	dir := t.TempDir()
	programs := []string{"init=vmrecord/cmd/vmagent", "fails=./testdata/fails"}
	for _, bits := range []string{"64", "32"} {
		out := filepath.Join(dir, "c"+bits)
		c := exec.Command("gcc", "-m"+bits, "-static", "-O2", "-Wl,--build-id", "-I../../../guestagent/sdk/files", "-o", out, "testdata/guard.c")
		if b, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v (Debian: gcc-multilib): %v\n%s", c, err, b)
		}
		programs = append(programs, "c"+bits+"="+out)
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64", programs...)
	if err != nil {
		t.Fatal(err)
	}
	g := f.boot(t, quick+" vmagent.run=/fails vmagent.serve=/fails")
	heard := g.asks(t)
	console := g.tx.String()
	if strings.Contains(console, "FAILED") || !strings.Contains(console, "== done") {
		t.Errorf("the console says\n%s", tail(g.tx.Bytes()))
	}
	match(t, heard, failures)
	match(t, pairs(g.Device(machine.Backdoor).(*backdoor.Backdoor).Facts()), told)
	call := regexp.MustCompile(`== longest call (\S+)`).FindStringSubmatch(console)
	if call == nil {
		t.Fatal("no call was timed")
	}
	if d, err := time.ParseDuration(strings.TrimSpace(call[1])); err != nil || d <= 0 || d > time.Millisecond {
		t.Errorf("the longest call took %s of the guest's time (%v)", call[1], err)
	}
	t.Logf("the longest call took %s of the guest's time", call[1])
}

// match compares lines with what they must be.
func match(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !regexp.MustCompile("^"+want[i]+"$").MatchString(got[i]) {
			t.Errorf("line %d: heard\n%s\nwant\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
			return
		}
	}
}

func pairs(list []string) (lines []string) {
	for ; len(list) >= 2; list = list[2:] {
		lines = append(lines, list[0]+"|"+list[1])
	}
	return lines
}
