package wall

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Wall is all that an enclosed process reaches of the host's files. Symbolic links
// that lead out of it lead nowhere.
type Wall struct {
	Read  []string // files and folders; those that are not there are left out
	Write []string // folders, made if they are not there
}

// noLandlock is what a host may lack, as people are told.
const noLandlock = "this kernel has no Landlock (Linux 5.13 and later, where it is in /sys/kernel/security/lsm)"

// A place is a file or a folder behind the wall.
type place struct {
	path  string // absolute
	dir   bool
	write bool
}

// places are the wall's, outer folders before what is in them.
func (w Wall) places() (all []place, err error) {
	for _, n := range w.Write {
		if err := os.MkdirAll(n, 0o700); err != nil {
			return nil, err
		}
	}
	for i, n := range slices.Concat(w.Read, w.Write) {
		s, err := os.Stat(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n, err = filepath.Abs(n); err != nil {
			return nil, err
		}
		all = append(all, place{n, s.IsDir(), i >= len(w.Read)})
	}
	slices.SortStableFunc(all, func(a, b place) int { return strings.Compare(a.path, b.path) })
	return all, nil
}
