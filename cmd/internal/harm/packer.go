package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"time"

	"vmrecord/configs/cpio"
)

// The packer: vmbundle pack, which replaces a bundle that is there already and was
// acknowledged. The name must always have one of the two, whole.
var packerStage = stage{"packer", 150 * time.Millisecond, preparePacker, openPacker}

// preparePacker records two guests with two megabytes that do not get smaller,
// packs both, and leaves the first in the place that both have.
func preparePacker(r *room) error {
	if err := guests(r); err != nil {
		return err
	}
	if err := noisy(r, 2<<20); err != nil {
		return err
	}
	for range 2 {
		if _, err := r.run([]int{0}, "vmappliance", "run", "--kernel", "guest", "--initrd", "noise", "--memory", "32M", "--recordings", "recs", "--record-from-start", "all"); err != nil {
			return err
		}
	}
	for _, a := range [][2]string{{"recs/000001", "first"}, {"recs/000002", "second"}, {"recs/000001", "out.vmb"}} {
		if _, err := r.run([]int{0}, "vmbundle", "pack", a[0], a[1]); err != nil {
			return err
		}
	}
	return nil
}

// noisy makes an initial ramdisk of noise.
func noisy(r *room, size int) error {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(b)
	img, err := cpio.BuildInitramfs([]cpio.File{{Name: "noise", Mode: 0o644, Data: b}})
	if err != nil {
		return err
	}
	return os.WriteFile(r.path("noise"), img, 0o600)
}

type packer struct{ *room }

func openPacker(r *room, _ bool) (work, error) { return packer{r}, nil }

func (w packer) program() ([]string, []int) {
	return []string{"vmbundle", "pack", "recs/000002", "out.vmb"}, []int{0}
}
func (w packer) beside(p *process)            { <-p.gone.Done() }
func (w packer) acknowledged(p *process) bool { return true }
func (w packer) close()                       {}

func (w packer) check(p *process, ended bool) error {
	was, err := w.is("first")
	if err != nil {
		return lost("%w", err)
	}
	now, err := w.is("second")
	if err != nil {
		return lost("%w", err)
	}
	switch done := ended || p.out.String() != ""; {
	case !was && !now:
		return half("out.vmb is neither bundle")
	case done && !now:
		return lost("out.vmb was said to be the new bundle and is the old one")
	}
	if _, err := w.run([]int{0}, "vmbundle", "pack", "recs/000002", "out.vmb"); err != nil {
		return stuck("%w", err)
	}
	if now, err := w.is("second"); err != nil || !now {
		return half("packed again, out.vmb is another file (%v)", err)
	}
	return nil
}

// is tells whether out.vmb is a certain bundle.
func (w packer) is(name string) (bool, error) {
	out, err := os.ReadFile(w.path("out.vmb"))
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(w.path(name))
	return bytes.Equal(out, b), err
}
