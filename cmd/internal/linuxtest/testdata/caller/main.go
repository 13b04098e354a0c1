// Command caller is process 1 of the guest of TestSyscallTrace: it makes known
// system calls, on one thread, then of functions and of a program, and waits for
// a line; then it starts programs and waits for good.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	runtime.LockOSThread()
	fmt.Println("\n== calling")
	time.Sleep(5 * time.Millisecond) // until the trace begins
	fd, err := syscall.Open("/note", syscall.O_RDWR|syscall.O_CREAT, 0o640)
	if err != nil {
		fmt.Println("FAILED", err)
	}
	_, _ = syscall.Write(fd, []byte("one\ttwo\n"))
	_, _ = syscall.Pread(fd, make([]byte, 100), 4)
	_ = syscall.Mkdir("/made", 0o755)
	_ = syscall.Rmdir("/made")
	_, _ = syscall.Open("/missing", syscall.O_RDONLY, 0)
	_ = syscall.Close(fd)
	_ = syscall.Kill(syscall.Getpid(), 0)
	fmt.Println("== called")
	sum, text := take(-3, "a text", []uint16{1, 2, 3}, order{4, 5, 6}, &order{amount: 7}, 1.5, true, [2]byte{8, 9}, nil)
	if sum != 38 || text != "a text, taken" {
		fmt.Println("FAILED", sum, text)
	}
	pid, err := syscall.ForkExec("/pie", []string{"pie"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
	var status syscall.WaitStatus
	if _, e := syscall.Wait4(pid, &status, 0, nil); err != nil || e != nil || status != 0 {
		fmt.Println("FAILED", err, e, status)
	}
	fmt.Println("== done")
	if _, err := os.Stdin.Read(make([]byte, 2)); err == nil {
		natives()
	}
	_ = syscall.Pause()
}

// natives starts programs in C and C++ that go on and on, and tells their numbers.
func natives() {
	for _, args := range []string{"count one", "count two", "other three", "bank", "bank-static"} {
		argv := strings.Fields(args)
		pid, err := syscall.ForkExec("/"+argv[0], argv, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
		if err != nil {
			fmt.Println("FAILED", args, err)
		}
		fmt.Println("started", args, pid)
	}
	time.Sleep(10 * time.Millisecond)
	fmt.Println("== natives")
}

type order struct {
	from, to int32
	amount   uint64
}

// take has arguments in each kind of place that Go has for them.
//
//go:noinline
func take(n int8, s string, list []uint16, o order, p *order, f float64, ok bool, pair [2]byte, e error) (sum int, text string) {
	if !ok || e != nil {
		return 0, ""
	}
	sum = int(n) + len(list) + int(o.from+o.to) + int(o.amount) + int(p.amount) + int(f*2) + int(pair[0]) - int(pair[1])
	for _, v := range list {
		sum += int(v)
	}
	return sum + 8, s + ", taken"
}
