package cli

import (
	"errors"
	"slices"
	"strings"
	"syscall"
)

var (
	noRoom   = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
	badDisks = []error{syscall.EIO, syscall.EROFS}
)

// Remedy is what to do about a disk that was written to in vain.
func Remedy(err error) string {
	if isAny(err, noRoom) {
		return "free some disk space"
	}
	return "check the disk"
}

// Hint is Remedy, to stand behind the error's text; "" for one that is about no
// disk, or says what to do.
func Hint(err error) string {
	if !isAny(err, noRoom) && !isAny(err, badDisks) || strings.Contains(err.Error(), "free some") {
		return ""
	}
	return "; " + Remedy(err) + " and try again"
}

func isAny(err error, kinds []error) bool {
	return slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
}
