package main

import (
	"context"
	"net"
	"sync"

	"vmrecord/bundle/debug"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/live"
)

// defaultGDB is where --gdb without an address listens.
const defaultGDB = "127.0.0.1:1234"

// A stub has debuggers look at the machines of a run, one after the other.
type stub struct {
	listener net.Listener
	conns    chan net.Conn
}

// listen waits for debuggers until close is called; for none if addr is "".
func listen(addr string) (b *stub, stop func(), err error) {
	if addr == "" {
		return nil, func() {}, nil
	}
	l, err := cli.Loopback("--gdb", addr)
	if err != nil {
		return nil, func() {}, err
	}
	b = &stub{l, make(chan net.Conn)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case b.conns <- c:
			case <-ctx.Done():
				_ = c.Close()
			}
		}
	}()
	return b, func() { cancel(); _ = l.Close() }, nil
}

// debugged has a machine debugged, if the run is: begin waits until a debugger has it
// go on, end for the debugger to leave a machine that has ended.
func (l *oneRun) debugged(s *live.Session) (begin func(), end func(why string)) {
	if l.gdb == nil {
		l.use(s.Door, func() {})
		return func() {}, func(string) {}
	}
	d := debug.NewLive(s.M, s.Door)
	s.Struck = d.Struck
	l.use(s.Door, d.Quit)
	var served sync.WaitGroup
	served.Go(func() { d.Serve(l.gdb.conns, l.say) })
	l.say("waiting for a debugger: gdb -ex 'target remote %s'", l.gdb.listener.Addr())
	return d.Begin, func(why string) {
		d.End(why)
		served.Wait()
	}
}
