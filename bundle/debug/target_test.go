package debug

import (
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// TestLacks: what is said of memory that is not there, without paging.
func TestLacks(t *testing.T) {
	m := &vmm.Machine{Board: vmm.NewBoard(mem.New(make([]byte, 4*mem.PageBytes)), vmm.Config{}), CPU: new(cpu.State)}
	if got := none(m, 0x2010); got != "no memory at 0x2010" {
		t.Error(got)
	}
	m.Mem.Lack(2)
	for la, want := range map[uint64]string{
		0x2010: "0x2010 is not in this bundle (L1), ask for L2",
		0x4000: "no memory at 0x4000",
	} {
		if got := none(m, la); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	m.CPU.CR0 = cpu.CR0PG | 1 // tables of zeros: nothing is mapped
	want := "no memory at 0x2010, or it is not in this bundle (L1), ask for L2"
	if got := none(m, 0x2010); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
