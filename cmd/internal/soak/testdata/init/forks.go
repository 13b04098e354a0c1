package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	together = 200 // children of one process that are there at once
	pages    = 64  // that each stores to
	fan      = 4   // children of each process of a tree
	depth    = 3
)

// forks makes processes, in two kinds, until the time is over.
func forks(end time.Time) (e event, err error) {
	for time.Now().Before(end) {
		n, err := storm()
		if err != nil {
			return e, err
		}
		m, err := tree(strconv.Itoa(depth))
		if err != nil {
			return e, err
		}
		e.Count += n + m
	}
	return e, nil
}

// storm forks children that wait for one another, store to pages which they
// share with their parent until then, and tell what they read there.
func storm() (int, error) {
	var gate [2]int
	if err := syscall.Pipe(gate[:]); err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	defer syscall.Close(gate[0])
	defer syscall.Close(gate[1])
	shared := make([]byte, pages*4096)
	for i := range pages {
		shared[i*4096] = byte(i)
	}
	var pids []int
	for i := range together {
		pid, e := child(gate[0], shared, byte(i))
		if e != 0 {
			return 0, fmt.Errorf("fork: %w", e)
		}
		pids = append(pids, pid)
	}
	if _, err := syscall.Write(gate[1], make([]byte, together)); err != nil {
		return 0, fmt.Errorf("write to children: %w", err)
	}
	for i, pid := range pids {
		var s syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &s, 0, nil); err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		if want := sum(byte(i)); !s.Exited() || s.ExitStatus() != want {
			return 0, fmt.Errorf("child %d: status %#x, want exit %d", i, uint32(s), want)
		}
	}
	for i := range pages {
		if shared[i*4096] != byte(i) {
			return 0, fmt.Errorf("page %d of the parent changed", i)
		}
	}
	return together, nil
}

// sum is the exit status of child n.
func sum(n byte) int {
	s := byte(0)
	for i := range byte(pages) {
		s = s*7 + (i ^ n)
	}
	return int(s & 0x7f)
}

// child forks. The child has one thread and none of the runtime's, so it must
// not grow its stack, allocate or block in Go.
//
//go:nosplit
//go:norace
func child(gate int, shared []byte, n byte) (int, syscall.Errno) {
	pid, _, e := syscall.RawSyscall(syscall.SYS_FORK, 0, 0, 0)
	if e != 0 || pid != 0 {
		return int(pid), e
	}
	s := byte(0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_READ, uintptr(gate), uintptr(unsafe.Pointer(&shared[1])), 1)
	for i := 0; i < pages; i++ {
		shared[i*4096] ^= n
		s = s*7 + shared[i*4096]
	}
	for {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(s&0x7f), 0, 0)
	}
}

// tree runs a tree of processes of so many levels below this one, and counts it.
func tree(levels string) (n int, err error) {
	left, err := strconv.Atoi(levels)
	if err != nil || left == 0 {
		return 0, err
	}
	below := strconv.Itoa(left - 1)
	all := make([]*exec.Cmd, fan)
	for i := range all {
		all[i] = exec.Command("/init", "-tree", below)
		all[i].Stderr = os.Stderr
		err = errors.Join(err, all[i].Start())
	}
	for _, c := range all {
		if c.Process != nil {
			err = errors.Join(err, c.Wait())
		}
	}
	for k := fan; left > 0; left, k = left-1, k*fan {
		n += k
	}
	return n, err
}
