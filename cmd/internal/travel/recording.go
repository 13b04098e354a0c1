package main

import (
	"errors"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/timeline"
)

// A recording is where machines at its start come from.
type recording struct {
	fresh func(machine.Maker) (*timeline.Run, error)
	end   vmm.Position
}

// read is a bundle's recording, up to a position.
func read(file, end string) (*recording, error) {
	b, err := bundle.Open(file)
	if err != nil {
		return nil, err
	}
	p, err := replay.ParsePosition(end, replay.LineOf(b.Manifest()))
	return &recording{end: p, fresh: func(e machine.Maker) (*timeline.Run, error) { return load(file, e) }}, errors.Join(err, b.Close())
}

// load is a machine at the start of a bundle's recording.
func load(file string, e machine.Maker) (*timeline.Run, error) {
	b, err := bundle.Open(file)
	if err != nil {
		return nil, err
	}
	var free func()
	r, err := replay.Open(b, machine.Replayed(e, &free))
	if err != nil {
		free()
		return nil, errors.Join(err, b.Close())
	}
	return r.Timeline(func() error { free(); return b.Close() }), nil
}
