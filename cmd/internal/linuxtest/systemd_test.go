package linuxtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/backdoor"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/cpio"
	"vmrecord/configs/guestkernel"
	"vmrecord/guestagent/sdk"
	"vmrecord/vmm/texttest"
)

// fromHost are programs of this computer that the guest has, and fromSystemd units of
// its systemd, as Debian has them.
var (
	fromHost = []string{"/lib/systemd/systemd", "/lib/systemd/systemd-journald", "/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-shutdown",
		"/bin/systemctl", "/bin/systemd-notify", "/bin/busybox"}
	fromSystemd = []string{"sysinit.target", "basic.target", "sockets.target", "timers.target", "paths.target", "slices.target", "local-fs.target",
		"swap.target", "multi-user.target", "shutdown.target", "umount.target", "final.target", "poweroff.target", "systemd-poweroff.service",
		"systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-sysctl.service"}
)

// enabled are symbolic links: the shell's programs, and what systemctl enable makes.
var enabled = map[string]string{
	"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "init": "usr/lib/systemd/systemd",
	"usr/bin/sh": "busybox", "usr/bin/cat": "busybox", "usr/bin/grep": "busybox", "usr/bin/sleep": "busybox", "usr/bin/test": "busybox",
	"etc/systemd/system/default.target":                                       "/lib/systemd/system/multi-user.target",
	"etc/systemd/system/sysinit.target.wants/systemd-journald.service":        "/lib/systemd/system/systemd-journald.service",
	"etc/systemd/system/sysinit.target.wants/systemd-sysctl.service":          "/lib/systemd/system/systemd-sysctl.service",
	"etc/systemd/system/sysinit.target.wants/vmrecord.service":                "/etc/systemd/system/vmrecord.service",
	"etc/systemd/system/sockets.target.wants/systemd-journald.socket":         "/lib/systemd/system/systemd-journald.socket",
	"etc/systemd/system/sockets.target.wants/systemd-journald-dev-log.socket": "/lib/systemd/system/systemd-journald-dev-log.socket",
	"etc/systemd/system/multi-user.target.wants/story.service":                "/etc/systemd/system/story.service",
}

// etc are files of that guest; systemd-coredump sets the handler of core files, too.
var etc = map[string]string{
	"etc/os-release": "NAME=shop\nID=shop\n", "etc/machine-id": strings.Repeat("5a", 16) + "\n",
	"etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "etc/group": "root:x:0:\nnogroup:x:65534:\n",
	"etc/sysctl.d/50-coredump.conf": "kernel.core_pattern=|/bin/false\n",
}

// services are what the machine must hear of systemd's guest, as regular expressions.
var services = []string{
	`start \d+ fails`, `fail unit fails.service failed: exit-code 3`, `stop keep`,
	`start \d+ dumps`, `attr core.program /usr/bin/busybox`, `attr core.build-id [0-9a-f]{40}`, `fail sh ended by a signal: segmentation fault at 0x4\w+`, `stop keep`,
	`start \d+ import`, `fail no heartbeat for 30s`, `stop keep`,
	`start \d+ import`, `stop drop`,
	`start \d+ import`, `fail unit import.service failed: signal KILL`, `stop keep`,
	`start \d+ import`, `stop drop`,
}

// storyOf is what that guest says of itself.
var storyOf = []string{`== boot\n\|/usr/bin/vmagent core`, `== silent\nactive\ninactive\n`, `== stopped\nidle \d+\ninactive\n`,
	`== killed\nrecording \d+ import\nidle \d+\n`, `== done\n`, `Power down`}

// TestSystemd boots this computer's systemd, with the SDK's units installed as they
// say themselves, and has services fail, stop and restart.
func TestSystemd(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	if f.initrd, err = cpio.BuildInitramfs(systemdFiles(t)); err != nil {
		t.Fatal(err)
	}
	g := f.boot(t, quick+" quiet systemd.log_color=0")
	heard := g.asks(t)
	texttest.InOrder(t, strings.ReplaceAll(g.tx.String(), "\r", ""), storyOf)
	match(t, heard, services)
	match(t, pairs(g.Device(machine.Backdoor).(*backdoor.Backdoor).Facts()), told[:3])
	t.Logf("%d million instructions", g.Retired()/1e6)
}

// systemdFiles are the guest's.
func systemdFiles(t *testing.T) []cpio.File {
	t.Helper()
	in := []cpio.File{{Name: "dev/console", Mode: cpio.Char | 0o600, Major: 5, Minor: 1}, {Name: "tmp", Mode: cpio.Dir | 0o1777}}
	add := func(name string, mode uint32, data []byte) {
		in = append(in, cpio.File{Name: name, Mode: mode, Data: data})
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v (Debian: systemd, busybox-static)", err)
		}
		return b
	}
	for _, path := range withLibraries(t, fromHost) {
		add(underUsr(path), cpio.Regular|0o755, read(path))
	}
	for _, name := range fromSystemd {
		add("usr/lib/systemd/system/"+name, cpio.Regular|0o644, read("/lib/systemd/system/"+name))
	}
	agent, err := program("amd64", "vmrecord/cmd/vmagent")
	if err != nil {
		t.Fatal(err)
	}
	add("usr/bin/vmagent", cpio.Regular|0o755, agent)
	units := t.TempDir()
	written, err := sdk.Write("systemd", units, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range written {
		name := strings.Replace(filepath.Base(path), "example", "import", 1)
		add("etc/systemd/system/"+name, cpio.Regular|0o644, read(path))
	}
	own, _ := filepath.Glob("testdata/systemd/*")
	for _, path := range own {
		name := "etc/systemd/system/" + filepath.Base(path)
		if filepath.Ext(path) != ".service" {
			name = "opt/shop/" + filepath.Base(path)
		}
		add(name, cpio.Regular|0o755, read(path))
	}
	for name, text := range etc {
		add(name, cpio.Regular|0o644, []byte(text))
	}
	for name, target := range enabled {
		add(name, cpio.Symlink|0o777, []byte(target))
	}
	return in
}

// withLibraries are the files and what ldd says that they need.
func withLibraries(t *testing.T, files []string) (all []string) {
	t.Helper()
	have := map[string]bool{}
	for _, f := range files {
		out, _ := exec.Command("ldd", f).Output() // a static program is an error
		for _, path := range append(regexp.MustCompile(`/\S+`).FindAllString(strings.ReplaceAll(string(out), f+":", ""), -1), f) {
			if name := underUsr(path); !have[name] {
				have[name] = true
				all = append(all, path)
			}
		}
	}
	return all
}

// underUsr is a file's place below the root.
func underUsr(path string) string { return "usr/" + strings.TrimPrefix(path[1:], "usr/") }
