//go:build !unix

package recording

// lock does nothing where the host has no advisory locks.
func lock(string) (unlock func() error, err error) { return func() error { return nil }, nil }
