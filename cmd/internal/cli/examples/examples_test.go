package examples

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func program() *cobra.Command {
	root := &cobra.Command{Use: "prog", Long: "  prog cut x --at 5      cuts it\n  prog help topic\n  prog [command]\n  other frob"}
	cut := &cobra.Command{Use: "cut", Args: cobra.ExactArgs(1), Run: func(*cobra.Command, []string) {}}
	cut.Flags().String("at", "", "")
	_ = cut.MarkFlagRequired("at")
	group := &cobra.Command{Use: "group", Run: func(*cobra.Command, []string) {}}
	group.AddCommand(&cobra.Command{Use: "sub", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {}})
	root.AddCommand(cut, group, &cobra.Command{Use: "topic", Long: "text"})
	return root
}

func TestLines(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"prog cut 'a b' --at 7", ""},
		{"prog cut a \\\n        --at 7", ""},
		{"prog group sub", ""},
		{"prog cutt x --at 7", "unknown command"},
		{"prog cut x --att 7", "unknown flag: --att"},
		{"prog cut x y --at 7", "accepts 1 arg"},
		{"prog cut x", `required flag(s) "at"`},
		{"prog group sup", `there is no "sup"`},
		{"prog help topix", "unknown command"},
		{"prog help group sup", `there is no "sup"`},
		{"prog cut 'a --at 7", "sh: "},
	} {
		n, bad := lines(program, "Read:\n\n    "+c.line+"\n")
		if n != 3 || (len(bad) > 0) != (c.want != "") || len(bad) > 0 && !strings.Contains(bad[0].Error(), c.want) {
			t.Errorf("%s: %d lines, %v; want %q", c.line, n, bad, c.want)
		}
	}
}
