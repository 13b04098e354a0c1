// Package levels makes the forms of a recording that are smaller than all of it, for
// the appliance and for the vendor.
package levels

import (
	"context"
	"os"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/slice"
	"vmrecord/cmd/internal/machine"
)

// Slice is what level L1 holds of the recording in a folder, proved to replay when it
// is packed with these options; their bases must be in the folder have. The recording
// is replayed twice. progress is told which of the two goes how far.
func Slice(ctx context.Context, dir string, o bundle.PackOptions, have base.Folder, progress func(what string, s replay.Step)) (*bundle.Slice, error) {
	b, err := bundle.OpenRecording(dir)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var free func()
	o.Slice, err = slice.Make(ctx, b, machine.Replayed(machine.EngineFlags{}, &free), func(s replay.Step) { progress("finding what replays use", s) })
	free()
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "vmrecord-slice-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	o.To, o.Sign = nil, nil // it is read once before anybody else does
	p, err := bundle.Pack(dir, tmp, o)
	if err != nil {
		return nil, err
	}
	return o.Slice, prove(ctx, p.Path, have, func(s replay.Step) { progress("replaying what is left", s) })
}

func prove(ctx context.Context, file string, have base.Folder, progress func(replay.Step)) error {
	b, err := bundle.Open(file)
	if err != nil {
		return err
	}
	defer b.Close()
	b.UseBases(have)
	var free func()
	defer func() { free() }()
	return slice.Prove(ctx, b, machine.Replayed(machine.EngineFlags{}, &free), progress)
}
