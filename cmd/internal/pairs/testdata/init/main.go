// Command init is process 1 of the guest of command pairs: some work of each
// sort, and power-off.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

const (
	hashed   = 16 << 20 // bytes
	calls    = 100_000
	messages = 20_000
	programs = 10
	touched  = 32 << 20 // bytes
	page     = 4096
)

func main() {
	if len(os.Args) > 1 {
		return // it is one of the programs
	}
	if err := rounds(); err != nil {
		fmt.Println(err)
		os.Exit(1) // process 1: the kernel panics, and reboots instead of powering off
	}
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

// rounds does the work as often as the file /rounds says.
func rounds() error {
	if err := syscall.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil { // programs get /dev/null
		return fmt.Errorf("mount /dev: %w", err)
	}
	b, err := os.ReadFile("/rounds")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(b))
	for ; n > 0 && err == nil; n-- {
		err = work()
	}
	return err
}

func work() error {
	var sum [sha256.Size]byte
	b := make([]byte, 1<<20)
	for range hashed / len(b) {
		copy(b, sum[:])
		sum = sha256.Sum256(b)
	}
	for range calls {
		syscall.Getppid()
	}
	if err := pipe(); err != nil {
		return err
	}
	for range programs {
		if err := exec.Command("/init", "-").Run(); err != nil {
			return err
		}
	}
	m, err := syscall.Mmap(-1, 0, touched, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	for i := 0; i < len(m); i += page {
		m[i] = 1
	}
	return syscall.Munmap(m)
}

// pipe speaks to itself.
func pipe() error {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	var b [64]byte
	for range messages {
		if _, err := syscall.Write(p[1], b[:]); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if _, err := syscall.Read(p[0], b[:]); err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}
