package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fault makes calls of a program fail that change files in a folder (Linux
// Documentation, userspace-api/seccomp_filter.rst, Userspace Notification).
type fault struct {
	dir   string // its files and those below count, with symbolic links resolved
	at    int    // the call that fails, from 1; 0: none does
	errno syscall.Errno
	on    bool // and all later ones, too

	calls []string // those that counted, as "fsync spool/item.json"
	ended chan error
}

// A watched call changes a file, which one of its arguments names.
type watched struct {
	name string
	arg  int  // a file descriptor, or the address of a path
	path bool // the latter
}

var watchedCalls = map[uint32]watched{
	unix.SYS_WRITE:           {"write", 0, false},
	unix.SYS_PWRITE64:        {"pwrite", 0, false},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", 2, false},
	unix.SYS_FSYNC:           {"fsync", 0, false},
	unix.SYS_FDATASYNC:       {"fdatasync", 0, false},
	unix.SYS_FTRUNCATE:       {"ftruncate", 0, false},
	unix.SYS_OPENAT:          {"open", 1, true},
	unix.SYS_MKDIRAT:         {"mkdir", 1, true},
	unix.SYS_LINKAT:          {"link", 1, true},
	unix.SYS_RENAMEAT:        {"rename", 1, true},
	unix.SYS_RENAMEAT2:       {"rename", 1, true},
}

// entered is how we are called to become another program under a filter.
const entered = "harm-enter"

// enter installs a filter that asks for leave for the watched calls, sends its
// listener to file descriptor 3, and becomes the program of the arguments.
func enter(args []string) error {
	runtime.LockOSThread() // the filter is the thread's, and execve(2) leaves only this one
	prog := filter()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	unix.CloseOnExec(3)
	const how = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, how, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return fmt.Errorf("install a filter of system calls, which needs Linux 5.19: %w", e)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return fmt.Errorf("hand over the filter's listener: %w", err)
	}
	return unix.Exec(args[0], args, os.Environ())
}

// filter is in the classic BPF of seccomp(2): the call's number stands at offset 0.
func filter() unix.SockFprog {
	code := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}
	for n := range watchedCalls {
		code = append(code,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: n},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	code = append(code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	return unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
}

// start starts a program whose calls are looked at.
func (f *fault) start(c *exec.Cmd) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	c.Args = append([]string{entered, c.Path}, c.Args[1:]...)
	c.Path, c.ExtraFiles = own, []*os.File{theirs}
	err = c.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[0], make([]byte, 1), oob, 0)
	if err != nil {
		return err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return errors.Join(errors.New("the program did not come under the filter"), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return err
	}
	f.ended = make(chan error, 1)
	go func() { f.ended <- f.serve(fds[0]) }()
	return nil
}

// wait returns when no call can come any more: the program has ended.
func (f *fault) wait() error { return <-f.ended }

// A notice is struct seccomp_notif, an answer struct seccomp_notif_resp.
type (
	notice struct {
		id         uint64
		pid, flags uint32
		nr, arch   uint32
		ip         uint64
		args       [6]uint64
	}
	answer struct {
		id    uint64
		val   int64
		errno int32
		flags uint32
	}
)

// serve answers one call after the other.
func (f *fault) serve(listener int) error {
	defer unix.Close(listener)
	for {
		p := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && err != unix.EINTR {
			return err
		}
		if p[0].Revents&unix.POLLIN == 0 {
			if p[0].Revents&unix.POLLHUP != 0 {
				return nil
			}
			continue
		}
		var n notice
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); e != 0 {
			if e == unix.ENOENT || e == unix.EINTR { // it was killed meanwhile
				continue
			}
			return e
		}
		a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if f.fails(&n) {
			a.errno, a.flags = -int32(f.errno), 0
		}
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a))); e != 0 && e != unix.ENOENT {
			return e
		}
	}
}

// fails counts a call, and tells whether it is to fail.
func (f *fault) fails(n *notice) bool {
	w := watchedCalls[n.nr]
	if w.name == "open" && n.args[2]&(unix.O_CREAT|unix.O_WRONLY|unix.O_RDWR) == 0 {
		return false
	}
	name := w.file(n)
	rel, err := filepath.Rel(f.dir, name)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return false
	}
	f.calls = append(f.calls, w.name+" "+rel)
	return f.at > 0 && (len(f.calls) == f.at || f.on && len(f.calls) > f.at)
}

// file is the file that a call is about; "" if it cannot be told.
func (w watched) file(n *notice) string {
	proc := "/proc/" + strconv.Itoa(int(n.pid))
	if !w.path {
		name, _ := os.Readlink(proc + "/fd/" + strconv.Itoa(int(int32(n.args[w.arg]))))
		return name
	}
	name := text(proc+"/mem", int64(n.args[w.arg]))
	if filepath.IsAbs(name) {
		return name
	}
	at := "/cwd"
	if fd := int32(n.args[w.arg-1]); fd != unix.AT_FDCWD {
		at = "/fd/" + strconv.Itoa(int(fd))
	}
	dir, _ := os.Readlink(proc + at)
	return filepath.Join(dir, name)
}

// text is the string that a program's memory has at an address.
func text(mem string, at int64) string {
	f, err := os.Open(mem)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, unix.PathMax)
	n, _ := f.ReadAt(b, at) // to the end of what is mapped there
	s, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(s)
}
