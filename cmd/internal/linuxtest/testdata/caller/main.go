// Command caller is process 1 of the guest of TestSyscallTrace: it makes known
// system calls, on one thread, and waits.
package main

import (
	"fmt"
	"runtime"
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
	_ = syscall.Pause()
}
