package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/tree"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A treeDocument is what tree --json prints.
type treeDocument struct {
	Schema string       `json:"schema"` // vmbundle.tree/1
	Folder string       `json:"folder"`
	Trees  []*tree.Node `json:"trees"`
}

// A treeVerb is what tree was asked for.
type treeVerb struct {
	svg    string
	force  bool
	asJSON bool
}

func treeCommand() *cobra.Command {
	var v treeVerb
	c := &cobra.Command{
		Use:   "tree [FILE|ID|NAME]",
		Short: "Show what went live from a recording, and from what went live",
		Long: "tree shows the branches of a recording, made by vmbundle golive --record, and snapshots\n" +
			"of it: where each left, how it ended, and what it takes on disk, alone and shared with\n" +
			"others. Without an argument it shows all. A branch's name or id can stand wherever a file\n" +
			"can. Branches are kept in $VMB_BRANCHES, by default ~/.local/share/vmrecord/branches.",
		Example: "  vmbundle tree R-XXXX-XXXX.vmb\n" +
			"  vmbundle tree --svg tree.svg another-way\n" +
			"  vmbundle replay another-way",
		Args: cli.Args(0, 1),
	}
	c.Flags().StringVar(&v.svg, "svg", "", "draw a picture into the file `OUT`")
	c.Flags().BoolVar(&v.force, "force", false, "overwrite OUT")
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	c.RunE = v.run
	label := func(use, short string, set func(l *recording.Label, text string)) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cli.Args(2, 2), RunE: func(_ *cobra.Command, args []string) error {
			return relabel(args[0], func(l *recording.Label) { set(l, args[1]) })
		}}
	}
	c.AddCommand(
		snapshotCommand(),
		label("name NODE NAME", "Give a branch, or what it left, another name", func(l *recording.Label, s string) { l.Name = s }),
		label("note NODE TEXT", "Write a note on a branch, or on what it left; an empty one removes it", func(l *recording.Label, s string) { l.Note = s }),
		&cobra.Command{Use: "drop NODE...", Short: "Remove branches; what left them stays", Args: cli.Args(1, 1000), RunE: drop},
	)
	return c
}

func openTree() (*tree.Tree, string, error) {
	dir, err := branchesDir()
	if err != nil {
		return nil, "", err
	}
	t, err := tree.Open(dir)
	return t, dir, err
}

// pathOfNode is where a node of the tree is, by name or id; empty if it is
// nowhere.
func pathOfNode(name string) (string, error) {
	t, _, err := openTree()
	if err != nil {
		return "", err
	}
	if n := t.Find(name); n != nil && n.Outcome != tree.Gone {
		return n.Path, nil
	}
	return "", nil
}

// nodeOf is the node that a user named, by name, id or file. A recording that
// nothing left is a tree of its own.
func nodeOf(c *cobra.Command, t *tree.Tree, name string) (*tree.Node, error) {
	if n := t.Find(name); n != nil {
		return n, nil
	}
	file, err := find(c, name)
	if err != nil {
		return nil, err
	}
	b, err := open(file)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if n := t.Find(b.ID()); n != nil {
		return n, nil
	}
	return tree.Lone(file, b), nil
}

func (v *treeVerb) run(c *cobra.Command, args []string) error {
	t, dir, err := openTree()
	if err != nil {
		return err
	}
	if err := t.Weigh(); err != nil {
		return err
	}
	roots := t.Roots()
	if len(args) == 1 {
		n, err := nodeOf(c, t, args[0])
		if err != nil {
			return err
		}
		roots = []*tree.Node{t.Root(n)}
	}
	if v.svg != "" {
		if err := v.draw(roots); err != nil || !v.asJSON {
			return err
		}
	}
	if v.asJSON {
		return cli.JSON(c.OutOrStdout(), treeDocument{"vmbundle.tree/1", dir, append([]*tree.Node{}, roots...)})
	}
	return printTrees(c.OutOrStdout(), roots)
}

func (v *treeVerb) draw(roots []*tree.Node) error {
	if err := cli.Fresh(v.svg, v.force); err != nil {
		return err
	}
	var b strings.Builder
	if err := tree.SVG(&b, roots, cli.Bytes); err != nil {
		return err
	}
	return renameio.WriteFile(v.svg, []byte(b.String()), 0o644)
}

// printTrees prints trees for people. What strangers wrote is quoted.
func printTrees(w io.Writer, roots []*tree.Node) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(roots) > 0 {
		fmt.Fprintln(tw, "NODE\tID\tAT\tLENGTH\tOUTCOME\tOWN\tSHARED\t")
	}
	for _, n := range roots {
		printNode(tw, n, "", "")
	}
	return tw.Flush()
}

// printNode prints a node and what left it, behind what its line and theirs
// begin with.
func printNode(w io.Writer, n *tree.Node, first, rest string) {
	outcome := n.Outcome
	if n.Truncated {
		outcome += ", cut off"
	}
	var about []string
	for _, s := range []string{n.Failure, n.Note} {
		if s != "" {
			about = append(about, fmt.Sprintf("%.100q", s))
		}
	}
	fmt.Fprintf(w, "%s%s\t%s\t%.3f s\t%.3f s\t%s\t%s\t%s\t%s\n", first, cmp.Or(n.Name, filepath.Base(n.Path)), n.ID,
		n.Seconds, n.Length, outcome, cli.Bytes(n.Own), cli.Bytes(n.Shared), strings.Join(about, " "))
	for i, k := range n.Children {
		if i == len(n.Children)-1 {
			printNode(w, k, rest+"└─ ", rest+"   ")
			continue
		}
		printNode(w, k, rest+"├─ ", rest+"│  ")
	}
}

// relabel changes what is written on a node.
func relabel(name string, set func(*recording.Label)) error {
	t, dir, err := openTree()
	if err != nil {
		return err
	}
	n := t.Find(name)
	if n == nil {
		return noNode(name, dir)
	}
	l := recording.Label{Name: n.Name, Note: n.Note}
	set(&l)
	return status(t.SetLabel(n, l))
}

func noNode(name, dir string) error {
	return exit.Errorf(exit.NotFound, "no branch, nor anything that one left, is called %q in %s; to see all: vmbundle tree", name, dir)
}

func drop(c *cobra.Command, args []string) error {
	for _, name := range args {
		t, dir, err := openTree()
		if err != nil {
			return err
		}
		n := t.Find(name)
		if n == nil || n.Path == "" {
			return noNode(name, dir)
		}
		if err := t.Drop(n); err != nil {
			return err
		}
		if _, err := os.Stat(n.Path); err == nil {
			fmt.Fprintf(c.ErrOrStderr(), "%s is forgotten; its file stays: %s\n", name, n.Path)
		}
	}
	return nil
}
