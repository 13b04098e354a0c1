package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"vmrecord/bundle/inbox"
	"vmrecord/cmd/internal/cli"
)

// A loot is what a burglar is after: somebody who took over the process that reads a
// bundle. It is stopped by namespaces, or by Landlock from some ABI on.
type loot struct {
	name       string
	namespaces bool
	landlock   int
	take       func(house) error
}

// A house is what stands around the bundle.
type house struct {
	file, dir string // the bundle; the folder of the test
	pid       int    // of the test
	port      string // where it listens
}

func loots() []loot {
	open := func(flag int, name string) error {
		f, err := os.OpenFile(name, flag, 0o600)
		if err == nil {
			f.Close()
		}
		return err
	}
	dial := func(network, to string) error {
		c, err := net.Dial(network, to)
		if err == nil {
			_, err = c.Write([]byte("x"))
			c.Close()
		}
		return err
	}
	return []loot{
		{"read", true, 1, func(h house) error { return open(os.O_RDONLY, filepath.Join(h.dir, "secret")) }},
		{"list", true, 1, func(h house) error { _, err := os.ReadDir(h.dir); return err }},
		{"processes", true, 1, func(h house) error { _, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.pid)); return err }},
		{"overwrite", true, 1, func(h house) error { return open(os.O_WRONLY, h.file) }},
		{"truncate", true, 3, func(h house) error { return os.Truncate(filepath.Join(h.dir, "secret"), 1) }},
		{"drop", true, 1, func(h house) error { return open(os.O_WRONLY|os.O_CREATE, filepath.Join(h.dir, "dropped")) }},
		{"execute", true, 1, func(h house) error { return exec.Command("/bin/true").Run() }},
		{"tcp", true, 4, func(h house) error { return dial("tcp", h.port) }},
		{"udp", true, 10, func(h house) error { return dial("udp", h.port) }},
		{"socket", true, 11, func(h house) error { return dial("unix", filepath.Join(h.dir, "s")) }},
		{"abstract", true, 6, func(h house) error { return dial("unix", "@vmbundle-"+strconv.Itoa(h.pid)) }},
		{"signal", true, 6, func(h house) error { return syscall.Kill(h.pid, syscall.SIGURG) }},
	}
}

const burglarEnv = "VMBUNDLE_TEST_BURGLAR"

// burglar is a worker, or a verify, that was taken over once its walls stood.
func burglar(where string) {
	var h house
	_, err := fmt.Sscan(where, &h.dir, &h.pid, &h.port)
	if err == nil && os.Args[2] == workerVerb {
		h.file = os.Args[3]
		_, err = enterWall(h.file, os.Args[4], os.Args[5])
	} else if err == nil {
		h.file = os.Args[2]
		_, err = enclosed(root(), h.file)
	}
	took := "took:"
	if os.Args[2] == workerVerb && os.Getenv("VMRECORD_SMTP_PASSWORD") != "" {
		took += " password"
	}
	for _, l := range loots() {
		if e := l.take(h); e == nil {
			took += " " + l.name
		}
	}
	if err = errors.Join(err, cli.JSON(os.Stdout, inbox.Verdict{State: inbox.Broken, Reason: took})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// walls tells which this host has: namespaces, and Landlock's ABI.
func walls() (namespaces bool, abi int) {
	abi, _ = ll.LandlockGetABIVersion()
	root := exec.Command("unshare", "--user", "--net", "--pid", "--fork", "--ipc", "--mount", "sh", "-c", "true").Run()
	none := unix.MountSetattr(-1, "", 0, &unix.MountAttr{})
	return root == nil && !errors.Is(none, unix.ENOSYS), abi
}

// Who takes over a worker, or a verify, takes nothing that a wall is in front of; and
// where one is missing, that is said. Without any, everything is taken.
func TestWall(t *testing.T) {
	namespaces, abi := walls()
	t.Logf("this host: namespaces %v, Landlock's ABI %d", namespaces, abi)
	_, e := received(t, newMade(t))
	h := house{dir: t.TempDir(), pid: os.Getpid()}
	ok(t, os.WriteFile(filepath.Join(h.dir, "secret"), []byte("secret"), 0o600))
	h.port = listen(t, "tcp", "127.0.0.1:0")
	for network, at := range map[string]string{"udp": h.port, "unix": filepath.Join(h.dir, "s"), "unix+": "@vmbundle-" + strconv.Itoa(h.pid)} {
		listen(t, strings.TrimSuffix(network, "+"), at)
	}
	env := []string{burglarEnv + "=" + fmt.Sprint(h.dir, " ", h.pid, " ", h.port), "VMRECORD_SMTP_PASSWORD=secret"}
	check := []string{"vmbundle", "inbox", "check", "--again", "--dir", filepath.Dir(filepath.Dir(filepath.Dir(e.File)))}
	verify := []string{"vmbundle", "verify", e.File}
	alone := []string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh"}
	open := []string{"strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace=landlock_create_ruleset", "-e", "inject=landlock_create_ruleset:error=ENOSYS"}
	for _, c := range []struct {
		name       string
		command    []string
		namespaces bool
		abi        int
		says       []string
	}{
		{"both walls", check, namespaces, abi, nil},
		{"no namespaces", slices.Concat(alone, check), false, abi, []string{"namespaces cannot be had"}},
		{"no Landlock", slices.Concat(open, check), namespaces, 0, []string{"this kernel has no Landlock"}},
		{"no wall", slices.Concat(open, alone, check), false, 0, []string{"namespaces cannot be had", "this kernel has no Landlock"}},
		{"verify", verify, false, abi, nil},
		{"verify without Landlock", slices.Concat(open, verify), false, 0, []string{"this kernel has no Landlock"}},
	} {
		ok(t, os.WriteFile(filepath.Join(h.dir, "secret"), []byte("secret"), 0o600))
		want := ""
		for _, l := range loots() {
			if !(c.namespaces && l.namespaces) && (c.abi < 1 || c.abi < l.landlock) {
				want += " " + l.name
			}
		}
		r := command(t, "", env, c.command...)
		_, took, found := strings.Cut(r.out, "took:")
		took, _, _ = strings.Cut(strings.TrimRight(took, "\n"), `"`)
		if !found || took != want {
			t.Errorf("%s: taken:%s, want:%s\n%s", c.name, took, want, r)
		}
		for _, s := range c.says {
			r.want(t, 0, s)
		}
		if c.namespaces && strings.Contains(r.out, "cannot be had") || c.abi > 0 && strings.Contains(r.out+r.errors, "no Landlock") {
			t.Errorf("%s: %s", c.name, r)
		}
		_ = os.Remove(filepath.Join(h.dir, "dropped"))
	}
}

// listen accepts what comes until the test's end, and tells where.
func listen(t *testing.T, network, at string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket(network, at)
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		return c.LocalAddr().String()
	}
	l, err := net.Listen(network, at)
	ok(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// A worker finds what it needs through its walls: the key of a sealed bundle, and the
// bases of a thin one.
func TestWallHasDoors(t *testing.T) {
	m, other, dir := newMade(t), newMadeBy(t, "z"), t.TempDir()
	env := []string{"VMRECORD_KEYS=" + filepath.Join(dir, "keys"), "VMRECORD_BASES=" + filepath.Join(dir, "bases")}
	said := command(t, "", env, "vmbundle", "keys", "new").want(t, 0)
	golden, thin, in := filepath.Join(dir, "g.vmg"), filepath.Join(dir, "thin.vmb"), filepath.Join(dir, "in")
	command(t, "", env, "vmbundle", "golden", other.file, golden).want(t, 0)
	command(t, "", env, "vmbundle", "pack", m.dir, thin, "--base", golden, "--to", regexp.MustCompile(`age1[0-9a-z]+`).FindString(said.out)).want(t, 0)
	command(t, "", env, "vmbundle", "ingest", thin, "--dir", in).want(t, 0)
	command(t, "", env, "vmbundle", "inbox", "check", "--dir", in).want(t, 0, "  reproduced  B-")
	ok(t, os.RemoveAll(filepath.Join(dir, "keys")))
	command(t, "", env, "vmbundle", "inbox", "check", "--again", "--dir", in).want(t, 0, "broken: ", "to use its secret half")
}
