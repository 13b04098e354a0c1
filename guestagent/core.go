package guestagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"vmrecord/backdoor/wire"
)

const (
	corePattern  = "/proc/sys/kernel/core_pattern"
	maxCoreBytes = 256 << 10 // of a core file, for its notes
)

// core is the handler that the kernel starts for a program that dies of a signal
// (core(5), "Piping core dumps to a program"), with the core file at stdin.
func (a agent) core(args []string) int {
	switch {
	case len(args) == 1 && args[0] == "--install" && !a.inVM():
		return exitOK
	case len(args) == 1 && args[0] == "--install":
		return a.ended(installCore(corePattern))
	case len(args) == 3:
		return a.ended(a.coreOf(args[0], args[1], args[2]))
	}
	fmt.Fprintln(a.errOut, "vmagent: core wants --install, or from the kernel PID SIGNAL NAME")
	return exitUsage
}

// installCore makes this program the kernel's handler of core files.
func installCore(pattern string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install the core handler: %w", err)
	}
	if err := os.WriteFile(pattern, []byte("|"+self+" core %P %s %e"), 0o644); err != nil {
		return fmt.Errorf("install the core handler: %w", err)
	}
	return nil
}

// coreOf reports a program's death. The kernel keeps the process while its core is
// not read, so that comes last.
func (a agent) coreOf(pid, signal, name string) error {
	s, err := a.status()
	if err != nil || s.State != wire.Recording {
		return err
	}
	n, err := strconv.Atoi(signal)
	if _, e := strconv.ParseUint(pid, 10, 32); err != nil || e != nil {
		return fmt.Errorf("core: %q and %q are no process and signal", pid, signal)
	}
	exe := "/proc/" + pid + "/exe"
	if path, err := os.Readlink(exe); err == nil {
		err = a.attr("core.program", path)
		if id, e := programID(exe); e == nil && id != "" {
			err = errors.Join(err, a.attr("core.build-id", id))
		}
		if err != nil {
			return err
		}
	}
	reason := fmt.Sprintf("%s ended by a signal: %v", name, syscall.Signal(n))
	if core, err := io.ReadAll(io.LimitReader(a.stdin, maxCoreBytes)); err == nil {
		if pc, ok := corePC(core); ok {
			reason += fmt.Sprintf(" at %#x", pc)
		}
	}
	return a.failAndStop(reason)
}
