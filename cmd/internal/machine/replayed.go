package machine

import (
	"context"
	"fmt"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/vmm"
)

// Replayed makes the machine that a bundle was recorded on. free, which is never
// nil then, gives its memory back.
func Replayed(e Maker, free *func()) replay.Build {
	*free = func() {}
	return func(c replay.Config) (*vmm.Machine, error) {
		s, err := Parse(c.Machine)
		if err != nil {
			return nil, &bundle.IncompatibleError{Needs: "another program", Have: "this problem with it: " + err.Error()}
		}
		if s.Memory != c.MemoryBytes || s.Hz != c.Board.Hz {
			return nil, &bundle.IntegrityError{Part: "manifest.json", What: fmt.Sprintf("its machine has %d bytes at %d Hz, its tape's %d at %d",
				s.Memory, s.Hz, c.MemoryBytes, c.Board.Hz)}
		}
		m, f, err := s.BuildOn(e, c.Board.Epoch, c.Seed)
		if err == nil {
			*free = f
		}
		return m, err
	}
}

// Replay replays all of a bundle, on the engine that programs usually have.
func Replay(b *bundle.Bundle) (replay.Result, error) {
	var free func()
	r, err := replay.Open(b, Replayed(EngineFlags{}, &free))
	defer func() { free() }()
	if err != nil {
		return replay.Result{}, err
	}
	return r.Run(context.Background(), replay.Options{})
}
