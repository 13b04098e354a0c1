package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vmrecord/configs/bare"
)

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"vmappliance": main, "wiretap": wiretap})
}

// A suite is all tests with vmbundle, which they use too, built and in the path.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	bin, err := os.MkdirTemp("", "vmbundle-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(bin)
	if out, err := exec.Command("go", "build", "-o", bin, "../vmbundle").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build vmbundle: %v\n%s", err, out)
		return 1
	}
	os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+bin)
	return s.m.Run()
}

// TestScripts runs the command lines in testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kernel":    kernelCmd,
			"bare":      bareCmd,
			"waitfor":   waitforCmd,
			"waitgone":  waitgoneCmd,
			"terminate": terminateCmd,
			"status":    statusCmd,
			"interrupt": interruptCmd,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("VMRECORD_STATE", e.WorkDir+"/state")
			e.Setenv("VMRECORD_CACHE", e.WorkDir+"/cache")
			return nil
		},
	})
}

// kernelCmd makes a guest: "kernel FILE HEX..." is a bzImage that consists of
// nothing but the given machine code at its 64-bit entry.
func kernelCmd(ts *testscript.TestScript, _ bool, args []string) {
	code, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bzImage(code), 0o600))
}

// bzImage is a kernel of nothing but machine code at its 64-bit entry.
func bzImage(code []byte) []byte {
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
	return k
}

// bareCmd makes the guest of package bare: "bare FILE INSTRUCTIONS [keys]". It
// powers off at its end.
func bareCmd(ts *testscript.TestScript, _ bool, args []string) {
	work, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	b := bare.Image(bare.Options{Work: work, Keys: slices.Contains(args, "keys")})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// waitforCmd waits until a file matches: "waitfor FILE REGEXP".
func waitforCmd(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	if b, ok := waitFor(ts.MkAbs(args[0]), re); !ok {
		ts.Fatalf("%s does not come to match %s:\n%s", args[0], re, b)
	}
}

// waitgoneCmd waits until there is no such file: "waitgone FILE".
func waitgoneCmd(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s is still there", args[0])
		}
	}
}

// terminateCmd sends SIGTERM to what runs in the background.
func terminateCmd(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
	}
}

// waitFor looks at a file until it matches, for half a minute at most.
func waitFor(name string, re *regexp.Regexp) (b []byte, ok bool) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if b, _ = os.ReadFile(name); re.Match(b) {
			return b, true
		}
	}
	return b, false
}

// statusCmd runs a program and checks its exit status: "status N PROGRAM...".
// The program's output stands on ours.
// "status N limited KIB PROGRAM..." lets no file grow over so many KiB.
func statusCmd(ts *testscript.TestScript, _ bool, args []string) {
	if args[1] == "limited" {
		kib, err := strconv.Atoi(args[2])
		ts.Check(err)
		limit := fmt.Sprintf("ulimit -f %d && exec \"$@\"", kib*2) // in blocks of 512 bytes
		args = append([]string{args[0], "sh", "-c", limit, "sh"}, args[3:]...)
	}
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
