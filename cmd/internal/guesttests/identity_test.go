package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
)

// TestIdentity boots Linux, whose own account of the processor must be what
// CPUID says and nothing else. What it says of vulnerabilities is the matter of
// cmd/internal/linuxtest.
func TestIdentity(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	says, err := identity(256 << 20)
	if err != nil {
		t.Fatal(err)
	}
	c := &cpu.Core{Bus: bus{}}
	info, lscpu := pairs(says["cpuinfo"]), pairs(says["lscpu"])
	t.Run("numbers", func(t *testing.T) { numbers(t, c, info, lscpu) })
	t.Run("flags", func(t *testing.T) { flags(t, c, info["flags"], lscpu["Flags"]) })
	t.Run("caches", func(t *testing.T) { caches(t, c, says["cache"]) })
	if t.Failed() {
		for _, n := range slices.Sorted(maps.Keys(says)) {
			t.Logf("%s\n%s", n, says[n])
		}
	}
}

// A bus is what CPUID asks of the machine.
type bus struct{ cpu.Bus }

func (bus) Hz() uint64 { return vmm.DefaultHz }

// pairs reads lines of names and values with a colon between them.
func pairs(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, ":")
		m[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return m
}

// numbers: what is said twice or thrice is the same each time.
func numbers(t *testing.T, c *cpu.Core, info, lscpu map[string]string) {
	top, b0, cx0, d0 := c.CPUID(0, 0)
	sig, b1, _, _ := c.CPUID(1, 0)
	sigX, _, _, _ := c.CPUID(0x8000_0001, 0)
	sizes, _, cores, _ := c.CPUID(0x8000_0008, 0)
	khz, _, _, _ := c.CPUID(0x4000_0010, 0)
	if sig != sigX || uint64(khz)*1000 != vmm.DefaultHz {
		t.Errorf("signatures %x and %x, %d kHz", sig, sigX, khz)
	}
	var brand strings.Builder
	for leaf := range uint32(3) {
		brand.WriteString(text(c.CPUID(0x8000_0002+leaf, 0)))
	}
	family, model := sig>>8&15+sig>>20&0xff, sig>>4&15|sig>>16&15<<4
	address := fmt.Sprintf("%d bits physical, %d bits virtual", sizes&0xff, sizes>>8&0xff)
	bogomips := fmt.Sprintf("%.2f", 2*float64(khz)/1000)
	for _, x := range []struct{ info, lscpu, want string }{
		{"vendor_id", "Vendor ID", text(b0, d0, cx0, 0)},
		{"model name", "Model name", strings.TrimRight(brand.String(), "\x00")},
		{"cpu family", "CPU family", fmt.Sprint(family)},
		{"model", "Model", fmt.Sprint(model)},
		{"stepping", "Stepping", fmt.Sprint(sig & 15)},
		{"address sizes", "Address sizes", address},
		{"bogomips", "BogoMIPS", bogomips},
		{"siblings", "CPU(s)", fmt.Sprint(1 + cores&0xff)},
		{"siblings", "Thread(s) per core", "1"},
		{"cpu cores", "Core(s) per socket", "1"},
		{"cpu cores", "Socket(s)", "1"},
		{"processor", "On-line CPU(s) list", "0"},
		{"apicid", "NUMA node0 CPU(s)", fmt.Sprint(b1 >> 24)},
		{"cpuid level", "", fmt.Sprint(top)},
		{"cpu MHz", "", fmt.Sprintf("%.3f", float64(khz)/1000)},
		{"clflush size", "", fmt.Sprint(b1 >> 8 & 0xff * 8)},
		{"cache_alignment", "", "64"},
		{"", "Hypervisor vendor", "VMware"},
		{"", "CPU op-mode(s)", "32-bit, 64-bit"},
	} {
		if got := info[x.info]; x.info != "" && got != x.want {
			t.Errorf("/proc/cpuinfo: %s: %q, want %q", x.info, got, x.want)
		}
		if got := lscpu[x.lscpu]; x.lscpu != "" && got != strings.TrimRight(x.want, "\x00") {
			t.Errorf("lscpu: %s: %q, want %q", x.lscpu, got, x.want)
		}
	}
}

// text is the bytes of registers.
func text(regs ...uint32) string {
	var b []byte
	for _, r := range regs {
		b = append(b, byte(r), byte(r>>8), byte(r>>16), byte(r>>24))
	}
	return strings.TrimRight(string(b), "\x00")
}

// bits are CPUID's bits and Linux's names of them (its
// arch/x86/include/asm/cpufeatures.h), empty where it has none.
var bits = []struct {
	leaf, sub uint32
	reg       int // of EAX, EBX, ECX, EDX
	bits      map[int]string
}{
	{1, 0, 3, map[int]string{0: "fpu", 2: "de", 3: "pse", 4: "tsc", 5: "msr", 6: "pae", 7: "mce", 8: "cx8", 9: "apic", 11: "sep", 12: "mtrr",
		13: "pge", 14: "mca", 15: "cmov", 16: "pat", 17: "pse36", 19: "clflush", 23: "mmx", 24: "fxsr", 25: "sse", 26: "sse2"}},
	{1, 0, 2, map[int]string{0: "pni", 1: "pclmulqdq", 9: "ssse3", 13: "cx16", 17: "pcid", 19: "sse4_1", 20: "sse4_2", 21: "x2apic", 22: "movbe",
		23: "popcnt", 24: "tsc_deadline_timer", 25: "aes", 26: "xsave", 30: "rdrand", 31: "hypervisor"}},
	{6, 0, 0, map[int]string{2: "arat"}},
	{7, 0, 1, map[int]string{0: "fsgsbase", 7: "smep", 9: "erms", 10: "invpcid", 18: "rdseed", 19: "adx", 20: "smap", 23: "clflushopt", 24: "clwb", 29: "sha_ni"}},
	{7, 0, 2, map[int]string{2: "umip", 22: "rdpid"}},
	{7, 0, 3, nil},
	{0xd, 1, 0, map[int]string{0: "xsaveopt", 1: "xsavec", 2: "xgetbv1", 3: "xsaves"}},
	{0x8000_0001, 0, 2, map[int]string{0: "lahf_lm", 8: "3dnowprefetch", 22: "topoext"}},
	{0x8000_0001, 0, 3, map[int]string{0: "fpu", 2: "de", 3: "pse", 4: "tsc", 5: "msr", 6: "pae", 7: "mce", 8: "cx8", 9: "apic", 11: "syscall", 12: "mtrr",
		13: "pge", 14: "mca", 15: "cmov", 16: "pat", 17: "pse36", 20: "nx", 22: "mmxext", 23: "mmx", 24: "fxsr", 25: "fxsr_opt", 26: "pdpe1gb", 27: "rdtscp", 29: "lm"}},
	{0x8000_0007, 0, 3, map[int]string{8: "nonstop_tsc"}},
	{0x8000_0008, 0, 1, map[int]string{2: "xsaveerptr", 26: "", 29: ""}},
	{0x8000_0021, 0, 0, map[int]string{2: "", 6: "", 8: "ibrs_enhanced", 29: ""}},
	{0x8000_0021, 0, 2, map[int]string{1: "", 2: ""}},
}

// derived are the flags that Linux sets by its own rules, on a processor of
// this vendor, family and hypervisor.
var derived = []string{"constant_tsc", "rep_good", "nopl", "tsc_reliable", "cpuid", "extd_apicid", "tsc_known_freq", "vmmcall", "invpcid_single"}

// flags: each bit that CPUID claims has its name there, and there is no other.
func flags(t *testing.T, c *cpu.Core, info, lscpu string) {
	if info != lscpu {
		t.Errorf("lscpu's flags\n%s\n/proc/cpuinfo's\n%s", lscpu, info)
	}
	want := map[string]bool{}
	for _, name := range derived {
		want[name] = true
	}
	for _, l := range bits {
		var r [4]uint32
		r[0], r[1], r[2], r[3] = c.CPUID(l.leaf, l.sub)
		for bit := range 32 {
			name, known := l.bits[bit]
			if claimed := r[l.reg]>>bit&1 != 0; claimed != known {
				t.Errorf("CPUID %#x.%d register %d bit %d: %t, here %t", l.leaf, l.sub, l.reg, bit, claimed, known)
			}
			if name != "" {
				want[name] = true
			}
		}
	}
	got := strings.Fields(info)
	for _, f := range got {
		if !want[f] {
			t.Errorf("Linux sees %s, which CPUID does not claim", f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(got, f) {
			t.Errorf("CPUID claims %s, which Linux does not see", f)
		}
	}
}

// caches: leaves 8000_0005, 8000_0006 and 8000_001D and lscpu say the same.
func caches(t *testing.T, c *cpu.Core, text string) {
	_, _, l1d, l1i := c.CPUID(0x8000_0005, 0)
	_, _, l2, _ := c.CPUID(0x8000_0006, 0)
	want := []struct {
		name string
		size uint32 // KiB
		line uint32
	}{{"L1d", l1d >> 24, l1d & 0xff}, {"L1i", l1i >> 24, l1i & 0xff}, {"L2", l2 >> 16, l2 & 0xff}}
	lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
	if len(lines) != len(want) {
		t.Fatalf("%d caches, want %d", len(lines), len(want))
	}
	for i, w := range want {
		a, b, s, _ := c.CPUID(0x8000_001d, uint32(i))
		line, ways, sets := b&0xfff+1, b>>22+1, s+1
		kind := []string{"Data", "Instruction", "Unified"}[a&31-1]
		f := strings.Fields(lines[i]) // name, one's size, all's size, ways, type, level, sets, line
		size := strings.NewReplacer("K", "", "M", "").Replace(f[1])
		n, _ := strconv.ParseUint(size, 10, 32)
		if strings.HasSuffix(f[1], "M") {
			n <<= 10
		}
		says := fmt.Sprint(f[0], n, f[3:])
		is := fmt.Sprint(w.name, w.size, []string{fmt.Sprint(ways), kind, fmt.Sprint(a >> 5 & 7), fmt.Sprint(sets), fmt.Sprint(w.line)})
		if says != is || f[1] != f[2] || line*ways*sets != w.size<<10 || line != w.line {
			t.Errorf("lscpu: %s\nCPUID: %s of %d bytes in lines of %d", says, is, line*ways*sets, line)
		}
	}
}
