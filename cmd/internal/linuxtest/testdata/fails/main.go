// Command fails is what vmagent runs in the guest of TestFailures. It has the agent
// set up, runs itself and others once for each way to fail while something records,
// and says how long the SDK's calls took.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"vmrecord/backdoor/wire"
	"vmrecord/guestagent/recorder"
)

const agent = "/init"

func main() {
	os.Setenv("VMAGENT", agent)
	if len(os.Args) > 1 {
		fail(os.Args[1])
		return
	}
	run(agent, "core", "--install")
	for _, c := range []string{
		"/c64 well", "/c64 badly", "/c64 segv", "/c32 segv",
		"/fails goroutine", "/fails runtime",
		agent + " exec --guarded -- /fails leaves",
		agent + " exec --feature killed -- /fails killed",
		agent + " exec --feature watched -- " + agent + " watch --after 2s -- /fails silent",
	} {
		fmt.Println("==", c)
		run(strings.Fields(c)...)
		settle()
	}
	fmt.Println("== longest call", longest())
	fmt.Println("== done")
}

func run(words ...string) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run() // how it ended is what the machine hears
}

// settle waits until who reports a failure has done so.
func settle() {
	for range 1000 {
		if s, err := recorder.Status(); err != nil || s.State != wire.Recording {
			return
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Println("FAILED: something records still")
	_ = recorder.Stop(recorder.Drop)
}

// fail does what its name says.
func fail(how string) {
	if how != "silent" && how != "killed" {
		if err := recorder.Start(how); err != nil {
			fmt.Println("FAILED", err)
		}
	}
	switch how {
	case "goroutine":
		check(recorder.CatchCrashes())
		go func() { panic("total is 999 993") }()
		select {}
	case "runtime":
		check(recorder.CatchCrashes())
		var m map[string]int
		m["x"] = 1
	case "killed":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	case "silent":
		for range 3 {
			run(agent, "beat")
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
	}
}

// longest is the guest's time that the slowest of the SDK's calls took.
func longest() (most time.Duration) {
	text := strings.Repeat("x", 2000)
	for _, call := range []func() error{
		func() error { return recorder.Start(text, recorder.WithAttr("k", text)) },
		func() error { return recorder.Attr(text, text) },
		func() error { return recorder.Mark(text) },
		func() error { return recorder.Stop(recorder.Drop) },
	} {
		t := time.Now()
		check(call())
		most = max(most, time.Since(t))
	}
	return most
}
