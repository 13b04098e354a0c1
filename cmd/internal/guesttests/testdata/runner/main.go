// Command runner runs the programs of a plan, one after the other, and says on
// standard output what came of each. It is process 1 of the guest, and outside
// it is process 1 of namespaces of its own in the same tree of files, or plain:
//
//	runner -outside DIR
//	runner -plain DIR
//
// With -print PATTERN it prints files. The plan is the file /plan, the lines that come out are described in the
// doc.go of package guesttests.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

const (
	maxOutput = 64 << 10 // bytes shown of a program that failed
	maxLine   = 1 << 20

	tcsbrk = 0x5409 // ioctl_tty(2)
)

func main() {
	mode, where := "", ""
	if len(os.Args) == 3 {
		mode, where = os.Args[1], os.Args[2]
	}
	var err error
	switch mode {
	case "-print":
		show(where)
		return
	case "-outside":
		err = errors.Join(enter(where), loopback())
		where = ""
	case "-plain":
	default:
		err = errors.Join(mount(), loopback())
	}
	if err == nil {
		err = run(where)
	}
	if err != nil {
		fmt.Println("@@ error", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	fmt.Println("@@ off")
	if mode == "" {
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, 1, tcsbrk, 1) // wait until it is written
		_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

// show prints files, each line of several under its file's name.
func show(pattern string) {
	files, _ := filepath.Glob(pattern)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			b = []byte(err.Error())
		}
		for line := range strings.Lines(string(b)) {
			if len(files) > 1 {
				line = filepath.Base(f) + ": " + line
			}
			fmt.Print(line)
		}
	}
}

// mount makes the file system of a guest whole.
func mount() error {
	for _, m := range []struct{ kind, dir string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m.dir, 0o755), syscall.Mount(m.kind, m.dir, m.kind, 0, "")); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	// A host has memory to promise; what a guest has is for what is touched.
	return os.WriteFile("/proc/sys/vm/overcommit_memory", []byte("1"), 0)
}

// enter makes dir the root, with what a guest has in it.
func enter(dir string) error {
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	for _, m := range []struct {
		from, kind, dir string
		flags           uintptr
	}{
		{"/dev", "", "dev", syscall.MS_BIND | syscall.MS_REC},
		{"/sys", "", "sys", syscall.MS_BIND | syscall.MS_REC},
		{"proc", "proc", "proc", 0},
		{"tmpfs", "tmpfs", "tmp", 0},
	} {
		to := filepath.Join(dir, m.dir)
		err = errors.Join(err, os.MkdirAll(to, 0o755), syscall.Mount(m.from, to, m.kind, m.flags, ""))
	}
	err = errors.Join(err, syscall.Chroot(dir), os.Chdir("/"))
	if err != nil {
		return fmt.Errorf("enter %s: %w", dir, err)
	}
	return nil
}

// run runs the plan of a tree.
func run(root string) error {
	plan, err := os.ReadFile(root + "/plan")
	env, e := os.ReadFile(root + "/env")
	if err := errors.Join(err, e, oneProcessor()); err != nil {
		return err
	}
	for line := range strings.Lines(string(plan)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 4 {
			return fmt.Errorf("the plan says %q", line)
		}
		fmt.Println("@@ begin", f[0])
		fmt.Println("@@ end", f[0], program(f[1] == "show", root+f[2], f[3:], strings.Fields(string(env))))
	}
	return nil
}

// oneProcessor leaves this thread, and the programs that it starts, the first
// of the processors that it may use.
func oneProcessor() error {
	runtime.LockOSThread()
	var mask [128]byte
	n, _, e := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask)))
	if e != 0 {
		return fmt.Errorf("sched_getaffinity: %w", e)
	}
	first := true
	for i, b := range mask[:n] {
		if mask[i] = 0; first && b != 0 {
			mask[i], first = b&-b, false
		}
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, n, uintptr(unsafe.Pointer(&mask))); e != 0 {
		return fmt.Errorf("sched_setaffinity: %w", e)
	}
	return nil
}

// loopback brings up the network interface lo.
func loopback() error {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer syscall.Close(s)
	r := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(s), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&r))); e != 0 {
		return fmt.Errorf("loopback: %w", e)
	}
	return nil
}

// program runs one program and returns how it ended. Of a test it shows the
// results, and everything when it failed.
func program(all bool, dir string, args, env []string) string {
	c := exec.Command(args[0], args[1:]...)
	c.Dir, c.Env = dir, env
	r, w := io.Pipe()
	c.Stdout, c.Stderr = w, w
	done := make(chan []byte)
	go func() { done <- results(r) }()
	err := c.Run()
	_ = w.Close()
	out := <-done
	if all || err != nil {
		for line := range bytes.Lines(out) {
			fmt.Printf("@@ | %s\n", bytes.TrimRight(line, "\n"))
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

var (
	result  = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (.*) \([0-9.]+s\)$`)
	current = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(.*)$`)
)

// results shows a test's results as they come and returns the end of its output.
func results(r io.Reader) (out []byte) {
	name, said := "", map[string]string{} // the last words of each test
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		out = append(append(out, s.Bytes()...), '\n')
		out = out[max(0, len(out)-maxOutput):]
		if m := current.FindStringSubmatch(s.Text()); m != nil {
			name = m[1]
			continue
		}
		m := result.FindStringSubmatch(s.Text())
		switch {
		case m == nil:
			said[name] = strings.TrimSpace(s.Text())
		case m[1] == "SKIP":
			fmt.Printf("@@ SKIP %s\t%.120s\n", m[2], said[m[2]])
		default:
			fmt.Printf("@@ %s %s\n", m[1], m[2])
		}
	}
	_, _ = io.Copy(io.Discard, r)
	return out
}
