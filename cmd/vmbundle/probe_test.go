package main

import (
	"strings"
	"testing"
)

// often is the address of the port access that is made most often.
func often(trace string) (addr string) {
	count := map[string]int{}
	for line := range strings.Lines(trace) {
		a := "0x" + strings.TrimLeft(strings.Fields(line)[2], "0")
		if count[a]++; count[a] > count[addr] {
			addr = a
		}
	}
	return addr
}

// An address is probed in the order of what happens, on both engines alike, as
// far as was asked; what cannot be probed is refused.
func TestProbe(t *testing.T) {
	m := newMade(t)
	io := vmbundle(t, "", "trace", m.file, "--what", "io", "--from", "start", "--to", "end").want(t, 0)
	addr := often(io.out)
	all := vmbundle(t, "", "probe", m.file, addr, "--print", "rip,rdx,*rsp:8,*rsp-1:3,regs")
	all.want(t, 0, "rip="+addr+" rdx=0x", "*rsp:8=0x", "    rax    0x", "(0.0")
	n := strings.Count(all.out, " rip=")
	other := vmbundle(t, "", "probe", m.file, addr, "--print", "rip,rdx,*rsp:8,*rsp-1:3,regs", "--engine", "interp")
	if other != all || n < 10 {
		t.Errorf("%d times; on the other engine: %s\nwas: %s", n, other, all)
	}
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{addr + " --limit 3 --format ndjson", 0, `,"addr":"` + addr + `"}`},
		{addr + " --from @middle --to @middle", 0, "was not reached"},
		{addr + " --process init", 0, "was not reached"},
		{"0x77777777", 0, "was not reached"},
		{addr + " --print args", 2, "no function begins"},
		{addr + " --return", 2, "has no return"},
		{"main.main", 3, "no Linux"},
		{"main.go:7", 3, "--symbols DIR"},
		{addr + " --symbols /nowhere", 3, "no such file"},
		{addr + " --print rax,(", 2, "cannot print"},
		{addr + " --print *rax:9999", 2, "from 1 to 4096"},
		{addr + " --print rax:8", 2, "goes with memory"},
		{addr + " --format ndjsn", 2, "text, ndjson; did you mean ndjson?"},
		{addr + " --at failure", 2, "probe --help"},
		{addr + " --from 50% --to 10%", 2, "is behind"},
		{addr + " --from @nowhere", 2, "no such mark"},
		{"", 2, "takes 2 arguments"},
	} {
		r := vmbundle(t, "", append([]string{"probe", m.file}, strings.Fields(c.args)...)...)
		r.want(t, c.status, c.says)
		if strings.Contains(c.args, "--limit 3") && strings.Count(r.out, "\n") != 3 {
			t.Errorf("a limit of 3: %s", r)
		}
	}
	vmbundle(t, "", "probe", "none.vmb", addr).want(t, 3)
	half := vmbundle(t, "", "probe", m.file, addr, "--from", "@middle")
	if rest := strings.Count(half.out, "\n"); rest == 0 || rest >= n {
		t.Errorf("%d times in all, %d after the middle: %s", n, rest, half)
	}
}
