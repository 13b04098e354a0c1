package mail_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// A script is an SMTP server that says what a test tells it to. Replies are taken
// in order per verb ("." is the end of a message, "" the greeting); then the
// server is an ordinary one. The reply "drop" closes the connection.
type script struct {
	caps    []string
	replies map[string][]string
	tls     *tls.Config // for smtps and STARTTLS
	smtps   bool

	mu       sync.Mutex
	commands []string
	messages [][]byte // those taken with 250
}

// start serves until the test ends and returns host:port.
func (s *script) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				if s.smtps {
					c = tls.Server(c, s.tls)
				}
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func (s *script) next(verb, otherwise string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.replies[verb]; len(r) > 0 {
		s.replies[verb] = r[1:]
		return r[0]
	}
	return otherwise
}

func (s *script) serve(c net.Conn) {
	r, w := textproto.NewReader(bufio.NewReader(c)), bufio.NewWriter(c)
	say := func(reply string) bool {
		if reply == "drop" {
			return false
		}
		fmt.Fprintf(w, "%s\r\n", reply)
		return w.Flush() == nil && !strings.HasPrefix(reply, "421")
	}
	if !say(s.next("", "220 scripted")) {
		return
	}
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "EHLO":
			reply := "250 scripted"
			if len(s.caps) > 0 {
				reply = "250-scripted\r\n250-" + strings.Join(s.caps[:len(s.caps)-1], "\r\n250-")
				if len(s.caps) == 1 {
					reply = "250-scripted"
				}
				reply += "\r\n250 " + s.caps[len(s.caps)-1]
			}
			if !say(s.next(verb, reply)) {
				return
			}
		case "STARTTLS":
			if !say(s.next(verb, "220 go ahead")) {
				return
			}
			tc := tls.Server(c, s.tls)
			c, r, w = tc, textproto.NewReader(bufio.NewReader(tc)), bufio.NewWriter(tc)
		case "DATA":
			reply := s.next(verb, "354 go ahead")
			if !say(reply) {
				return
			}
			if reply[0] == '3' && !s.take(r, say) {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		case "AUTH":
			if !say(s.next(verb, "235 welcome")) {
				return
			}
		default:
			if !say(s.next(verb, "250 ok")) {
				return
			}
		}
	}
}

// take reads a message and answers it.
func (s *script) take(r *textproto.Reader, say func(string) bool) bool {
	m, err := io.ReadAll(r.DotReader())
	if err != nil {
		return false
	}
	reply := s.next(".", "250 2.0.0 queued")
	if strings.HasPrefix(reply, "250") || reply == "drop" { // taken, and the reply is lost
		s.mu.Lock()
		s.messages = append(s.messages, bytes.ReplaceAll(m, []byte("\n"), []byte("\r\n")))
		s.mu.Unlock()
	}
	return say(reply)
}

// said counts the commands that begin so.
func (s *script) said(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.commands {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}
