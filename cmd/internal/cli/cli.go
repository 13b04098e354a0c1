// Package cli is what the command lines of our programs have in common: errors
// to exit statuses, places for files, progress, JSON.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/exit"
	"vmrecord/configs/spelling"
)

// Run executes a program and returns its exit status.
func Run(root *cobra.Command, args []string) int {
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit.Errorf(exit.Usage, "%w%s; see: %s --help", err, nearestFlag(c, err), c.CommandPath())
	})
	root.SetArgs(args)
	tolerateFullDisk()
	err := root.Execute()
	if err == nil {
		return 0
	}
	// Cobra's own, which have no type.
	if m := err.Error(); strings.HasPrefix(m, "unknown command") || strings.HasPrefix(m, "required flag") {
		err = exit.Errorf(exit.Usage, "%s", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n\n", "\n"))
	}
	if s := (Status)(0); errors.As(err, &s) {
		return int(s)
	}
	fmt.Fprintf(root.ErrOrStderr(), "%s: %v%s\n", root.Name(), err, Hint(err))
	return int(exit.Of(err))
}

// nearestFlag is a hint at what somebody meant to write for a flag that there is
// not.
func nearestFlag(c *cobra.Command, err error) string {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: ")
	if !ok {
		return ""
	}
	all := regexp.MustCompile(`--[a-z-]+`).FindAllString(c.Flags().FlagUsages(), -1)
	if n, ok := spelling.Nearest(name, all); ok {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

// A Status is an exit status without a message: what had to be said was said.
type Status int

// Error names the number.
func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Args checks the number of arguments and answers with the command's usage.
func Args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return exit.Errorf(exit.Usage, "%s takes %s, not %d; usage: %s", c.CommandPath(), count(least, most), len(args), c.UseLine())
		}
		return nil
	}
}

func count(least, most int) string {
	switch {
	case least < most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	case least == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", least)
}

// Group makes a command that only holds others.
func Group(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return exit.Errorf(exit.Usage, "unknown command %q for %q; see: %s --help", args[0], c.CommandPath(), c.CommandPath())
		}
		_ = c.Help()
		return Status(exit.Usage)
	}
	c.AddCommand(sub...)
	return c
}

// Topic makes a page of help.
func Topic(name, short, page string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Long: page}
}

// JSON prints one document. v is a struct whose first field is its schema.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// StateDir is where recordings and the outbox live.
func StateDir() (string, error) {
	return place("VMRECORD_STATE", "XDG_DATA_HOME", ".local", "share")
}

// KeyDir is where keys are: those that open bundles, and the appliance's own.
func KeyDir() (string, error) {
	if d := os.Getenv("VMRECORD_KEYS"); d != "" {
		return d, nil
	}
	state, err := StateDir()
	return filepath.Join(state, "keys"), err
}

// BaseDir is where bases of thin bundles are.
func BaseDir() (string, error) {
	if d := os.Getenv("VMRECORD_BASES"); d != "" {
		return d, nil
	}
	state, err := StateDir()
	return filepath.Join(state, "bases"), err
}

// CacheDir is where what can be fetched again lives.
func CacheDir() (string, error) { return place("VMRECORD_CACHE", "XDG_CACHE_HOME", ".cache") }

func place(own, xdg string, home ...string) (string, error) {
	if d := os.Getenv(own); d != "" {
		return d, nil
	}
	if d := os.Getenv(xdg); filepath.IsAbs(d) {
		return filepath.Join(d, "vmrecord"), nil
	}
	h, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w; set %s to a folder", err, own)
	}
	return filepath.Join(append(append([]string{h}, home...), "vmrecord")...), nil
}

// Fresh refuses to overwrite a file, and to write into a folder that is not there.
func Fresh(name string, force bool) error {
	if dir := filepath.Dir(name); !isDir(dir) {
		return exit.Errorf(exit.NotFound, "%s: there is no such folder; to make it: mkdir -p %s", dir, dir)
	}
	if _, err := os.Lstat(name); err == nil && !force {
		return fmt.Errorf("%s exists and is not overwritten; to do it: --force", name)
	}
	return nil
}

func isDir(name string) bool {
	i, err := os.Stat(name)
	return err == nil && i.IsDir()
}

// Revision is the source revision that the program was built from.
func Revision() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
