package guestagent

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A word is what one message of sd_notify(3) says to a watchdog.
type word uint8

const (
	nothing word = iota
	alive        // WATCHDOG=1, or READY=1
	trouble      // WATCHDOG=trigger: a failure now
	leaving      // STOPPING=1: no more heartbeats are to be expected
)

// hear reads a message: lines of NAME=VALUE, of which most are not for us.
func hear(msg string) (w word) {
	for _, line := range strings.Split(msg, "\n") {
		switch line {
		case "WATCHDOG=1", "READY=1":
			w = max(w, alive)
		case "WATCHDOG=trigger":
			w = max(w, trouble)
		case "STOPPING=1":
			return leaving
		}
	}
	return w
}

// watch runs a program that says from time to time that it is alive, as it would
// to systemd, and reports when it does not. The program goes on.
func (a agent) watch(args []string) int {
	fs := flag.NewFlagSet("vmagent watch", flag.ContinueOnError)
	fs.SetOutput(a.errOut)
	after := fs.Duration("after", 0, "how long without a heartbeat is a failure, such as 30s")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	argv := fs.Args()
	if len(argv) == 0 || *after <= 0 {
		fmt.Fprintln(a.errOut, "vmagent: watch wants a time and a command, as in: vmagent watch --after 30s -- /opt/shop/import")
		return exitUsage
	}
	// A name beginning with @ is in no folder, and gone with us (unix(7), abstract).
	name := "@vmagent-watch-" + strconv.Itoa(os.Getpid())
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		fmt.Fprintf(a.errOut, "vmagent: watch: %v\n", err)
		return exitFailure
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.heartbeats(conn, *after)
	}()
	a.env = append(os.Environ(), "NOTIFY_SOCKET="+name, fmt.Sprintf("WATCHDOG_USEC=%d", after.Microseconds()))
	status, _ := a.command(argv)
	_ = conn.Close() // ends heartbeats
	<-done
	return status
}

// heartbeats reports each silence once, until the connection is closed.
func (a agent) heartbeats(conn *net.UnixConn, after time.Duration) {
	var b [4096]byte
	for deadline := time.Now().Add(after); ; {
		_ = conn.SetReadDeadline(deadline) // a zero one is none
		n, err := conn.Read(b[:])
		reason := ""
		switch heard := hear(string(b[:n])); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			reason = fmt.Sprintf("no heartbeat for %v", after)
		case err != nil:
			return
		case heard == trouble:
			reason = "the program called its watchdog"
		case heard == alive:
			deadline = time.Now().Add(after)
		case heard == leaving:
			deadline = time.Time{}
		}
		if reason == "" {
			continue
		}
		deadline = time.Time{} // until the next heartbeat
		if err := a.failAndStop(reason); err != nil {
			fmt.Fprintf(a.errOut, "vmagent: watch: %v\n", err)
		}
	}
}

// beat is one heartbeat, for programs without sd_notify.
func (a agent) beat(args []string) int {
	if len(args) != 0 {
		fmt.Fprintln(a.errOut, "vmagent: beat takes no argument")
		return exitUsage
	}
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return exitOK // nobody watches
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte("WATCHDOG=1"))
		_ = conn.Close()
	}
	return a.ended(err)
}
