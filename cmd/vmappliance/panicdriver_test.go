package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/rig"
	"vmrecord/configs/guestkernel"
)

// panicStory is what the guest does: its kernel's driver finds the device in the
// ACPI namespace, and tells it of a panic.
const panicStory = `set -e
insmod /pvpanic.ko
insmod /pvpanic-mmio.ko
grep -H . /sys/bus/platform/drivers/pvpanic-mmio/QEMU0001:00/capability
grep QEMU0001 /proc/ioports
vmagent start x
echo c >/proc/sysrq-trigger
`

// TestPanicDriver has Debian's kernel panic that has Linux's own driver for the
// pvpanic device (drivers/misc/pvpanic). The console is no trigger here.
func TestPanicDriver(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	s := newSandbox(t)
	kernel, drivers := debianWithDrivers(t)
	if _, err := rig.Go("build", "-trimpath", "-o", s.path("vmagent"), "vmrecord/cmd/vmagent"); err != nil {
		t.Fatal(err)
	}
	s.write("story", []byte(panicStory))
	build := []string{"vmappliance", "build", "--initramfs", "initrd", "--file", "init=vmagent", "--link", "bin/vmagent=/init",
		"--file", "bin/busybox=/bin/busybox", "--file", "story=story"}
	for _, name := range []string{"sh", "insmod", "grep"} {
		build = append(build, "--link", "bin/"+name+"=busybox")
	}
	for _, name := range []string{"pvpanic.ko", "pvpanic-mmio.ko"} {
		build = append(build, "--file", name+"="+filepath.Join(drivers, name))
	}
	s.want(0, build)
	const machine = `
memory = "128M"
initrd = "initrd"
append = 'console=ttyS0 panic=-1 cryptomgr.notests vmagent.run="/bin/sh /story"'
kernel = "`
	config := strings.NewReplacer("\nmemory = \"16M\"", "", "\nkernel = \"guest", machine+kernel, "RECORD", "[[record.feature]]\nname = \"x\"\n[record.triggers]\nserial = []\n")
	s.write("a.toml", []byte(config.Replace(triggersConfig)))
	r := s.run("vmappliance", "run", "a.toml", "--seed", "1", "--no-reboot", "--events", "events", "--recordings", "recs")
	for _, want := range []string{`driver\S*capability:3\s`, `0505-0505 : QEMU0001:00`} {
		if !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("the console has no %s", want)
		}
	}
	b, err := os.ReadFile(s.path("events"))
	if want := `(?s)"start".*"fail","text":"the guest's kernel panicked \(pvpanic\)".*"kept":true.*"end"`; err != nil || !regexp.MustCompile(want).Match(b) {
		t.Fatalf("%v, status %d, no %s in\n%s\n%s%s", err, r.status, want, b, r.errors, r.out)
	}
	s.want(0, []string{"vmbundle", "pack", "recs/000001", "x.vmb"})
	s.want(0, []string{"vmbundle", "verify", "x.vmb"}, "identical")
}

// debianWithDrivers is a kernel, and the folder with its modules for the device, which
// are cached beside it.
func debianWithDrivers(t *testing.T) (kernel, drivers string) {
	t.Helper()
	cache, err := cli.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	k, err := (&guestkernel.Fetcher{Flavour: guestkernel.Cloud, Cache: cache}).Fetch(t.Context())
	if err != nil {
		t.Fatalf("this test boots Debian's kernel; to have it in the cache: vmappliance build --kernel debian: %v", err)
	}
	drivers = filepath.Join(filepath.Dir(k.Path), "pvpanic")
	if _, err := os.Stat(drivers); err == nil {
		return k.Path, drivers
	}
	tmp, err := os.MkdirTemp(filepath.Dir(k.Path), "drivers-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	for _, script := range []string{"apt-get download -q -o APT::Sandbox::User=root " + k.Package + "=" + k.Version, "dpkg-deb -x *.deb ."} {
		c := exec.Command("sh", "-c", script)
		c.Dir = tmp
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s\nif apt has it no more, remove the kernel from the cache, which is older: %s", script, err, out, filepath.Join(cache, "kernel"))
		}
	}
	found, _ := filepath.Glob(filepath.Join(tmp, "lib/modules/*/kernel/drivers/misc/pvpanic"))
	if len(found) != 1 {
		t.Fatalf("%s has %d folders for pvpanic", k.Package, len(found))
	}
	if err := os.Rename(found[0], drivers); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return k.Path, drivers
}
