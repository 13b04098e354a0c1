package bundle

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/bundle/store"
	"vmrecord/vmm/tape"
)

// An IntegrityError is a bundle that is not what was packed (exit code 5).
type IntegrityError struct {
	Part string // of the bundle; "file" where the archive itself is damaged
	What string
	Err  error // the cause, if another error
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf("%s is damaged: %s; ask the sender for the bundle again", e.Part, e.What)
}

func (e *IntegrityError) Unwrap() error { return e.Err }

// An IncompatibleError is a bundle that needs another program (exit code 6).
type IncompatibleError struct {
	Needs string // what is needed
	Have  string // what this program has
}

func (e *IncompatibleError) Error() string {
	return fmt.Sprintf("the bundle needs %s; this program has %s", e.Needs, e.Have)
}

// A LevelError is a bundle that holds too little for what is asked of it (exit code 6).
type LevelError struct {
	Level string // the bundle's
	What  string // that cannot be done
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("the bundle is of level %s, with which %s is not possible; ask the sender for level L2", e.Level, e.What)
}

// Can is a *LevelError where the bundle's level does not allow something.
func (b *Bundle) Can(capability, what string) error {
	if slices.Contains(b.man.Capabilities, capability) {
		return nil
	}
	return &LevelError{b.man.Level, what}
}

func damaged(part, f string, a ...any) error {
	return &IntegrityError{Part: part, What: fmt.Sprintf(f, a...)}
}

// Damaged turns what parsers say about a part into an IntegrityError, or an
// IncompatibleError for a version they do not know; other errors, such as the host's, stay what they are.
func Damaged(part string, err error) error {
	var block *store.DamageError
	var frame *tape.DamageError
	var version *tape.VersionError
	var known *IntegrityError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &version):
		return &IncompatibleError{"a newer program", version.Error()}
	case errors.As(err, &block), errors.As(err, &frame), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tape.ErrTruncated):
		return &IntegrityError{part, err.Error(), err}
	}
	return err
}
