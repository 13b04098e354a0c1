package gdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A still is a Target without a machine: a state, memory from stillBase on,
// and stops that were written down beforehand.
type still struct {
	cpu.State
	mem     []byte
	threads []Thread
	known   map[uint64]Known
	stops   []Stop
	orders  []Order
	running chan struct{} // told of what waits
}

const stillBase = 0x1000

func newStill() *still {
	s := &still{mem: make([]byte, 0x3000), threads: []Thread{{ID: 1, Name: "cpu0"}}, running: make(chan struct{}, 1)}
	for i := range s.R {
		s.R[i] = uint64(i) << 40
	}
	s.RIP, s.RFLAGS, s.EFER, s.Seg[x86.CS].Attr = stillBase, 2, cpu.EFERLMA, cpu.AttrL
	s.FTW = 0xffff
	return s
}

func (s *still) Threads() []Thread { return s.threads }

func (s *still) Registers(thread uint64) (*cpu.State, Known) {
	if k, ok := s.known[thread]; ok {
		return &s.State, k
	}
	return &s.State, All
}

func (s *still) Read(_, la uint64, p []byte) int {
	if la < stillBase || la >= stillBase+uint64(len(s.mem)) {
		return 0
	}
	return copy(p, s.mem[la-stillBase:])
}

// Run gives the next stop; without one it waits to be interrupted. Each step
// is three bytes.
func (s *still) Run(ctx context.Context, o Order) (Stop, error) {
	s.orders = append(s.orders, o)
	if len(s.stops) == 0 {
		s.wait(ctx)
		return Stop{Reason: Interrupted}, nil
	}
	s.RIP += 3 * o.Steps
	stop := s.stops[0]
	s.stops = s.stops[1:]
	if stop.Reason > End {
		return Stop{}, errors.New("cannot go back: it is #live")
	}
	return stop, nil
}

func (s *still) Monitor(ctx context.Context, command string, out io.Writer) error {
	switch command {
	case "wait":
		s.wait(ctx)
		return ctx.Err()
	case "long":
		command = strings.Repeat("#$}* abcdefgh", 1000)
	}
	_, err := fmt.Fprintln(out, command)
	return err
}

// wait tells that it waits for the end.
func (s *still) wait(ctx context.Context) {
	select {
	case s.running <- struct{}{}:
	case <-ctx.Done():
	}
	<-ctx.Done()
}

// A wet is a still that can be changed.
type wet struct{ *still }

func (w wet) SetRegisters(_ uint64, s *cpu.State) error {
	w.State = *s
	return nil
}

func (w wet) Write(_, la uint64, p []byte) error {
	if la < stillBase || la+uint64(len(p)) > stillBase+uint64(len(w.mem)) {
		return errors.New("nothing is mapped there")
	}
	copy(w.mem[la-stillBase:], p)
	return nil
}
