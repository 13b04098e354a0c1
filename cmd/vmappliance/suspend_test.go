package main

import (
	"regexp"
	"syscall"
	"testing"
	"time"
)

// A computer that sleeps stops our program in the middle of whatever it does. Guest
// and recording go on when it wakes, and the recording and what the ring saves
// replay.
func TestSuspended(t *testing.T) {
	s := newSandbox(t)
	s.write("a.toml", []byte(`[appliance]
name = "a"
version = "1"
[machine]
memory = "16M"
kernel = "keys-guest"
[record]
features = ["x"]
[record.ring]
min_age = 1
epoch = 1
tail = 0
[consent]
mode = "never"
`))
	s.write("keys", []byte("100ms \"x\"\n+20ms \"x\" x 2000\n")) // work for the guest all the time
	c := s.command("vmappliance", "run", "a.toml", "--recordings", "recs", "--keys", "keys", "--events", "events")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	await := func(event string) {
		t.Helper()
		if b, ok := waitFor(s.path("events"), regexp.MustCompile(event)); !ok {
			t.Fatalf("no %s in %s", event, b)
		}
	}
	suspend := func() {
		t.Helper()
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := c.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
	}
	record := func(a ...string) {
		t.Helper()
		s.want(0, append(append([]string{"vmappliance", "record"}, a...), "--recordings", "recs"))
	}
	await(`"epoch"`)
	suspend()
	record("save", "awake")
	await(`"saved".*"awake"`)
	record("start", "x")
	await(`"durable"`)
	suspend()
	record("mark", "awake again")
	await(`"awake again"`)
	record("stop", "keep")
	list := s.want(0, []string{"vmappliance", "recordings", "list", "--recordings", "recs"}).out
	names := regexp.MustCompile(`(?m)^\d{6}`).FindAllString(list, -1)
	if len(names) != 2 {
		t.Fatalf("want two recordings:\n%s", list)
	}
	for i, mark := range []string{"awake", "awake again"} {
		bundle := names[i] + ".vmb"
		s.want(0, []string{"vmbundle", "pack", "recs/" + names[i], bundle})
		s.want(0, []string{"vmbundle", "replay", bundle, "--json"}, `"identical": true`, `"truncated": false`)
		s.want(0, []string{"vmbundle", "inspect", bundle}, `"`+mark+`"`)
	}
}
