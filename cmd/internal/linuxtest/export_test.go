package linuxtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"vmrecord/vmm/texttest"
)

// exported writes a running Linux as a core file, from its bundle, and has tools
// open it that people use for those of kdump. None is given the kernel's debug
// information, which is half a gigabyte.
func exported(t *testing.T, ready *guest, release string) {
	dir := t.TempDir()
	computing(t, ready.fork(t), filepath.Join(dir, "linux.vmb"))
	l, err := ready.guestOS()
	if err != nil {
		t.Fatal(err)
	}
	init, err := program("amd64", "./testdata/tasks")
	if err != nil {
		t.Fatal(err)
	}
	banner, _ := l.Symbol("linux_banner")
	look := fmt.Sprintf("print(prog['UTS_RELEASE'].string_().decode())\nprint(prog.read(%#x, 14).decode())\n", banner.Addr)
	for name, b := range map[string][]byte{"init": init, "look.py": []byte(look)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	buildVMBundle(t, dir)
	for _, c := range []struct {
		command string
		says    []string // regular expressions, in this order
	}{
		{"./vmbundle export linux.vmb --format vmcore --at 50% -o core", nil},
		{"./vmbundle export linux.vmb --format symbols --at 50% -o kernel.elf", nil},
		{"readelf -n core", []string{`CORE +0x00000150\s+NT_PRSTATUS`, `VMCOREINFO`}},
		{"gdb -nx -batch -ex 'x/s &linux_banner' -ex 'x/i &schedule' -ex 'info threads' kernel.elf core",
			[]string{`<linux_banner>:\s+"Linux version ` + release + ` `, `<schedule>:`, `LWP 1 `}},
		// The program's stack is behind the kernel's, should that be at work.
		{"gdb -nx -batch -ex 'add-symbol-file init' -ex bt kernel.elf core", []string{`in main\.\w+ \(.*main\.go:\d+\n`, `in runtime\.main \(`}},
		{"drgn -q -c core --no-default-symbols look.py", []string{release + "\nLinux version \n"}},
		{"makedumpfile --dump-dmesg core log && cat log", []string{`\] Linux version ` + release + ` `, `\] Run /init as init process`}},
		{"crash --osrelease core", []string{release}},
		{"./vmbundle export linux.vmb --format pprof --period 10000 -o profile", nil},
		{"./vmbundle export linux.vmb --format pprof --period 10000 --engine interp -o - | cmp - profile", nil},
		{"PPROF_BINARY_PATH=. go tool pprof -top -cum -nodefraction=0 profile",
			[]string{`Type: instructions`, `runtime\.main\n`, `asm_sysvec_apic_timer_interrupt\n`, `hrtimer_interrupt\n`}},
		{"./vmbundle export linux.vmb --format pprof --period 10000 --symbols . -o named && go tool pprof -top -nodefraction=0 named", []string{` main\.\w+\n`}},
		// The interrupt's callers are above it: what it interrupted.
		{"PPROF_BINARY_PATH=. go tool pprof -peek '^asm_sysvec_apic_timer_interrupt$' profile",
			[]string{`\| +main\.\w+\n`, `\| asm_sysvec_apic_timer_interrupt\n`, `\| +sysvec_apic_timer_interrupt\n`}},
	} {
		cmd := exec.Command("sh", "-c", c.command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", c.command, err, out)
			continue
		}
		texttest.InOrder(t, string(out), c.says)
	}
	i, err := os.Stat(filepath.Join(dir, "core"))
	if err != nil {
		t.Fatal(err)
	}
	const block = 512 // of st_blocks (stat(3type))
	if held := i.Sys().(*syscall.Stat_t).Blocks * block; i.Size() < int64(spec.Memory)-1<<20 || held > i.Size()/2 {
		t.Errorf("a core of %d bytes for %d of memory takes %d on the disk, want holes for pages of zeros", i.Size(), spec.Memory, held)
	}
}
