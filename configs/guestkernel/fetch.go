package guestkernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// A Fetcher gets a kernel into a cache.
type Fetcher struct {
	Flavour  Flavour
	Cache    string                               // folder, made if it is not there
	Progress func(what string, done, total int64) // of bytes; total 0: unknown. May be nil

	// Run runs a program in a folder and returns its standard output; nil: the host's.
	Run func(ctx context.Context, dir, name string, arg ...string) ([]byte, error)
}

// Fetch returns the cached kernel if there is one, and fetches it otherwise.
func (f *Fetcher) Fetch(ctx context.Context) (*Kernel, error) {
	k, err := Cached(f.Cache, f.Flavour)
	if err == nil || !errors.Is(err, ErrMissing) {
		return k, err
	}
	dir := filepath.Join(f.Cache, "kernel")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make kernel cache: %w", err)
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return nil, fmt.Errorf("make kernel cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	a, err := f.index(ctx, tmp)
	if err != nil {
		return nil, err
	}
	p, err := f.resolve(ctx, a)
	if err != nil {
		return nil, err
	}
	if err := f.download(ctx, tmp, a, p); err != nil {
		return nil, err
	}
	if err := f.unpack(ctx, tmp, p); err != nil {
		return nil, err
	}
	return f.install(dir, tmp, p)
}

// An archive is where apt looks.
type archive struct {
	options []string // for apt
	remedy  string   // what to do when its index is not good
}

// with returns the arguments of an apt program that is to look there.
func (a archive) with(arg ...string) []string { return slices.Concat(arg[:1], a.options, arg[1:]) }

// index returns the host's own archive, or fetches the index of another
// architecture's below tmp.
func (f *Fetcher) index(ctx context.Context, tmp string) (archive, error) {
	arch := f.Flavour.row().arch
	out, err := f.run(ctx, "", "dpkg", "--print-architecture")
	if err != nil {
		return archive{}, fmt.Errorf("ask dpkg for this host's architecture: %w; repair dpkg, or give --kernel FILE", err)
	}
	if strings.TrimSpace(string(out)) == arch {
		return archive{remedy: "run: sudo apt-get update"}, nil
	}
	lists, err := filepath.Abs(filepath.Join(tmp, "lists")) // apt runs in several folders
	if err == nil {
		err = os.MkdirAll(filepath.Join(lists, "partial"), 0o755)
	}
	if err != nil {
		return archive{}, fmt.Errorf("make a folder for apt's index: %w", err)
	}
	a := archive{options: []string{"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures::=" + arch, "-o", "Acquire::Languages=none",
		"-o", "APT::Sandbox::User=root", "-o", "Dir::State::Lists=" + lists, "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}}
	f.say("fetching apt's index for "+arch, 0, 0)
	a.remedy = "check the network, then run again: " + f.Flavour.fetchCommand()
	if _, err := f.run(ctx, "", "apt-get", a.with("update", "-q")...); err != nil {
		// What could be had may be enough.
		a.remedy = fmt.Sprintf("apt-get update for %s said: %v; %s", arch, err, a.remedy)
	}
	return a, ctx.Err()
}

// A pkg is what apt's index says of a package.
type pkg struct {
	name, version, sha256 string
	size                  int64
}

// resolve asks apt which kernel the metapackage stands for today.
func (f *Fetcher) resolve(ctx context.Context, a archive) (*pkg, error) {
	meta := f.Flavour.row().meta
	f.say("asking apt for today's kernel", 0, 0)
	out, err := f.run(ctx, "", "apt-cache", a.with("depends", meta)...)
	if err != nil {
		return nil, fmt.Errorf("apt does not know %s: %w; its index may be empty; %s", meta, err, a.remedy)
	}
	p := new(pkg)
	for line := range strings.Lines(string(out)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok && p.name == "" {
			p.name = "linux-image-" + n
		}
	}
	if !plain(p.name) {
		return nil, fmt.Errorf("%s names no kernel in apt's index; %s", meta, a.remedy)
	}
	out, err = f.run(ctx, "", "apt-cache", a.with("show", "--no-all-versions", p.name)...)
	if err != nil {
		return nil, fmt.Errorf("apt does not know %s: %w; %s", p.name, err, a.remedy)
	}
	stanza, _, _ := strings.Cut(string(out), "\n\n")
	for line := range strings.Lines(stanza) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), ": "); k {
		case "Version":
			p.version = v
		case "SHA256":
			p.sha256 = v
		case "Size":
			p.size, _ = strconv.ParseInt(v, 10, 64)
		}
	}
	if !plain(p.version) || len(p.sha256) != 64 {
		return nil, fmt.Errorf("apt's index gives no version or no SHA-256 for %s; %s", p.name, a.remedy)
	}
	return p, nil
}

// download leaves the package in tmp as kernel.deb, its digest checked.
func (f *Fetcher) download(ctx context.Context, tmp string, a archive, p *pkg) error {
	what := "downloading " + p.name
	f.say(what, 0, p.size)
	stop := f.watch(tmp, what, p.size)
	_, err := f.run(ctx, tmp, "apt-get", a.with("download", "-q", "-o", "APT::Sandbox::User=root", p.name+"="+p.version)...)
	stop()
	if err != nil {
		return fmt.Errorf("download %s %s: %w; check the network; %s", p.name, p.version, err, a.remedy)
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("download %s: apt-get left %d packages in %s, want one; run again: %s", p.name, len(debs), tmp, f.Flavour.fetchCommand())
	}
	sum, err := fileSum(debs[0])
	if err != nil {
		return fmt.Errorf("read %s: %w", debs[0], err)
	}
	if sum != p.sha256 {
		return fmt.Errorf("%s %s is damaged: SHA-256 %s, apt's index says %s; run again: %s; if that does not help, %s",
			p.name, p.version, sum, p.sha256, f.Flavour.fetchCommand(), a.remedy)
	}
	f.say(what, p.size, p.size)
	return os.Rename(debs[0], filepath.Join(tmp, "kernel.deb"))
}

// watch reports how much of a download is there, until stopped.
func (f *Fetcher) watch(dir, what string, total int64) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for tick := time.NewTicker(500 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
			files, _ := os.ReadDir(dir)
			for _, e := range files {
				if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
					f.say(what, st.Size(), total)
				}
			}
		}
	}()
	return func() { close(done); <-gone }
}

// unpack leaves the image in tmp as out/vmlinuz.
func (f *Fetcher) unpack(ctx context.Context, tmp string, p *pkg) error {
	f.say("unpacking "+p.name, 0, 0)
	if _, err := f.run(ctx, tmp, "dpkg-deb", "-x", "kernel.deb", "root"); err != nil {
		return fmt.Errorf("unpack %s: %w; it needs dpkg-deb and about 600 MB in %s", p.name, err, f.Cache)
	}
	images, _ := filepath.Glob(filepath.Join(tmp, "root", "boot", "vmlinuz-*"))
	if len(images) != 1 {
		return fmt.Errorf("unpack %s: it holds %d files boot/vmlinuz-*, want one; use another: vmappliance run --kernel FILE", p.name, len(images))
	}
	if err := os.Mkdir(filepath.Join(tmp, "out"), 0o755); err != nil {
		return err
	}
	return os.Rename(images[0], filepath.Join(tmp, "out", "vmlinuz"))
}

// install moves the image to its place and notes it.
func (f *Fetcher) install(dir, tmp string, p *pkg) (*Kernel, error) {
	sum, err := fileSum(filepath.Join(tmp, "out", "vmlinuz"))
	if err != nil {
		return nil, fmt.Errorf("read unpacked kernel: %w", err)
	}
	k := &Kernel{Format: formatVersion, Package: p.name, Version: p.version, Deb: p.sha256, Image: sum}
	to := filepath.Join(dir, k.folder())
	// What is there is an older fetch, damaged or of another run going on now.
	if err := os.RemoveAll(to); err != nil {
		return nil, fmt.Errorf("replace cached kernel: %w", err)
	}
	if err := os.Rename(filepath.Join(tmp, "out"), to); err != nil {
		return nil, fmt.Errorf("keep kernel: %w", err)
	}
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(filepath.Join(dir, f.Flavour.String()+".json"), append(b, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("keep kernel: %w", err)
	}
	return Cached(f.Cache, f.Flavour)
}

func (f *Fetcher) say(what string, done, total int64) {
	if f.Progress != nil {
		f.Progress(what, done, total)
	}
}

func (f *Fetcher) run(ctx context.Context, dir, name string, arg ...string) ([]byte, error) {
	if f.Run != nil {
		return f.Run(ctx, dir, name, arg...)
	}
	c := exec.CommandContext(ctx, name, arg...)
	c.Dir = dir
	c.Env = append(os.Environ(), "LC_ALL=C")
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not on this computer; this needs a Debian host, elsewhere give --kernel FILE", name)
	}
	if err != nil {
		last := strings.TrimSpace(said.String())
		last = last[strings.LastIndexByte(last, '\n')+1:]
		return nil, fmt.Errorf("%s %s: %w: %.200q", name, arg[0], err, last)
	}
	return out, nil
}
