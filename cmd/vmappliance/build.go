package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"vmrecord/bundle/base"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs/cpio"
	"vmrecord/configs/guestkernel"
)

// A build is what the verb's flags ask for.
type build struct {
	out    string
	files  []string
	links  []string
	kernel string
	golden goldenBuild
	sign   string // name of the key
	enroll string
	signed string // the configuration to write
	force  bool
	asJSON bool
}

// A builtDocument is what --json prints.
type builtDocument struct {
	Schema    string              `json:"schema"` // vmappliance.build/1
	Kernel    *guestkernel.Kernel `json:"kernel,omitempty"`
	Path      string              `json:"kernel_path,omitempty"`
	Initramfs string              `json:"initramfs,omitempty"`
	Bytes     int                 `json:"initramfs_bytes,omitempty"`
	Golden    string              `json:"golden,omitempty"`
	Digest    string              `json:"golden_sha256,omitempty"`
	Signed    string              `json:"signed,omitempty"` // configuration
}

func buildCommand() *cobra.Command {
	var b build
	c := &cobra.Command{
		Use:   "build [CONFIG.toml]",
		Short: "Make an appliance: an initramfs, the kernel, a golden, a signed configuration",
		Long: "build makes an initramfs from files of this computer; the same files make the same\n" +
			"bytes. It fetches a kernel of Debian's into the cache (unpacked, not installed) and\n" +
			"prints its path: debian, for virtual machines, is the one that a configuration means\n" +
			"by this name; debian-amd64 is for any 64-bit PC, debian-686 for any 32-bit one.\n\n" +
			"With --golden it boots the appliance, without anybody typing, until it is at rest or has\n" +
			"printed --when TEXT, writes the state to OUT, and prints two lines to add under\n" +
			"[machine]. run then starts from it in less than a second, with today's date, an id and\n" +
			"random numbers of its own, and packs recordings as what differs from it: keep it where\n" +
			"you debug (vmbundle base add OUT). All that was in the guest's memory is in it.\n\n" +
			"With --sign it writes CONFIG.signed.toml, what users run, and its signature: only the\n" +
			"signing key can change whom reports go to, what they are sealed to, and the files that\n" +
			"the guest boots, whose SHA-256 it holds.",
		Example: "  vmappliance build --kernel debian\n" +
			"  vmappliance build --initramfs initramfs.cpio --file init=./vmagent --file ledger=./ledger\n" +
			"  vmappliance build --golden ledger.vmg --when 'ledger ready' appliance.toml\n" +
			"  vmappliance build --sign vendor appliance.toml",
		Args: cli.Args(0, 1),
	}
	f := c.Flags()
	f.StringVar(&b.out, "initramfs", "", "write an initramfs to `OUT`")
	f.StringArrayVar(&b.files, "file", nil, "put the file PATH of this computer into it as `NAME=PATH`")
	f.StringArrayVar(&b.links, "link", nil, "put a symbolic link into it as `NAME=TARGET`")
	f.StringVar(&b.kernel, "kernel", "", "fetch a kernel into the cache: `KIND` is one of "+strings.Join(guestkernel.Names(), ", "))
	f.StringVar(&b.golden.out, "golden", "", "boot CONFIG.toml's guest, and write its state to `OUT`")
	f.StringVar(&b.golden.when, "when", "", "take the golden when the guest prints `TEXT`; else when it sleeps")
	f.StringVar(&b.sign, "sign", "", "sign CONFIG.toml by the key called `KEY`: vmbundle keys new")
	f.StringVar(&b.enroll, "enroll", "", "put the `CODE` into it by which your inbox takes computers in: vmbundle inbox enroll new")
	f.StringVar(&b.signed, "out", "", "write the signed configuration to `OUT`")
	f.BoolVar(&b.force, "force", false, "overwrite OUT")
	f.BoolVar(&b.asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error { return b.run(c, args) }
	return c
}

func (b *build) run(c *cobra.Command, args []string) error {
	if err := b.check(args); err != nil {
		return err
	}
	doc := builtDocument{Schema: "vmappliance.build/1"}
	if b.kernel != "" {
		flavour, ok := guestkernel.Named(b.kernel)
		if !ok {
			return exit.Errorf(exit.Usage, "--kernel %q: want one of %s", b.kernel, strings.Join(guestkernel.Names(), ", "))
		}
		k, err := fetchKernel(c, flavour)
		if err != nil {
			return err
		}
		doc.Kernel, doc.Path = k, k.Path
		if !b.asJSON {
			fmt.Fprintln(c.OutOrStdout(), k.Path)
		}
	}
	if b.out != "" {
		n, err := b.initramfs()
		if err != nil {
			return err
		}
		doc.Initramfs, doc.Bytes = b.out, n
		fmt.Fprintf(c.ErrOrStderr(), "wrote %s, %s\n", b.out, cli.Bytes(int64(n)))
	}
	if b.golden.out != "" {
		digest, err := b.golden.run(c.ErrOrStderr(), args[0], b.force)
		if err != nil {
			return err
		}
		doc.Golden, doc.Digest = b.golden.out, digest
		if !b.asJSON {
			fmt.Fprintf(c.OutOrStdout(), "golden = %q\ngolden_sha256 = %q\n", b.golden.beside(args[0]), digest)
		}
	}
	if b.sign != "" {
		if err := b.release(args[0]); err != nil {
			return err
		}
		doc.Signed = b.signed
		fmt.Fprintf(c.ErrOrStderr(), "wrote %s and its signature; give users both, with the files that it names\n", b.signed)
	}
	if b.asJSON {
		return cli.JSON(c.OutOrStdout(), doc)
	}
	return nil
}

// check looks at what belongs together.
func (b *build) check(args []string) error {
	switch {
	case b.out == "" && len(b.files)+len(b.links) > 0:
		return exit.Errorf(exit.Usage, "--file and --link need --initramfs OUT")
	case b.sign == "" && len(b.enroll)+len(b.signed) > 0:
		return exit.Errorf(exit.Usage, "--enroll and --out need --sign KEY")
	case b.sign == "" && b.golden.out == "" && len(args) > 0:
		return exit.Errorf(exit.Usage, "CONFIG.toml needs --golden OUT or --sign KEY")
	case b.sign != "" && b.golden.out != "":
		return exit.Errorf(exit.Usage, "make the golden first, write its lines into the configuration, then sign that")
	case b.sign != "" && len(args) == 0:
		return exit.Errorf(exit.Usage, "--sign signs a configuration; say which: vmappliance build --sign %s appliance.toml", b.sign)
	case b.golden.out != "" && len(args) == 0:
		return exit.Errorf(exit.Usage, "--golden boots a configuration; say which: vmappliance build --golden %s appliance.toml", b.golden.out)
	case b.golden.out == "" && b.golden.when != "":
		return exit.Errorf(exit.Usage, "--when needs --golden OUT")
	case b.golden.out != "" && filepath.Ext(b.golden.out) != base.Ext:
		return exit.Errorf(exit.Usage, "--golden %s: its name has to end in %s", b.golden.out, base.Ext)
	case b.out == "" && b.kernel == "" && b.sign == "" && b.golden.out == "":
		return exit.Errorf(exit.Usage, "nothing to build; say --initramfs OUT --file NAME=PATH, --kernel debian, --golden OUT or --sign KEY")
	}
	return nil
}

// fetchKernel gets a Debian kernel, telling how far it is.
func fetchKernel(c *cobra.Command, flavour guestkernel.Flavour) (*guestkernel.Kernel, error) {
	cache, err := cli.CacheDir()
	if err != nil {
		return nil, err
	}
	p := cli.NewProgress(c.ErrOrStderr())
	defer p.End()
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return (&guestkernel.Fetcher{Flavour: flavour, Cache: cache, Progress: p.Step}).Fetch(ctx)
}

func (b *build) initramfs() (int, error) {
	if err := cli.Fresh(b.out, b.force); err != nil {
		return 0, err
	}
	var files []cpio.File
	for _, s := range b.files {
		f, err := readFile(s)
		if err != nil {
			return 0, err
		}
		files = append(files, f)
	}
	for _, s := range b.links {
		name, target, ok := strings.Cut(s, "=")
		if !ok || target == "" {
			return 0, exit.Errorf(exit.Usage, "--link %q: want NAME=TARGET", s)
		}
		files = append(files, cpio.File{Name: name, Mode: cpio.Symlink | 0o777, Data: []byte(target)})
	}
	if !slices.ContainsFunc(files, func(f cpio.File) bool { return f.Name == "init" }) {
		return 0, exit.Errorf(exit.Usage, "no init in it: the kernel starts /init; add --file init=./vmagent")
	}
	// Process 1 has no open files without it.
	if !slices.ContainsFunc(files, func(f cpio.File) bool { return f.Name == "dev/console" }) {
		files = append(files, cpio.File{Name: "dev/console", Mode: cpio.Char | 0o600, Major: 5, Minor: 1})
	}
	data, err := cpio.BuildInitramfs(files)
	if err != nil {
		return 0, exit.With(exit.Usage, err)
	}
	if err := renameio.WriteFile(b.out, data, 0o644); err != nil {
		return 0, fmt.Errorf("write %s: %w", b.out, err)
	}
	return len(data), nil
}

// readFile reads one NAME=PATH. What its owner may run stays runnable.
func readFile(s string) (cpio.File, error) {
	name, path, ok := strings.Cut(s, "=")
	if !ok || path == "" {
		return cpio.File{}, exit.Errorf(exit.Usage, "--file %q: want NAME=PATH", s)
	}
	st, err := os.Stat(path)
	if err != nil {
		c := exit.Failure
		if errors.Is(err, os.ErrNotExist) {
			c = exit.NotFound
		}
		return cpio.File{}, exit.Errorf(c, "--file %s: %w", name, err)
	}
	if !st.Mode().IsRegular() || st.Size() > cpio.MaxBytes {
		return cpio.File{}, exit.Errorf(exit.Usage, "--file %s: %s is not a plain file of at most %s", name, path, cli.Bytes(cpio.MaxBytes))
	}
	mode := uint32(0o644)
	if st.Mode()&0o100 != 0 {
		mode = 0o755
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return cpio.File{}, fmt.Errorf("--file %s: %w", name, err)
	}
	return cpio.File{Name: name, Mode: cpio.Regular | mode, Data: data}, nil
}
