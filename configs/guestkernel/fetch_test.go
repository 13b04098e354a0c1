package guestkernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A debian plays apt and dpkg. Each field can break one step.
type debian struct {
	depends, show string
	deb           string
	image         string
	fail          string // the command that fails
	index         string // where apt is told to look for it; "": the host's own
	ran           []string
}

func newDebian(f Flavour) *debian {
	sum := sha256.Sum256([]byte("deb"))
	return &debian{
		depends: f.row().meta + "\n  Depends: linux-image-6.1-kind\n",
		show:    "Package: linux-image-6.1-kind\nVersion: 6.1-2\nSize: 3\nSHA256: " + hex.EncodeToString(sum[:]) + "\n\nPackage: other\nSHA256: 00\n",
		deb:     "deb", image: "vmlinuz-6.1",
	}
}

func (d *debian) run(_ context.Context, dir, name string, arg ...string) ([]byte, error) {
	what := name + " " + arg[0]
	d.ran = append(d.ran, strings.Join(append([]string{name}, arg...), " "))
	if d.fail == what {
		return nil, errors.New("exit status 100")
	}
	index := ""
	for _, a := range arg {
		if lists, ok := strings.CutPrefix(a, "Dir::State::Lists="); ok {
			index = lists
		}
	}
	if strings.HasPrefix(name, "apt-") && what != "apt-get update" && index != d.index {
		return nil, fmt.Errorf("%s looks in %q, the index is in %q", what, index, d.index)
	}
	switch what {
	case "dpkg --print-architecture":
		return []byte("amd64\n"), nil
	case "apt-get update":
		if st, err := os.Stat(filepath.Join(index, "partial")); index == "" || err != nil || !st.IsDir() {
			return nil, fmt.Errorf("no folder for an index: %q, %v", index, err)
		}
		d.index = index
		return nil, nil
	case "apt-cache depends":
		return []byte(d.depends), nil
	case "apt-cache show":
		return []byte(d.show), nil
	case "apt-get download":
		return nil, os.WriteFile(filepath.Join(dir, "k.deb"), []byte(d.deb), 0o600)
	case "dpkg-deb -x":
		boot := filepath.Join(dir, "root", "boot")
		if err := os.MkdirAll(boot, 0o700); err != nil {
			return nil, err
		}
		return nil, os.WriteFile(filepath.Join(boot, d.image), []byte("image"), 0o600)
	}
	return nil, fmt.Errorf("unexpected %s %q", name, arg)
}

func TestFetch(t *testing.T) {
	cache := t.TempDir() // one for all
	for _, name := range Names() {
		flavour, _ := Named(name)
		d := newDebian(flavour)
		f := &Fetcher{Flavour: flavour, Cache: cache, Run: d.run}
		k, err := f.Fetch(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		if b, err := os.ReadFile(k.Path); err != nil || string(b) != "image" || k.Version != "6.1-2" {
			t.Errorf("%s: %+v %q %v", name, k, b, err)
		}
		if own := d.index == ""; own != (flavour.row().arch == "amd64") {
			t.Errorf("%s: the index is in %q", name, d.index)
		}
		n := len(d.ran)
		if _, err := f.Fetch(t.Context()); err != nil || len(d.ran) != n {
			t.Errorf("%s again: %v, ran %q", name, err, d.ran[n:])
		}
		if err := os.WriteFile(k.Path, []byte("tampered"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Cached(cache, flavour); !errors.Is(err, ErrMissing) || !strings.HasSuffix(err.Error(), "build --kernel "+name) {
			t.Errorf("%s tampered: %v", name, err)
		}
		d.index = ""
		if k, err = f.Fetch(t.Context()); err != nil {
			t.Fatal(name, err)
		}
		if b, _ := os.ReadFile(k.Path); string(b) != "image" {
			t.Errorf("%s: not repaired: %q", name, b)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "kernel", "fetch-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFetchFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		flavour Flavour
		harm    func(*debian)
		want    []string
	}{
		{"no Debian", Cloud, func(d *debian) { d.fail = "dpkg --print-architecture" }, []string{"--kernel FILE"}},
		{"no index", Cloud, func(d *debian) { d.fail = "apt-cache depends" }, []string{"sudo apt-get update"}},
		{"no dependency", AMD64, func(d *debian) { d.depends = "linux-image-amd64\n" }, []string{"sudo apt-get update"}},
		{"path for a name", Cloud, func(d *debian) { d.depends = "Depends: linux-image-../x" }, []string{"names no kernel"}},
		{"no digest", Cloud, func(d *debian) { d.show = "Version: 1\n" }, []string{"no SHA-256"}},
		{"no network", Cloud, func(d *debian) { d.fail = "apt-get download" }, []string{"check the network"}},
		{"wrong bytes", AMD64, func(d *debian) { d.deb = "dab" }, []string{"is damaged", "vmappliance build --kernel debian-amd64", "sudo apt-get update"}},
		{"no dpkg-deb", Cloud, func(d *debian) { d.fail = "dpkg-deb -x" }, []string{"unpack"}},
		{"no image", Cloud, func(d *debian) { d.image = "System.map" }, []string{"holds 0 files"}},
		{"no foreign index", I686, func(d *debian) { d.fail = "apt-get update" },
			[]string{"apt does not know linux-image-686", "apt-get update for i386 said: exit status 100", "check the network", "vmappliance build --kernel debian-686"}},
		{"no foreign package", I686, func(d *debian) { d.depends = "" }, []string{"check the network", "vmappliance build --kernel debian-686"}},
	} {
		d := newDebian(c.flavour)
		c.harm(d)
		f := &Fetcher{Flavour: c.flavour, Cache: t.TempDir(), Run: d.run}
		k, err := f.Fetch(t.Context())
		if err == nil {
			t.Errorf("%s: %v, want an error", c.name, k)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %s", c.name, err, w)
			}
		}
	}
}

// Part of an index may be enough: apt-get update fails when one archive of many
// cannot be had.
func TestFetchPartOfIndex(t *testing.T) {
	d := newDebian(I686)
	f := &Fetcher{Flavour: I686, Cache: t.TempDir(), Run: func(ctx context.Context, dir, name string, arg ...string) ([]byte, error) {
		out, err := d.run(ctx, dir, name, arg...)
		if err == nil && arg[0] == "update" {
			err = errors.New("exit status 100")
		}
		return out, err
	}}
	if k, err := f.Fetch(t.Context()); err != nil || k.Package != "linux-image-6.1-kind" {
		t.Errorf("%+v, %v", k, err)
	}
}

// No command may reach what belongs to the host.
func TestFetchLeavesHostAlone(t *testing.T) {
	d := newDebian(I686)
	if _, err := (&Fetcher{Flavour: I686, Cache: t.TempDir(), Run: d.run}).Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range d.ran {
		if f := strings.Fields(c); strings.HasPrefix(c, "apt-") && !slices.Contains(f, "Dir::Cache::pkgcache=") || slices.Contains(f, "--add-architecture") {
			t.Error(c)
		}
		names = append(names, strings.Join(strings.Fields(c)[:2], " "))
	}
	if want := []string{"dpkg --print-architecture", "apt-get update", "apt-cache depends", "apt-cache show", "apt-get download", "dpkg-deb -x"}; !slices.Equal(names, want) {
		t.Errorf("ran %q, want %q", names, want)
	}
}

func TestNamed(t *testing.T) {
	for i, n := range Names() {
		if f, ok := Named(n); !ok || f != Flavour(i) || f.String() != n {
			t.Errorf("%s: %v %v", n, f, ok)
		}
	}
	if f, ok := Named("fedora"); ok {
		t.Errorf("fedora: %v", f)
	}
}

func TestCachedRefusesPaths(t *testing.T) {
	cache := t.TempDir()
	if err := os.MkdirAll(filepath.Join(cache, "kernel"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, j := range []string{"{", `{"format":1,"package":"../..","version":"1"}`, `{"format":2,"package":"a","version":"1"}`, `{"format":1,"package":"a","version":"1"}`} {
		if err := os.WriteFile(filepath.Join(cache, "kernel", "debian.json"), []byte(j), 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := Cached(cache, Cloud); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v %v", j, k, err)
		}
	}
}
