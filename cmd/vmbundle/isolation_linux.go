package main

import (
	"os"
	"syscall"
)

// isolation is how a worker stands apart: no network, no other processes to be
// seen, and it ends with us.
func isolation(apart bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !apart {
		return a
	}
	a.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	return a
}

// limitSelf bounds what a worker may use, for good.
func limitSelf() error {
	for _, l := range []struct {
		what int
		most uint64
	}{
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_CPU, 4 * 3600},
		{syscall.RLIMIT_FSIZE, limitBytes},
		{syscall.RLIMIT_NOFILE, 256},
		{syscall.RLIMIT_AS, 64 << 30}, // a guest's memory, and what translated code reserves
	} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return err
		}
	}
	return nil
}
