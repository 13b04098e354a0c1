package guestagent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// A mount is one file system that every program expects.
type mount struct {
	fs, at string
	flags  uintptr
	data   string
}

func mounts() []mount {
	const quiet = syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV
	return []mount{
		{"proc", "/proc", quiet, ""},
		{"sysfs", "/sys", quiet, ""},
		{"devtmpfs", "/dev", syscall.MS_NOSUID, "mode=0755"},
		{"devpts", "/dev/pts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "mode=0620"},
		{"tmpfs", "/run", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=0755"},
		{"tmpfs", "/tmp", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=1777"},
	}
}

// Init is process 1: it runs the configured program and never returns; at the
// end the machine is off.
func Init() {
	// A program's Ctrl-C and friends are not for process 1. They are caught rather
	// than ignored, because programs inherit what is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	trouble := mountAll(mounts())
	ours := openConsole()
	for _, err := range trouble {
		say(err)
	}
	atEnd := "poweroff"
	c, err := readConfig()
	if err == nil {
		atEnd = c.AtEnd
		mindResumes(os.Stderr)
		if c.Serve != nil {
			agent{machine(), nil, os.Stdout, os.Stderr, nil}.serve(c.Serve)
		}
		err = runToEnd(c, ours)
	}
	if err != nil {
		say(err)
	}
	end(atEnd)
}

func say(err error) { fmt.Fprintf(os.Stderr, "vmagent: %v\n", err) }

// mountAll mounts what is not there yet and goes on after an error.
func mountAll(ms []mount) (errs []error) {
	for _, m := range ms {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		err := syscall.Mount(m.fs, m.at, m.fs, m.flags, m.data)
		if err != nil && !errors.Is(err, syscall.EBUSY) {
			errs = append(errs, fmt.Errorf("mount %s on %s: %w", m.fs, m.at, err))
		}
	}
	return errs
}

// openConsole makes the console our standard files and the terminal of our
// session, and tells whether the latter worked. An image without /dev/console
// starts process 1 with no file open. The device behind the console is preferred,
// because only that can control a session. The session is ours and not the
// program's: a terminal is hung up, and loses what it has not sent yet, when its
// session's first process ends.
func openConsole() (ours bool) {
	name := "/dev/console"
	if b, err := os.ReadFile("/sys/class/tty/console/active"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 0 {
			name = "/dev/" + f[len(f)-1]
		}
	}
	fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	for std := range 3 {
		// Nothing could be told about an error here.
		_ = syscall.Dup3(fd, std, 0)
	}
	if fd > 2 {
		_ = syscall.Close(fd)
	}
	_, err = syscall.Setsid()
	return err == nil && ioctl(0, syscall.TIOCSCTTY, 0) == nil
}

func ioctl(fd, request, arg uintptr) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, request, arg); e != 0 {
		return e
	}
	return nil
}

func readConfig() (Config, error) {
	file, err := os.ReadFile("/etc/vmrecord/init.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Config{}, err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return Config{}, err
	}
	return ParseConfig(string(file), string(cmdline))
}

func environment(extra []string) []string {
	return append([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/", "HOME=/", "TERM=vt100"}, extra...)
}

// runToEnd starts the program and reaps every child until it has ended. It is
// an error when it did not end with status 0.
func runToEnd(c Config, ours bool) error {
	env := environment(c.Env)
	os.Setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/")
	prog, err := exec.LookPath(c.Run[0])
	if err != nil {
		return fmt.Errorf("run %s: %w", c.Run[0], err)
	}
	attr := &os.ProcAttr{
		Dir: c.Dir, Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{Setpgid: true, Foreground: ours},
	}
	p, err := os.StartProcess(prog, c.Run, attr)
	if err != nil {
		return fmt.Errorf("run %s: %w", prog, err)
	}
	pid := p.Pid
	// p.Wait is not used: reap takes every child, this one included.
	_ = p.Release()
	ws, err := reap(pid)
	switch {
	case err != nil:
		return fmt.Errorf("wait for %s: %w", prog, err)
	case ws.Signaled():
		return fmt.Errorf("%s was ended by a signal: %v", prog, ws.Signal())
	case ws.ExitStatus() != 0:
		return fmt.Errorf("%s ended with status %d", prog, ws.ExitStatus())
	}
	return nil
}

// reap waits for every child until pid is among them.
func reap(pid int) (ws syscall.WaitStatus, err error) {
	for {
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return ws, err
		case got == pid && (ws.Exited() || ws.Signaled()):
			return ws, nil
		}
	}
}

// end asks what still runs to end, writes everything to disk, and switches off.
func end(how string) {
	_ = syscall.Kill(-1, syscall.SIGTERM)
	time.Sleep(50 * time.Millisecond) // guest time, for those that listen
	_ = syscall.Kill(-1, syscall.SIGKILL)
	syscall.Sync()
	const drain, all = 0x5409, 1 // TCSBRK: wait until the console has sent everything
	_ = ioctl(1, drain, all)
	cmd := map[string]uint32{ // HALT is beyond a 32-bit int
		"poweroff": syscall.LINUX_REBOOT_CMD_POWER_OFF,
		"reboot":   syscall.LINUX_REBOOT_CMD_RESTART,
		"halt":     syscall.LINUX_REBOOT_CMD_HALT,
	}[how]
	err := syscall.Reboot(int(cmd))
	say(fmt.Errorf("%s: %w", how, err))
	// Process 1 must not return: the kernel would panic. Wait for the switch.
	for {
		time.Sleep(time.Hour)
	}
}
