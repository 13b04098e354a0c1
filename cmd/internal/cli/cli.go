// Package cli is what the command lines of our programs have in common: errors
// to exit statuses, places for files, progress, JSON.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"

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
	root.SetHelpCommand(helpCommand())
	root.SetArgs(args)
	tolerateFullDisk()
	c, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	if typed := (*exit.Error)(nil); !errors.As(err, &typed) {
		err = fromCobra(c, err)
	}
	if s := (Status)(0); errors.As(err, &s) {
		return int(s)
	}
	said := strings.Split(err.Error()+Hint(err), "\n")
	for i := range said {
		said[i] = strings.Map(Plain, said[i]) // some of it may be a stranger's
	}
	fmt.Fprintf(root.ErrOrStderr(), "%s: %s\n", root.Name(), strings.Join(said, "\n"))
	return int(exit.Of(err))
}

// Plain keeps characters that a terminal prints, and nothing that it obeys.
func Plain(r rune) rune {
	if unicode.IsPrint(r) || r == '\t' {
		return r
	}
	return '?'
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

// fromCobra gives Cobra's own errors, which have no type, a status and our words.
func fromCobra(c *cobra.Command, err error) error {
	quoted := regexp.MustCompile(`"[^"]*"`).FindAllString(err.Error(), -1)
	for i, q := range quoted {
		quoted[i] = strings.Trim(q, `"`)
	}
	switch m := err.Error(); {
	case strings.HasPrefix(m, "unknown command") && len(quoted) > 0:
		return unknownCommand(c, quoted[0])
	case strings.HasPrefix(m, "required flag"):
		return exit.Errorf(exit.Usage, "%s needs --%s; see: %s --help", c.CommandPath(), strings.Join(quoted, " and --"), c.CommandPath())
	}
	return err
}

// unknownCommand is the error of a command of c's that there is not.
func unknownCommand(c *cobra.Command, name string) error {
	var all []string
	for _, sub := range c.Commands() {
		all = append(all, sub.Name())
	}
	meant := ""
	if n, ok := spelling.Nearest(name, all); ok {
		meant = fmt.Sprintf("; did you mean %s?", n)
	}
	return exit.Errorf(exit.Usage, "unknown command %q for %q%s; see: %s --help", name, c.CommandPath(), meant, c.CommandPath())
}

// helpCommand explains any command, or topic.
func helpCommand() *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Help about any command", RunE: func(help *cobra.Command, args []string) error {
		c, rest, err := help.Root().Find(args)
		if err != nil {
			return unknownCommand(help.Root(), args[0])
		}
		if len(rest) > 0 {
			return unknownCommand(c, rest[0])
		}
		c.InitDefaultHelpFlag()
		return c.Help()
	}}
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
			return unknownCommand(c, args[0])
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

// JSON prints one document. v is a struct whose first field is its schema. It may be
// read at a terminal, so what that obeys of a stranger's text is escaped.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(obeyed.ReplaceAllFunc(b.Bytes(), func(c []byte) []byte {
		r, _ := utf8.DecodeRune(c)
		return fmt.Appendf(nil, "\\u%04x", r)
	}))
	return err
}

// obeyed are the characters that JSON lets stand and that a terminal may obey: DEL, C1,
// and those that turn the direction of text.
var obeyed = regexp.MustCompile(`[\x{7f}-\x{9f}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

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
