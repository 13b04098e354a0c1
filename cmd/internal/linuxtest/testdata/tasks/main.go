// Command tasks is process 1 of the guest whose memory TestGuestOS reads. It
// starts a child, prints what the kernel says of symbols and processes, each
// kind under a line "== name", and computes from then on. The child sleeps.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	runtime.LockOSThread() // what follows is thread 1
	if os.Args[0] == "sleeper" {
		fmt.Println("asleep") // to a pipe
		_, _ = os.Stdin.Read(make([]byte, 1))
		return
	}
	must(os.MkdirAll("/proc", 0o755))
	must(syscall.Mount("proc", "/proc", "proc", 0, ""))
	must(os.MkdirAll("/mnt/programs", 0o755))
	must(syscall.Mount("tmpfs", "/mnt", "tmpfs", 0, ""))
	must(os.MkdirAll("/mnt/programs", 0o755))
	b, err := os.ReadFile("/init")
	must(err)
	must(os.WriteFile("/mnt/programs/sleeper", b, 0o755))
	pid := start()
	fmt.Println("\n== sleeper", pid)
	show(fmt.Sprintf("/proc/%d/maps", pid))
	fmt.Println("== tasks")
	tasks()
	fmt.Println("== kallsyms")
	kallsyms()
	fmt.Println("== computing")
	for i := uint64(1); ; i *= 3 {
		if i == 0 {
			fmt.Println("FAILED: an odd number became even")
		}
	}
}

// held is the pipe that the child reads: nothing comes, and it does not end.
var held io.Closer

// start starts the child and waits until it is about to sleep.
func start() int {
	c := exec.Cmd{Path: "/mnt/programs/sleeper", Args: []string{"sleeper", "a b", "", "--c"}, Stderr: os.Stderr}
	in, err := c.StdinPipe()
	must(err)
	held = in
	out, err := c.StdoutPipe()
	must(err)
	must(c.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	must(err)
	for { // until each of its threads sleeps
		states, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", c.Process.Pid))
		awake := 0
		for _, f := range states {
			b, _ := os.ReadFile(f)
			if !strings.Contains(string(b), ") S ") {
				awake++
			}
		}
		if awake == 0 {
			return c.Process.Pid
		}
		time.Sleep(time.Millisecond)
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

func show(name string) {
	b, err := os.ReadFile(name)
	must(err)
	_, _ = os.Stdout.Write(b)
}

// tasks prints a line for each thread: process, thread, parent, flags, name.
func tasks() {
	all, err := filepath.Glob("/proc/[0-9]*/task/*/stat")
	must(err)
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended meanwhile
		}
		// proc(5): pid (comm) state ppid pgrp session tty_nr tpgid flags
		head, rest, _ := strings.Cut(string(b), " (")
		name, rest, _ := strings.Cut(rest, ") ")
		field := strings.Fields(rest)
		fmt.Printf("%s %s %s %s %q\n", strings.Split(f, "/")[2], head, field[1], field[6], name)
	}
}

// kallsyms prints the sum of the kernel's own symbols, and some of them.
func kallsyms() {
	f, err := os.Open("/proc/kallsyms")
	must(err)
	sum, n := sha256.New(), 0
	for r := bufio.NewReaderSize(f, 1<<16); ; {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		must(err)
		if strings.Contains(line, "[") {
			continue // of a module, or made at run time
		}
		if n%1000 == 0 {
			fmt.Print(line)
		}
		_, _ = io.WriteString(sum, line)
		n++
	}
	fmt.Printf("%d %x\n", n, sum.Sum(nil))
}
