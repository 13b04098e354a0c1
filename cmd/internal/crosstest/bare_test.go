package crosstest

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/texttest"
)

var update = flag.Bool("update", false, "rewrite the golden")

const golden = "testdata/bare.golden"

const goldenHead = `# The tape of the bare-metal guest: every input with the digest of the registers
# that it met, every heartbeat with its chained total and where there is one the
# hash of all memory, and the end. Every kind of host records the same. When
# this changes, a guest can tell: raise vmm.Model and say why there.
# go test -run TestGolden -update rewrites this file.
`

// bareSpec is a machine with a timer interrupt every 8000 instants.
func bareSpec() machine.Spec {
	return machine.Spec{Memory: 2 << 20, Hz: 8_000_000, DebugExit: true, Control: true, MaxRecordings: 1000,
		UUID: strings.Repeat("5a", 16)}
}

// bareInputs are keys and leaps, some of them together, while the guest works
// in rounds, and then the keys that have it record, fail and finish. Early keys
// are obeyed after the rounds; those that mean nothing cost a round each.
func bareInputs() (in []vmm.Input) {
	add := func(at vmm.Instant, inlet string, data []byte) {
		in = append(in, vmm.Input{At: at, Inlet: inlet, Data: data})
	}
	leap := func(at vmm.Instant, n uint64) { add(at, vmm.InletLeap, binary.LittleEndian.AppendUint64(nil, n)) }
	at := vmm.Instant(20_011)
	for i, k := range "early birds watch the clock" {
		add(at, machine.ConsoleIn, []byte(string(k)))
		if i%3 == 0 {
			leap(at, uint64(i)*617+1)
		}
		at += 700_001
	}
	for i, k := range "rwkrwdrxf" {
		at += 100_003
		if i%2 == 0 {
			leap(at, 16_000)
		}
		add(at, machine.ConsoleIn, []byte(string(k)))
	}
	add(at+2_000_000, machine.ConsoleIn, []byte("q"))
	return in
}

// recordBare records the bare-metal guest from its first instant to its end.
func recordBare(t *testing.T) string {
	t.Helper()
	m := power(t, bareSpec(), bareInputs())
	if err := pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{Work: 18e6, APIC: true, Float: true, Keys: true})}); err != nil {
		t.Fatal(err)
	}
	return record(t, "bare", m, bareSpec(), 1<<40)
}

// TestGolden is run by the other hosts, too.
func TestGolden(t *testing.T) {
	got := goldenHead + lines(t, recordBare(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	texttest.Same(t, golden, got, string(want))
}

// lines is a bundle's tape as text.
func lines(t *testing.T, name string) string {
	t.Helper()
	b, err := bundle.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := b.Tape()
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	var last []vmm.Digest
	h := r.Header()
	for {
		f, err := r.Next()
		if err == io.EOF {
			return s.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch f.Kind {
		case tape.KindInput:
			fmt.Fprintf(&s, "input %s %s %x, registers %08x\n", f.Pos, f.Input.Inlet, f.Input.Data, f.Regs)
		case tape.KindHeartbeat:
			last = append(last[:0], f.Beat.Digests...)
			fmt.Fprintf(&s, "beat %s, retired %d, total %016x", f.Pos, f.Beat.Retired, f.Beat.Total)
			if f.Beat.HasRoot {
				fmt.Fprintf(&s, ", memory %.8x", f.Beat.Root)
			}
			fmt.Fprintln(&s)
		case tape.KindFooter:
			for i, n := range h.Sections {
				fmt.Fprintf(&s, "%016x %s\n", last[i], n)
			}
			fmt.Fprintf(&s, "end %s, %d inputs, %d heartbeats, retired %d\n%x end\n%x console of %d bytes\n",
				f.Pos, f.Footer.Frames.Inputs, f.Footer.Frames.Heartbeats, f.Footer.Retired, f.Footer.End, f.Footer.Console, f.Footer.ConsoleBytes)
		}
	}
}
