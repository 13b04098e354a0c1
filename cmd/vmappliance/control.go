package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"vmrecord/backdoor/wire"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// The control socket lies beside the recordings. A conversation is one line
// each way: a request as the guest would make it (package wire), answered by
// "1 " and a text when it was done, or by "0 " and the reason; to
// "vmrecord.status" the text is a state as JSON.
const controlSocket = "control.sock"

const (
	maxSocketPath = 107 // sun_path without its NUL
	talkTime      = 5 * time.Second
	obeyTime      = 3 * time.Second
	lookTime      = 5 * time.Millisecond
)

// serveControl listens until stop is called.
func serveControl(dir string, r *recorder) (stop func(), err error) {
	name := filepath.Join(dir, controlSocket)
	if len(name) > maxSocketPath {
		return nil, fmt.Errorf("the path of %s is too long for a socket; choose a shorter --recordings", name)
	}
	// The shelf is locked by us: what is there was left by a killed run.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go converse(c, r)
		}
	}()
	return func() { l.Close() }, nil
}

func converse(c net.Conn, r *recorder) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(talkTime))
	line, err := bufio.NewReader(io.LimitReader(c, wire.MaxMessageBytes)).ReadString('\n')
	if err != nil {
		return
	}
	fmt.Fprintln(c, answer(line[:len(line)-1], r))
}

func answer(line string, r *recorder) string {
	q, err := wire.ParseRequest(line)
	switch {
	case err != nil:
		return "0 " + err.Error()
	case q.Verb == wire.GetStatus:
		b, err := json.Marshal(r.state())
		if err != nil {
			return "0 " + err.Error()
		}
		return "1 " + string(b)
	}
	switch state := r.state().State; {
	case q.Verb == wire.Start && state == "recording":
		return "0 a recording runs already"
	case state == configs.RingName && (q.Verb == wire.Save || q.Verb == wire.Mark || q.Verb == wire.Fail):
	case q.Verb == wire.Save && state != "recording":
		return "0 nothing is recording; to record always: [record.ring] in the configuration"
	case q.Verb != wire.Start && state != "recording":
		return "0 nothing is recording"
	}
	before := r.tally()
	if !r.order(q) {
		return "0 at virtual pace only the guest has a say"
	}
	return r.outcome(q.Verb, before)
}

// outcome waits for what the machine and the disk make of a request: the answer
// to start and stop is the recording's folder, or why there is none.
func (r *recorder) outcome(v wire.Verb, before tally) string {
	switch v {
	case wire.Save:
		return "1 it is being saved; to see it: vmappliance recordings list"
	case wire.Start, wire.Stop:
	default:
		return "1 "
	}
	for end := time.Now().Add(obeyTime); time.Now().Before(end); time.Sleep(lookTime) {
		switch t := r.tally(); {
		case v == wire.Start && t.begun > before.begun, v == wire.Stop && t.ended > before.ended:
			return "1 " + t.text
		case t.refused > before.refused:
			return "0 " + t.text
		}
	}
	return "0 the guest has not come to it yet; to see: vmappliance record status"
}

// askControl has a conversation with the appliance that records in dir.
func askControl(dir string, q wire.Request) (string, error) {
	c, err := net.DialTimeout("unix", filepath.Join(dir, controlSocket), talkTime)
	if err != nil {
		return "", exit.Errorf(exit.NotFound, "no appliance is running that records in %s; to run one: vmappliance run CONFIG.toml", dir)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(talkTime))
	if _, err := fmt.Fprintln(c, q.Format()); err != nil {
		return "", fmt.Errorf("ask the appliance: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(c, wire.MaxMessageBytes))
	if err != nil || len(b) < 3 {
		return "", fmt.Errorf("the appliance did not answer: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	text := string(b[2 : len(b)-1])
	if b[0] != '1' {
		return "", errors.New(text)
	}
	return text, nil
}
