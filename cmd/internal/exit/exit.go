// Package exit is the one table of exit statuses that our programs use.
package exit

import (
	"errors"
	"fmt"
	"strings"
)

// A Code is a process's exit status.
type Code int

// The statuses. Their numbers are part of the programs' interface.
const (
	OK           Code = 0
	Failure      Code = 1
	Usage        Code = 2
	NotFound     Code = 3
	Consent      Code = 4
	Integrity    Code = 5
	Incompatible Code = 6
	Diverged     Code = 7
	Timeout      Code = 8
	GuestFailed  Code = 10
	Queued       Code = 75
	Interrupted  Code = 130
)

// A row explains one status.
type row struct {
	code Code
	text string
}

func table() []row {
	return []row{
		{OK, "well; for replay: equal to the recording, a reproduced failure included"},
		{Failure, "failure; for run: a triple fault, or an instruction outside the table"},
		{Usage, "wrong usage or configuration"},
		{NotFound, "not found, or incomplete"},
		{Consent, "consent or authentication needed"},
		{Integrity, "integrity: damaged, cut short or tampered with"},
		{Incompatible, "incompatible: another model or format, or a base is missing"},
		{Diverged, "the replay diverged from the recording"},
		{Timeout, "time limit or --max-instants reached"},
		{GuestFailed, "the guest failed while it was recorded, where run --guest-status asks for it"},
		{Queued, "queued: will be tried again"},
		{Interrupted, "interrupted by the user"},
	}
}

// Help is the table as a page.
func Help() string {
	var b strings.Builder
	b.WriteString("Exit statuses of vmappliance and vmbundle:\n\n")
	for _, r := range table() {
		fmt.Fprintf(&b, "  %3d  %s\n", r.code, r.text)
	}
	b.WriteString("\nvmappliance run returns 0 on power-off, and on reboot with --no-reboot.\n" +
		"With --debug-exit, a write of v to port 0xf4 gives (v<<1)|1 as it is.\n")
	return b.String()
}

// An Error is an error that knows its status.
type Error struct {
	Code Code
	Err  error
}

// Error is the message alone.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// With gives err a status; nil stays nil.
func With(c Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{c, err}
}

// Errorf makes an error with a status.
func Errorf(c Code, format string, a ...any) error { return &Error{c, fmt.Errorf(format, a...)} }

// Of is the status that an error leads to: the outermost one it carries.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return Failure
}
