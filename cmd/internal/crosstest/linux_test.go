package crosstest

import (
	"encoding/binary"
	"strings"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/cmd/internal/rig"
	"vmrecord/configs/guestkernel"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
)

const cmdline = "earlyprintk=ttyS0 console=ttyS0 panic=-1 cryptomgr.notests"

func linuxSpec() machine.Spec {
	return machine.Spec{Memory: 128 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("5a", 16)}
}

// recordLinux records pieces of one boot: the decompressor from the first
// instant, the kernel where it builds its page tables and reads ACPI's, and
// where it has interrupts and patches its code.
func recordLinux(t *testing.T) (names []string) {
	t.Helper()
	var in []vmm.Input
	for i, at := range []vmm.Instant{3_000_001, 7_000_003, 109_000_007, 115_000_009, 189_000_001, 193_000_013} {
		leap := binary.LittleEndian.AppendUint64(nil, uint64(1_000_003*(i+1)))
		in = append(in, vmm.Input{At: at, Inlet: machine.ConsoleIn, Data: []byte{"linux!"[i]}},
			vmm.Input{At: at + vmm.Instant(i), Inlet: vmm.InletLeap, Data: leap})
	}
	m := power(t, linuxSpec(), in)
	kernel, _, err := rig.Kernel(guestkernel.Cloud)
	if err == nil {
		err = pc.BootLinux(m, firmware.Linux{Kernel: kernel, Append: cmdline})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		from vmm.Instant
	}{{"decompressor", 0}, {"tables", 107_000_001}, {"interrupts", 186_000_001}} {
		if e := m.Run(c.from); e != vmm.Reached {
			t.Fatalf("exit %d at %s: %v", e, m.Position(), m.Err())
		}
		names = append(names, record(t, c.name, m, linuxSpec(), 12e6))
	}
	return names
}
