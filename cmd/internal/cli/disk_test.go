package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestHint(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "; free some disk space and try again"},
		{fmt.Errorf("save: %w", syscall.EFBIG), "; free some disk space and try again"},
		{errors.Join(errors.New("close"), syscall.EIO), "; check the disk and try again"},
		{fmt.Errorf("%w; free some disk space in recs", syscall.ENOSPC), ""},
		{fs.ErrNotExist, ""},
	} {
		if got := Hint(c.err); got != c.want {
			t.Errorf("%v%s, want %q", c.err, got, c.want)
		}
	}
}
