package wall

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Apart has a process start in namespaces of its own: their first, with process id 1.
// Where none may be made it does not start. It ends with us.
func Apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Pdeathsig:   syscall.SIGKILL,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN}, // for Enter, which gives it up
	}
}

// Beside has a process start among the others. It ends with us.
func Beside() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// Limit bounds what this process may use, for good: most is of one file that it writes.
func Limit(most int64) error {
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_CPU, 4 * 3600},
		{unix.RLIMIT_FSIZE, uint64(most)},
		{unix.RLIMIT_NOFILE, 256},
		{unix.RLIMIT_AS, 64 << 30}, // a guest's memory, and what translated code reserves
	} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("limit this process: %w", err)
		}
	}
	return nil
}

// Enter encloses a process that started Apart or Beside, for good. If it started Apart
// and cannot have a root directory of its own, that is an error. lacks is what this
// host's kernel cannot do.
func (w Wall) Enter() (lacks string, err error) {
	places, err := w.places()
	if err != nil {
		return "", fmt.Errorf("build a wall: %w", err)
	}
	if os.Getpid() == 1 { // in namespaces; elsewhere we would unmount the host's
		if err := newRoot(places); err != nil {
			return "", fmt.Errorf("build a wall: make a root directory: %w", err)
		}
		if err := dropCapabilities(); err != nil {
			return "", fmt.Errorf("build a wall: give up capabilities: %w", err)
		}
	}
	return enclose(places)
}

// Enclose is what Enter does for any other process.
func (w Wall) Enclose() (lacks string, err error) {
	places, err := w.places()
	if err != nil {
		return "", fmt.Errorf("build a wall: %w", err)
	}
	return enclose(places)
}

// stage is where the new root is built: a directory that every host has, under which
// nothing of the wall's is, and which nobody needs afterwards.
const stage = "/proc"

// newRoot replaces the root directory by an empty one, in which only the places are,
// and a /proc that knows only this process: in programs built with cgo, psx finds their
// threads there. Names stay, and the current directory.
func newRoot(places []place) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part from the host's mounts: %w", err)
	}
	if err := unix.Mount("wall", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=1m,mode=700"); err != nil {
		return fmt.Errorf("mount an empty directory: %w", err)
	}
	for _, p := range places {
		if err := p.bind(); err != nil {
			return fmt.Errorf("show %s: %w", p.path, err)
		}
	}
	for _, dir := range []string{here, "/proc"} {
		if err := os.MkdirAll(filepath.Join(stage, dir), 0o700); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", stage+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Chdir(stage); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // the old root now lies over the new one
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return os.Chdir(here)
}

// bind shows a place in the new root.
func (p place) bind() error {
	at, right := filepath.Join(stage, p.path), uint64(unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if !p.write {
		right |= unix.MOUNT_ATTR_RDONLY
	}
	folder := at
	if !p.dir {
		folder = filepath.Dir(at)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if !p.dir {
		f, err := os.OpenFile(at, os.O_CREATE|os.O_RDONLY, 0o600) // to mount on
		if err != nil {
			return err
		}
		f.Close()
	}
	if err := unix.Mount(p.path, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: right})
}

// enclose is Landlock's part.
func enclose(places []place) (lacks string, err error) {
	if abi, err := ll.LandlockGetABIVersion(); err != nil || abi < 1 {
		return noLandlock, nil
	}
	const (
		read  = ll.AccessFSReadFile
		list  = read | ll.AccessFSReadDir
		write = list | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile
	)
	var rules []landlock.Rule
	for _, p := range places {
		right := landlock.AccessFSSet(read)
		switch {
		case p.write:
			right = write
		case p.dir:
			right = list
		}
		rules = append(rules, landlock.PathAccess(right, p.path))
	}
	// BestEffort: what this kernel's Landlock knows of it.
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return "", fmt.Errorf("build a wall: %w", err)
	}
	return "", nil
}
