//go:build 386 || amd64

package portlab

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"vmrecord/backdoor/wire"
)

// inEAXDX is the only instruction that is answered.
const inEAXDX = 0xED

// waitOwn limits wait4 to what this thread traces (__WNOTHREAD|__WALL).
const waitOwn = 0x20000000 | 0x40000000

// Run runs cmd to its end and lets in answer each IN EAX,DX on port 0x5658,
// which outside a guest faults. It returns cmd's exit status. Any other signal is
// the program's own affair.
func Run(cmd *exec.Cmd, in func(*Regs)) (status int, err error) {
	runtime.LockOSThread() // ptrace belongs to one thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer cmd.Process.Release()
	pid := cmd.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
		return 0, fmt.Errorf("wait for %s: %w", cmd.Path, err)
	}
	const exitKill = 0x100000
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACECLONE|exitKill); err != nil {
		return 0, fmt.Errorf("trace %s: %w", cmd.Path, err)
	}
	for tid, sig := pid, 0; ; {
		// A thread that is gone cannot be continued; the next wait tells of it.
		_ = syscall.PtraceCont(tid, sig)
		tid, err = syscall.Wait4(-1, &ws, waitOwn, nil)
		if err != nil {
			return 0, fmt.Errorf("wait for %s: %w", cmd.Path, err)
		}
		sig = 0
		switch {
		case tid == pid && ws.Exited():
			return ws.ExitStatus(), nil
		case tid == pid && ws.Signaled():
			return 0, fmt.Errorf("%s was ended by %v", cmd.Path, ws.Signal())
		case ws.Stopped() && ws.StopSignal() == syscall.SIGSEGV:
			if !answer(tid, in) {
				sig = int(syscall.SIGSEGV)
			}
		case ws.Stopped() && ws.StopSignal() != syscall.SIGSTOP && ws.StopSignal() != syscall.SIGTRAP:
			sig = int(ws.StopSignal())
		}
	}
}

// answer executes the instruction that a thread stands at, if it is a call.
func answer(tid int, in func(*Regs)) bool {
	var p syscall.PtraceRegs
	var code [1]byte
	if syscall.PtraceGetRegs(tid, &p) != nil {
		return false
	}
	if n, err := syscall.PtracePeekText(tid, ip(&p), code[:]); n != 1 || err != nil {
		return false
	}
	r := get(&p)
	if code[0] != inEAXDX || r.DX&0xFFFF != wire.Port {
		return false
	}
	in(&r)
	set(&p, r)
	return syscall.PtraceSetRegs(tid, &p) == nil
}
