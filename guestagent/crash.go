package guestagent

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"vmrecord/backdoor/wire"
)

// maxCrashBytes is how much of a crash's text is looked at.
const maxCrashBytes = 64 << 10

// crash waits at the other end of recorder.CatchCrashes: what comes before the
// program's end is what it died of. Nothing comes from one that ended well.
func (a agent) crash(args []string) int {
	if len(args) != 0 {
		fmt.Fprintln(a.errOut, "vmagent: crash takes no argument; recorder.CatchCrashes starts it")
		return exitUsage
	}
	// What ends the program ends its group: we stay for its last words.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(ignored)
	text, err := io.ReadAll(io.LimitReader(a.stdin, maxCrashBytes))
	if err == nil && len(text) > 0 {
		_, err = io.Copy(io.Discard, a.stdin) // the program is not to wait
	}
	if err == nil && len(text) > 0 {
		err = a.failAndStop(crashReason(string(text)))
	}
	return a.ended(err)
}

// crashReason is a crash's text on one line: what the runtime says, and of the
// goroutine that it names first as many frames as a reason has room for.
func crashReason(text string) string {
	var parts []string
	room := wire.MaxReason
	blanks := 0
	for _, line := range strings.Split(text, "\n") {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" {
			if blanks++; blanks == 2 {
				break // the next goroutine
			}
			continue
		}
		if room -= len(line) + len("; "); room < 0 && parts != nil {
			break
		}
		parts = append(parts, line)
	}
	return strings.Join(parts, "; ")
}
