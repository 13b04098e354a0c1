package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vmappliance": main})
}

// TestScripts runs the command lines in testdata/script. They use vmbundle too,
// which is built here.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../vmbundle").CombinedOutput(); err != nil {
		t.Fatalf("build vmbundle: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kernel":    kernelCmd,
			"status":    statusCmd,
			"interrupt": interruptCmd,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("VMRECORD_STATE", e.WorkDir+"/state")
			e.Setenv("VMRECORD_CACHE", e.WorkDir+"/cache")
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+bin)
			return nil
		},
	})
}

// kernelCmd makes a guest: "kernel FILE HEX..." is a bzImage that consists of
// nothing but the given machine code at its 64-bit entry.
func kernelCmd(ts *testscript.TestScript, _ bool, args []string) {
	code, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	k := make([]byte, 2*512+0x200+len(code))
	le := binary.LittleEndian
	k[0x1f1], k[0x201], k[0x211], k[0x234] = 1, 0x6a, 1, 1
	le.PutUint16(k[0x1fe:], 0xaa55)
	copy(k[0x202:], "HdrS")
	le.PutUint16(k[0x206:], 0x020f)
	le.PutUint32(k[0x22c:], 0x7fffffff)
	le.PutUint32(k[0x230:], 1<<20)
	le.PutUint16(k[0x236:], 1)
	le.PutUint32(k[0x238:], 2047)
	le.PutUint64(k[0x258:], 1<<20)
	le.PutUint32(k[0x260:], 1<<20)
	copy(k[2*512+0x200:], code)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), k, 0o600))
}

// statusCmd runs a program and checks its exit status: "status N PROGRAM...".
// The program's output stands on ours.
func statusCmd(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if x := (*exec.ExitError)(nil); errors.As(err, &x) {
		got = strings.TrimPrefix(x.String(), "exit status ")
	} else {
		ts.Check(err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// interruptCmd runs a program, presses Ctrl-C once it is under way and again
// when it asks for that, and checks its exit status: "interrupt N PROGRAM...".
func interruptCmd(ts *testscript.TestScript, _ bool, args []string) {
	name, err := exec.LookPath(args[1])
	ts.Check(err)
	c := exec.Command(name, args[2:]...)
	c.Dir = ts.MkAbs(".")
	said, err := c.StderrPipe()
	ts.Check(err)
	printed, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	_, err = printed.Read(make([]byte, 1)) // the guest runs
	ts.Check(err)
	ts.Check(c.Process.Signal(os.Interrupt))
	for s := bufio.NewScanner(said); s.Scan(); {
		if strings.Contains(s.Text(), "press Ctrl-C again") {
			ts.Check(c.Process.Signal(os.Interrupt))
		}
	}
	_ = c.Wait()
	if got := c.ProcessState.ExitCode(); args[0] != "130" || got != 130 {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}
