package guestkernel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const formatVersion = 1

// A Kernel is an image in the cache.
type Kernel struct {
	Format  int    `json:"format"`
	Package string `json:"package"`
	Version string `json:"version"`
	Deb     string `json:"deb_sha256"`
	Image   string `json:"image_sha256"`

	Path string `json:"-"` // of the image on this host
}

// ErrMissing is returned, wrapped, when no kernel was fetched.
var ErrMissing = errors.New("no Debian kernel in the cache")

// Cached returns the kernel that an earlier Fetch left, once its digest is found right.
func Cached(cache string, f Flavour) (*Kernel, error) {
	dir, note, fetchCommand := filepath.Join(cache, "kernel"), f.String()+".json", f.fetchCommand()
	b, err := os.ReadFile(filepath.Join(dir, note))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s); fetch it: %s", ErrMissing, dir, fetchCommand)
	}
	if err != nil {
		return nil, fmt.Errorf("read kernel cache: %w", err)
	}
	k := new(Kernel)
	if err := json.Unmarshal(b, k); err != nil || k.Format != formatVersion || !plain(k.Package) || !plain(k.Version) {
		return nil, fmt.Errorf("%w: %s is not ours; fetch it: %s", ErrMissing, filepath.Join(dir, note), fetchCommand)
	}
	k.Path = filepath.Join(dir, k.folder(), "vmlinuz")
	sum, err := fileSum(k.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; fetch it: %s", ErrMissing, err, fetchCommand)
	}
	if sum != k.Image {
		return nil, fmt.Errorf("%w: %s was changed (SHA-256 %.16s, want %.16s); fetch it again: %s", ErrMissing, k.Path, sum, k.Image, fetchCommand)
	}
	return k, nil
}

func (k *Kernel) folder() string { return k.Package + "_" + k.Version }

// plain tells whether s can be part of a file's name: what Debian allows in
// package names and versions.
func plain(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '+', c == '-', c == '~', c == ':', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) < 128 && s[0] != '.' && s[0] != '-'
}

func fileSum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
