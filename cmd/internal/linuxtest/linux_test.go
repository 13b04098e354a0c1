package linuxtest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm/host"
)

// early are keys typed while nobody reads yet: more than the UART's FIFO holds.
const early = "typed before anybody reads, and kept"

// TestLinux boots once. What follows goes on from where the probe obeys keys,
// each time in a new machine.
func TestLinux(t *testing.T) {
	g := boot(t, cmdline)
	keys := g.connect(host.Virtual)
	g.until(t, "== up")
	keys.At(g.Now()+piece, []byte(early))
	g.until(t, "== check idle")
	before := g.Retired()
	g.until(t, "== check ticker")
	slept := g.Retired() - before
	g.until(t, "== ready")
	keys.At(g.Now()+piece, []byte("!"))
	g.until(t, `key '!'`)
	t.Logf("%d million instructions to the keyboard, %d in 10 s of sleep", g.Retired()/1e6, slept)

	t.Run("says", func(t *testing.T) { says(t, g.tx.String()) })
	t.Run("idle", func(t *testing.T) {
		if slept > piece {
			t.Errorf("10 s of sleep took %d instructions", slept)
		}
	})
	t.Run("ends", func(t *testing.T) { ends(t, g) })
	t.Run("recorded", func(t *testing.T) { recorded(t, g) })
}

// sections splits what the probe printed.
func sections(console string) map[string]string {
	m := map[string]string{}
	for _, s := range strings.Split(strings.ReplaceAll(console, "\r\n", "\n"), "\n== ")[1:] {
		name, text, _ := strings.Cut(s, "\n")
		m[name] = text
	}
	return m
}

// facts are what sections must say, as regular expressions; ! before one says
// that it must not match.
var facts = []struct{ section, want string }{
	{"kmsg", `Hypervisor detected: VMware\n`},
	{"kmsg", `vmware: TSC freq read from hypervisor : 4000\.000 MHz\n`},
	{"kmsg", `tsc: Detected 4000\.000 MHz processor\n`},
	{"kmsg", `Calibrating delay loop \(skipped\) preset value`},
	{"kmsg", `TSC deadline timer available`},
	{"kmsg", `x86/PAT: Configuration \[0-7\]: WB  WC  UC- UC  WB  WP  UC- WT`},
	{"kmsg", `i8042: PNP: PS/2 Controller \[PNP0303:KBD,PNP0f13:AUX\] at 0x60,0x64 irq 1,12\n`},
	{"kmsg", `NX \(Execute Disable\) protection: active`},
	{"kmsg", `IOAPIC\[0\]: apic_id 0, version \d+, address 0xfec00000, GSI 0-23\n`},
	{"kmsg", `ACPI: Using IOAPIC for interrupt routing`},
	{"kmsg", `ACPI: PM: \(supports S0 S5\)`},
	{"kmsg", `ttyS0 at I/O 0x3f8 \(irq = 4, base_baud = 115200\) is a 16550A`},
	{"kmsg", `rtc_cmos .* setting system clock to 2026-09-21T14:15:2\d UTC`},
	{"kmsg", `x86/mm: Checked W\+X mappings: passed`},
	{"kmsg", `x86/fpu: Supporting XSAVE feature 0x002: .SSE registers.\n`},
	{"kmsg", `x86/fpu: Enabled xstate features 0x3, context size is 576 bytes, using .compacted. format\.`},
	{"kmsg", `alg: self-tests for .* passed`},
	{"kmsg", `!<[0-4]>`}, // no record at all of level warning or above
	{"kmsg", `!(?i)unchecked MSR|WARNING:|BUG:|Call Trace|calibration failed|unstable|firmware bug|alg: .* fail|deactivated|spurious`},

	{"/sys/devices/system/clocksource/clocksource0/current_clocksource", `^tsc$`},

	{"/proc/cpuinfo", `vendor_id\s*: AuthenticAMD\n`},
	{"/proc/cpuinfo", `cpu family\s*: 25\nmodel\s*: 17\n`},
	{"/proc/cpuinfo", `cpu MHz\s*: 4000\.000\n`},
	{"/proc/cpuinfo", `bugs\s*: sysret_ss_attrs spectre_v1 spectre_v2\n`},
	{"/proc/cpuinfo", `flags.* constant_tsc .*nonstop_tsc.* tsc_known_freq `},
	{"/proc/cpuinfo", `flags.* pni pclmulqdq ssse3 cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave rdrand hypervisor `},
	{"/proc/cpuinfo", `flags.* arat`},
	{"/proc/cpuinfo", `flags.* fsgsbase smep erms invpcid rdseed adx smap .*sha_ni xsaveopt xsavec xgetbv1 xsaves`},
	{"/proc/cpuinfo", `!flags.* (pti|retpoline|ibpb|ibrs|stibp|avx|pku|monitor)\b`},

	{"/proc/iomem", `\n00100000-0fffffff : System RAM\n`},
	{"/proc/iomem", `\nc0000000-febfffff : PCI Bus 0000:00\n`},
	{"/proc/iomem", `\nfec00000-fec003ff : IOAPIC 0\nfee00000-fee00fff : Local APIC$`},
	{"/proc/ioports", `  0608-060b : ACPI PM_TMR\n`},
	{"/proc/ioports", `  03f8-03ff : serial\n`},

	{"/proc/interrupts", `\n +4: +[1-9]\d+ +IO-APIC +4-edge +ttyS0\n`},
	{"/proc/interrupts", `\n +8: +0 +IO-APIC +8-edge +rtc0\n`},
	{"/proc/interrupts", `\n +9: +0 +IO-APIC +9-fasteoi +acpi\n`},
	{"/proc/interrupts", `\nLOC: +[1-9]\d\d +`},
	{"/proc/interrupts", `\n *ERR: +0\n *MIS: +0\n`},
	{"/proc/interrupts", `\nSPU: +0 `},
	{"/proc/interrupts", `!XT-PIC`},
}

func says(t *testing.T, console string) {
	s := sections(console)
	for _, f := range facts {
		text, there := s[f.section]
		want, never := strings.CutPrefix(f.want, "!")
		found := regexp.MustCompile(want).FindString(text)
		if !there || (found != "") == never {
			t.Errorf("%s: found %q, want %s in\n%s", f.section, found, f.want, text)
		}
	}
	vulnerabilities(t, s["/sys/devices/system/cpu/vulnerabilities/*"])
	clock, _, _ := strings.Cut(s["up"], "\n")
	if up, err := strconv.ParseInt(clock, 10, 64); err != nil || up < epoch || up > epoch+2 {
		t.Errorf("the guest's date is %q, want %d", clock, epoch)
	}
	checks := 0
	for name, text := range s {
		if strings.HasPrefix(name, "check ") {
			if checks++; text != "ok" {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	if checks != 9 || strings.Contains(console, "FAILED") {
		t.Errorf("%d checks, some failed:\n%s", checks, console)
	}
	typed := ""
	for _, m := range regexp.MustCompile(`(?m)^key ('.*')\r?$`).FindAllStringSubmatch(console, -1) {
		c, _ := strconv.Unquote(m[1])
		typed += c
	}
	if typed != early+"!" {
		t.Errorf("keys read: %q, want %q", typed, early+"!")
	}
}

// vulnerabilities must be none, but for what costs nothing.
func vulnerabilities(t *testing.T, text string) {
	free := map[string]string{
		"spectre_v1": "Mitigation: usercopy/swapgs barriers and __user pointer sanitization",
		"spectre_v2": "Mitigation: Enhanced / Automatic IBRS; STIBP: disabled; PBRSB-eIBRS: Not affected; BHI: Not affected",
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 15 {
		t.Errorf("%d vulnerabilities", len(lines))
	}
	for _, l := range lines {
		name, how, _ := strings.Cut(l, ": ")
		if want, ok := free[name]; how != "Not affected" && (!ok || how != want) {
			t.Error(l)
		}
		t.Log(l)
	}
}
