package guestagent

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
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
// to systemd, and reports when it does not. The program goes on. What it says is
// passed on to the socket that we were given, if systemd did.
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
		a.heartbeats(conn, *after, os.Getenv(notifySocket))
	}()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	defer signal.Stop(asked)
	go func() {
		select {
		case <-asked:
			_ = notify(name, []byte("STOPPING=1")) // the program, too, is asked to end
		case <-done:
		}
	}()
	a.env = append(os.Environ(), notifySocket+"="+name, fmt.Sprintf("WATCHDOG_USEC=%d", after.Microseconds()))
	status, _ := a.command(argv)
	_ = conn.Close() // ends heartbeats
	<-done
	return status
}

// heartbeats reports each silence once, until the connection is closed, and passes
// messages on to a socket, if there is one.
func (a agent) heartbeats(conn *net.UnixConn, after time.Duration, outer string) {
	var b [4096]byte
	left := false
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
		case heard == leaving:
			left, deadline = true, time.Time{}
		case heard == alive && !left:
			deadline = time.Now().Add(after)
		}
		if reason != "" {
			deadline = time.Time{} // until the next heartbeat
			err = a.failAndStop(reason)
		}
		if n > 0 && string(b[:n]) != "BARRIER=1" { // which is about the socket it is sent to
			err = errors.Join(err, notify(outer, b[:n])) // after the failure: systemd may kill us for it
		}
		if err != nil {
			fmt.Fprintf(a.errOut, "vmagent: watch: %v\n", err)
		}
	}
}

// notifySocket is the variable that names whom to tell (sd_notify(3)).
const notifySocket = "NOTIFY_SOCKET"

// notify sends one message to a socket; "" is nobody.
func notify(socket string, msg []byte) error {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	_, err = conn.Write(msg)
	return errors.Join(err, conn.Close())
}

// beat is one heartbeat, for programs without sd_notify.
func (a agent) beat(args []string) int {
	if len(args) != 0 {
		fmt.Fprintln(a.errOut, "vmagent: beat takes no argument")
		return exitUsage
	}
	return a.ended(notify(os.Getenv(notifySocket), []byte("WATCHDOG=1")))
}
