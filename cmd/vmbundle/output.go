package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// An output is where a verb writes what may be long: a file, which is there when
// it is complete, readable by its owner alone, or standard output.
type output struct {
	name  string
	force bool
}

// define adds --output and --force.
func (o *output) define(c *cobra.Command, usual string) {
	c.Flags().StringVarP(&o.name, "output", "o", usual, "write to `OUT`; - is standard output")
	c.Flags().BoolVar(&o.force, "force", false, "overwrite OUT")
}

// free tells whether OUT may be written; what is no text is kept from terminals.
func (o *output) free(c *cobra.Command, format string, text bool) error {
	if o.name == "-" {
		if !text && terminal(c.OutOrStdout()) {
			return exit.Errorf(exit.Usage, "%s is nothing for a terminal; name a file: -o OUT", format)
		}
		return nil
	}
	if i, err := os.Stat(o.name); err == nil && !i.Mode().IsRegular() {
		return fmt.Errorf("%s is no file; to write to a pipe or a device: -o - and the shell's >", o.name)
	}
	return cli.Fresh(o.name, o.force)
}

// write has f write OUT.
func (o *output) write(c *cobra.Command, f func(io.Writer) error) error {
	if o.name == "-" {
		return f(struct{ io.Writer }{c.OutOrStdout()}) // a pipe cannot seek
	}
	out, err := renameio.NewPendingFile(o.name, renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	if err := f(out); err != nil {
		return errors.Join(err, out.Cleanup())
	}
	return out.CloseAtomicallyReplace()
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
