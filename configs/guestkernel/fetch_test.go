package guestkernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An archive plays apt and dpkg. Each field can break one step.
type archive struct {
	depends, show string
	deb           string
	image         string
	fail          string // the program that fails
	ran           []string
}

func newArchive() *archive {
	sum := sha256.Sum256([]byte("deb"))
	return &archive{
		depends: Meta + "\n  Depends: linux-image-6.1-cloud\n",
		show:    "Package: linux-image-6.1-cloud\nVersion: 6.1-2\nSize: 3\nSHA256: " + hex.EncodeToString(sum[:]) + "\n\nPackage: other\nSHA256: 00\n",
		deb:     "deb", image: "vmlinuz-6.1",
	}
}

func (a *archive) run(_ context.Context, dir, name string, arg ...string) ([]byte, error) {
	a.ran = append(a.ran, name+" "+arg[0])
	if a.fail == name {
		return nil, errors.New("exit status 100")
	}
	switch name + " " + arg[0] {
	case "apt-cache depends":
		return []byte(a.depends), nil
	case "apt-cache show":
		return []byte(a.show), nil
	case "apt-get -q":
		return nil, os.WriteFile(filepath.Join(dir, "k.deb"), []byte(a.deb), 0o600)
	case "dpkg-deb -x":
		boot := filepath.Join(dir, "root", "boot")
		if err := os.MkdirAll(boot, 0o700); err != nil {
			return nil, err
		}
		return nil, os.WriteFile(filepath.Join(boot, a.image), []byte("image"), 0o600)
	}
	return nil, fmt.Errorf("unexpected %s %q", name, arg)
}

func TestFetch(t *testing.T) {
	a, cache := newArchive(), t.TempDir()
	f := &Fetcher{Cache: cache, Run: a.run}
	k, err := f.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(k.Path); err != nil || string(b) != "image" || k.Version != "6.1-2" {
		t.Errorf("%+v %q %v", k, b, err)
	}
	n := len(a.ran)
	if _, err := f.Fetch(t.Context()); err != nil || len(a.ran) != n {
		t.Errorf("again: %v, ran %q", err, a.ran[n:])
	}
	if err := os.WriteFile(k.Path, []byte("tampered"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Cached(cache); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), fetchCommand) {
		t.Errorf("tampered: %v", err)
	}
	if k, err = f.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(k.Path); string(b) != "image" {
		t.Errorf("not repaired: %q", b)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "kernel", "fetch-*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFetchFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(*archive)
		want string
	}{
		{"no index", func(a *archive) { a.fail = "apt-cache" }, "sudo apt-get update"},
		{"no dependency", func(a *archive) { a.depends = Meta + "\n" }, "sudo apt-get update"},
		{"path for a name", func(a *archive) { a.depends = "Depends: linux-image-../x" }, "names no kernel"},
		{"no digest", func(a *archive) { a.show = "Version: 1\n" }, "no SHA-256"},
		{"no network", func(a *archive) { a.fail = "apt-get" }, "check the network"},
		{"wrong bytes", func(a *archive) { a.deb = "dab" }, "is damaged"},
		{"no dpkg-deb", func(a *archive) { a.fail = "dpkg-deb" }, "unpack"},
		{"no image", func(a *archive) { a.image = "System.map" }, "holds 0 files"},
	} {
		a := newArchive()
		c.harm(a)
		f := &Fetcher{Cache: t.TempDir(), Run: a.run}
		if k, err := f.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v, want %s", c.name, k, err, c.want)
		}
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
		if k, err := Cached(cache); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v %v", j, k, err)
		}
	}
}
