// Command probe is process 1 of the guest of package linuxtest. It prints what
// Linux thinks of the machine, checks what a program may expect of it, and then
// does what keys ask for.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// ways are how a reboot can be done, by key.
var ways = map[byte]string{'A': "acpi", 'K': "kbd", 'C': "pci", 'T': "triple"}

func main() {
	if len(os.Args) > 1 {
		os.Exit(asChild(os.Args[1:]))
	}
	for _, m := range []struct{ kind, dir string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		must(os.MkdirAll(m.dir, 0o755))
		must(syscall.Mount(m.kind, m.dir, m.kind, 0, ""))
	}
	raw(0)
	fmt.Println("\n== up")
	fmt.Println(time.Now().Unix())
	for _, f := range []string{"/sys/devices/system/cpu/vulnerabilities/*", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
		"/proc/cpuinfo", "/proc/iomem", "/proc/ioports"} {
		show(f)
	}
	c := exec.Command("/proc/self/exe", "checks")
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	if err := c.Run(); err != nil {
		fmt.Println("FAILED checks:", err)
	}
	show("/proc/interrupts")
	kmsg()
	fmt.Println("== ready")
	keys()
}

// asChild is what this program does as another process than the first.
func asChild(args []string) (status int) {
	if args[0] != "checks" {
		fmt.Println(os.Getpid() > 1, args)
		return 7
	}
	for _, c := range checks {
		fmt.Printf("== check %s\n", c.name)
		if err := c.run(); err != nil {
			fmt.Println("FAILED", err)
			continue
		}
		fmt.Println("ok")
	}
	return 0
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		off()
	}
}

func off() {
	err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("FAILED power off", err)
}

// raw has a terminal hand over each key as it comes, and echo none.
func raw(fd uintptr) {
	var t syscall.Termios
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&t))); e != 0 {
		fmt.Println("FAILED TCGETS", e)
	}
	t.Lflag &^= syscall.ICANON | syscall.ECHO
	t.Iflag &^= syscall.ICRNL
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCSETS, uintptr(unsafe.Pointer(&t))); e != 0 {
		fmt.Println("FAILED TCSETS", e)
	}
}

// show prints files, each line under its file's name.
func show(pattern string) {
	files, _ := filepath.Glob(pattern)
	fmt.Println("==", pattern)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			fmt.Println("FAILED", err)
		}
		for line := range strings.Lines(string(b)) {
			if len(files) > 1 {
				line = filepath.Base(f) + ": " + line
			}
			fmt.Print(line)
		}
	}
}

// kmsg prints the kernel's log.
func kmsg() {
	fmt.Println("== kmsg")
	f, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(err)
	w, b := bufio.NewWriter(os.Stdout), make([]byte, 8192)
	defer w.Flush()
	for {
		n, err := syscall.Read(f, b)
		if err == syscall.EPIPE { // older records were overwritten
			continue
		}
		if err != nil {
			return
		}
		head, text, _ := bytes.Cut(b[:n], []byte(";"))
		text, _, _ = bytes.Cut(text, []byte("\n"))
		level, _, _ := bytes.Cut(head, []byte(","))
		fmt.Fprintf(w, "<%s> %s\n", level, text)
	}
}

// keys does what keys ask for.
func keys() {
	b := make([]byte, 64)
	for {
		n, err := os.Stdin.Read(b)
		if err != nil {
			fmt.Println("FAILED read", err)
			off()
		}
		for _, k := range b[:n] {
			fmt.Printf("key %q\n", k)
			switch k {
			case 'O':
				off()
			case 'P':
				os.Exit(3) // the kernel panics
			default:
				if w, ok := ways[k]; ok {
					must(os.WriteFile("/sys/kernel/reboot/type", []byte(w), 0o644))
					must(syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART))
				}
			}
		}
	}
}
