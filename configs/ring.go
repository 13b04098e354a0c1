package configs

import (
	"fmt"

	"vmrecord/configs/size"
)

// RingName is the feature that a recording saved out of the ring is of.
const RingName = "ring"

// minRing is a bound that holds hardly more than one epoch of the smallest guest.
const minRing = 1 << 20

// A Ring says how to record always, how much of that to have at hand, and how often
// the guest or a trigger may have it saved: these three as in a Policy. Times are
// seconds, all but Cooldown of the guest.
type Ring struct {
	On       bool       `toml:"-"`       // the table is there
	MinAge   uint32     `toml:"min_age"` // that a save reaches back
	Epoch    uint32     `toml:"epoch"`   // between snapshots
	MaxBytes size.Bytes `toml:"max_bytes"`
	Tail     uint32     `toml:"tail"` // that a save goes on for
	Cooldown uint32     `toml:"cooldown"`
	Sample   uint32     `toml:"sample"`
	DayCap   uint32     `toml:"day_cap"`
}

// defaultRing holds where the table says nothing. What fails again and again must
// not fill the disk with the same minute.
func defaultRing() Ring {
	return Ring{MinAge: 60, Epoch: 10, MaxBytes: 512 << 20, Tail: 5, Cooldown: 60, DayCap: 5}
}

func (r *Ring) check() error {
	for _, f := range []struct {
		name           string
		v, least, most uint32
	}{
		{"min_age", r.MinAge, 1, 24 * 3600},
		{"epoch", r.Epoch, 1, 3600},
		{"tail", r.Tail, 0, 600},
	} {
		if f.v < f.least || f.v > f.most {
			return fmt.Errorf("record.ring.%s is %d; %d to %d seconds", f.name, f.v, f.least, f.most)
		}
	}
	if r.MaxBytes < minRing {
		return fmt.Errorf("record.ring.max_bytes is %v; at least %v", r.MaxBytes, size.Bytes(minRing))
	}
	return nil
}
