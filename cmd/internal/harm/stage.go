package main

import (
	"fmt"
	"os"
	"time"
)

// A stage is one of our programs at its work.
type stage struct {
	name   string
	spread time.Duration // a kill comes at most so long after the program has acknowledged something
	// prepare makes, once, a folder that rooms are copies of.
	prepare func(*room) error
	// open makes a work of a room. One that is short comes to an end, after it did
	// everything once; others may go on for long.
	open func(r *room, short bool) (work, error)
}

// A work is what a program does in a room.
type work interface {
	// program is the command line, and the statuses of success.
	program() (args []string, good []int)
	// beside is the other side, if there is one. It returns when the program is gone,
	// which it tells to end if need be.
	beside(p *process)
	// acknowledged tells whether the program has acknowledged anything by now.
	acknowledged(p *process) bool
	// check looks at what the program left: whether all is there that it
	// acknowledged, and whether a later one goes on. ended tells that it came to its
	// own end and reported success: then all must have been done.
	check(p *process, ended bool) error
	close()
}

// What a check finds.
type (
	lostError  struct{ error } // something that was acknowledged
	halfError  struct{ error } // something is there by halves
	stuckError struct{ error } // what could be done later is not
)

func lost(f string, a ...any) error  { return lostError{fmt.Errorf("lost: "+f, a...)} }
func half(f string, a ...any) error  { return halfError{fmt.Errorf("half: "+f, a...)} }
func stuck(f string, a ...any) error { return stuckError{fmt.Errorf("stuck: "+f, a...)} }

var stages = []stage{recorderStage, ringStage, packerStage, spoolerStage, senderStage, inboxStage}

// A bench has the programs, and a prepared folder for each stage.
type bench struct {
	dir, bin string
	made     map[string]string // folders by stage
}

// newBench prepares stages in a folder, with programs from another.
func newBench(dir, bin string, all []stage) (*bench, error) {
	b := &bench{dir: dir, bin: bin, made: map[string]string{}}
	for _, s := range all {
		r, err := b.room("made-" + s.name)
		if err == nil {
			err = s.prepare(r)
		}
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", s.name, err)
		}
		b.made[s.name] = r.dir
	}
	return b, nil
}

func (b *bench) room(name string) (*room, error) {
	r := &room{dir: b.dir + "/" + name, bin: b.bin}
	return r, os.MkdirAll(r.path("tmp"), 0o700)
}

// open begins a work in a new room.
func (b *bench) open(s stage, name string, short bool) (*room, work, error) {
	r := &room{dir: b.dir + "/" + name, bin: b.bin}
	if err := os.CopyFS(r.dir, os.DirFS(b.made[s.name])); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.name, err)
	}
	w, err := s.open(r, short)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return r, w, nil
}
