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
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Meta is the package that depends on today's kernel.
const Meta = "linux-image-cloud-amd64"

// A Fetcher gets kernels into a cache.
type Fetcher struct {
	Cache    string                               // folder, made if it is not there
	Progress func(what string, done, total int64) // of bytes; total 0: unknown. May be nil

	// Run runs a program in a folder and returns its standard output; nil: the host's.
	Run func(ctx context.Context, dir, name string, arg ...string) ([]byte, error)
}

// Fetch returns the cached kernel if there is one, and fetches it otherwise.
func (f *Fetcher) Fetch(ctx context.Context) (*Kernel, error) {
	k, err := Cached(f.Cache)
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
	p, err := f.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.download(ctx, tmp, p); err != nil {
		return nil, err
	}
	if err := f.unpack(ctx, tmp, p); err != nil {
		return nil, err
	}
	return f.install(dir, tmp, p)
}

// A pkg is what apt's index says of a package.
type pkg struct {
	name, version, sha256 string
	size                  int64
}

// resolve asks apt which kernel the metapackage stands for today.
func (f *Fetcher) resolve(ctx context.Context) (*pkg, error) {
	f.say("asking apt for today's kernel", 0, 0)
	out, err := f.run(ctx, "", "apt-cache", "depends", Meta)
	if err != nil {
		return nil, fmt.Errorf("apt does not know %s: %w; its index may be empty, run: sudo apt-get update", Meta, err)
	}
	p := new(pkg)
	for line := range strings.Lines(string(out)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok && p.name == "" {
			p.name = "linux-image-" + n
		}
	}
	if !plain(p.name) {
		return nil, fmt.Errorf("%s names no kernel in apt's index; run: sudo apt-get update", Meta)
	}
	out, err = f.run(ctx, "", "apt-cache", "show", "--no-all-versions", p.name)
	if err != nil {
		return nil, fmt.Errorf("apt does not know %s: %w; run: sudo apt-get update", p.name, err)
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
		return nil, fmt.Errorf("apt's index gives no version or no SHA-256 for %s; run: sudo apt-get update", p.name)
	}
	return p, nil
}

// download leaves the package in tmp as kernel.deb, its digest checked.
func (f *Fetcher) download(ctx context.Context, tmp string, p *pkg) error {
	what := "downloading " + p.name
	f.say(what, 0, p.size)
	stop := f.watch(tmp, what, p.size)
	_, err := f.run(ctx, tmp, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", p.name+"="+p.version)
	stop()
	if err != nil {
		return fmt.Errorf("download %s %s: %w; check the network, then run: sudo apt-get update", p.name, p.version, err)
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("download %s: apt-get left %d packages in %s, want one; run again: %s", p.name, len(debs), tmp, fetchCommand)
	}
	sum, err := fileSum(debs[0])
	if err != nil {
		return fmt.Errorf("read %s: %w", debs[0], err)
	}
	if sum != p.sha256 {
		return fmt.Errorf("%s %s is damaged: SHA-256 %s, apt's index says %s; run: sudo apt-get update, then %s", p.name, p.version, sum, p.sha256, fetchCommand)
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
		return fmt.Errorf("unpack %s: %w; it needs dpkg-deb and about 150 MB in %s", p.name, err, f.Cache)
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
	if err := renameio.WriteFile(filepath.Join(dir, "debian.json"), append(b, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("keep kernel: %w", err)
	}
	return Cached(f.Cache)
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
