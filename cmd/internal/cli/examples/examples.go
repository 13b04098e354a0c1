// Package examples checks that what help and README show to type is what the programs
// take: commands, flags and how many arguments. It runs nothing; that the lines do what
// the pages say is for tests with a guest.
package examples

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Test checks the lines of a program's help and of README, of which there are at least so
// many. root makes the program's commands.
func Test(t *testing.T, root func() *cobra.Command, least int) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n, bad := lines(root, string(readme))
	for _, err := range bad {
		t.Error(err)
	}
	if n < least {
		t.Errorf("%d lines were found", n)
	}
}

// lines looks through all help of a program, and through pages beside it, for indented
// lines that begin with the program's name, and tells how many there are and what is wrong
// with some. Two blanks begin an explanation; what is in brackets is a form, not a command.
// root makes the program's commands anew: to parse a line leaves traces in them.
func lines(root func() *cobra.Command, pages ...string) (n int, bad []error) {
	r := root()
	pages = append(pages, texts(r)...)
	seen := map[string]bool{}
	shown := regexp.MustCompile(`(?m)^ +` + r.Name() + ` .*$`)
	for _, page := range pages {
		page = regexp.MustCompile(`\\\n +`).ReplaceAllString(page, "")
		for _, line := range shown.FindAllString(page, -1) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
			if seen[line] || strings.Contains(line, "[") {
				continue
			}
			seen[line] = true
			n++
			if err := check(root(), line); err != nil {
				bad = append(bad, fmt.Errorf("%s: %w", line, err))
			}
		}
	}
	return n, bad
}

// texts are what a command and those below it say about themselves.
func texts(c *cobra.Command) []string {
	all := []string{c.Long + "\n" + c.Example}
	for _, sub := range c.Commands() {
		all = append(all, texts(sub)...)
	}
	return all
}

// check takes a line apart as a shell does, and then as the program does.
func check(root *cobra.Command, line string) error {
	out, err := exec.Command("sh", "-c", `printf '%s\0' `+line).Output()
	if err != nil {
		return fmt.Errorf("sh: %w", err)
	}
	words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")[1:]
	page := len(words) > 0 && words[0] == "help"
	if page {
		words = words[1:]
	}
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	args := c.Flags().Args()
	switch {
	case page && len(args) == 0:
		return nil
	case page, len(args) > 0 && c.Args == nil:
		return fmt.Errorf("there is no %q in %q", args[0], c.CommandPath())
	}
	if err := c.ValidateArgs(args); err != nil {
		return err
	}
	return c.ValidateRequiredFlags()
}
