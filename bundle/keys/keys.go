package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"
	"filippo.io/age"

	"vmrecord/bundle/store"
)

const (
	secretExt = ".key"
	publicExt = ".pub"
	signing   = ".sign"

	maxFile = 64 << 10
	maxName = 64
)

// A Vendor is a pair of keys, by their public halves.
type Vendor struct {
	Name   string `json:"name"`
	Opens  string `json:"opens"` // age1…
	Signs  string `json:"signs"` // as minisign writes it
	Folder string `json:"folder"`
}

// New makes a vendor's keys. A name that is taken is an error that wraps
// fs.ErrExist, and nothing is changed.
func New(dir, name string) (Vendor, error) {
	v := Vendor{Name: name, Folder: dir}
	if err := checkName(name); err != nil {
		return v, err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return v, err
	}
	v.Opens = id.Recipient().String()
	// Whoever writes this file owns the name.
	if err := write(dir, name+secretExt, fmt.Sprintf("# public key: %s\n%s\n", v.Opens, id)); err != nil {
		return v, err
	}
	if err := write(dir, name+publicExt, v.Opens+"\n"); err != nil {
		return v, err
	}
	key, err := Signer(dir, name)
	if err == nil {
		v.Signs = Public(key)
	}
	return v, err
}

func checkName(name string) error {
	ok := name != "" && len(name) <= maxName && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
	if !ok {
		return fmt.Errorf("a key's name is %.80q; want up to %d of a-z, 0-9, - and _", name, maxName)
	}
	return nil
}

// Public is a signing key's public half, as minisign writes it.
func Public(k *minisign.PrivateKey) string { return k.Public().(minisign.PublicKey).String() }

// Existing is the signing key of a name; that there is none wraps fs.ErrNotExist.
func Existing(dir, name string) (*minisign.PrivateKey, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return oldSigner(dir, name)
}

// Signer is the signing key of a name, made now if there is none yet.
func Signer(dir, name string) (*minisign.PrivateKey, error) {
	k, err := oldSigner(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := newSigner(dir, name); err != nil && !errors.Is(err, fs.ErrExist) { // another program was faster
		return nil, err
	}
	return oldSigner(dir, name)
}

func oldSigner(dir, name string) (*minisign.PrivateKey, error) {
	file := filepath.Join(dir, name+signing+secretExt)
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	k := new(minisign.PrivateKey)
	if err := k.UnmarshalText(text); err != nil {
		return nil, fmt.Errorf("%s: %w; move it away to have another one made", file, err)
	}
	return k, nil
}

func newSigner(dir, name string) error {
	pub, key, err := minisign.GenerateKey(nil)
	if err != nil {
		return err
	}
	secret, err := key.MarshalText()
	if err != nil {
		return err
	}
	public, err := pub.MarshalText()
	if err != nil {
		return err
	}
	if err := write(dir, name+signing+secretExt, string(secret)+"\n"); err != nil {
		return err
	}
	return write(dir, name+signing+publicExt, string(public)+"\n")
}

// write makes a file that was not there, durably and whole.
func write(dir, name, text string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := store.CreateTemp(dir, ".key-") // which only its owner may read
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("%s: %w; nothing was changed", filepath.Join(dir, name), errors.Unwrap(err))
	}
	return store.SyncDir(dir)
}

func read(name string) ([]byte, error) {
	i, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !i.Mode().IsRegular() || i.Size() > maxFile {
		return nil, fmt.Errorf("%s is not a key: want a plain file of at most %d bytes", name, maxFile)
	}
	return os.ReadFile(name)
}

// Identities are all keys in a folder that open bundles; a folder that is not
// there has none.
func Identities(dir string) (all []age.Identity, err error) {
	return all, each(dir, func(_ string, ids []age.Identity) { all = append(all, ids...) })
}

// each visits the files of a folder that open bundles, by name.
func each(dir string, visit func(name string, ids []age.Identity)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), secretExt)
		if !ok || checkName(name) != nil {
			continue
		}
		text, err := read(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		ids, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, e.Name()), err)
		}
		visit(name, ids)
	}
	return nil
}

// Recipients reads public keys.
func Recipients(keys []string) ([]age.Recipient, error) {
	var all []age.Recipient
	for _, k := range keys {
		r, err := age.ParseX25519Recipient(k)
		if err != nil {
			return nil, fmt.Errorf("%.80q is no public key; one begins with age1; to make one: vmbundle keys new", k)
		}
		all = append(all, r)
	}
	return all, nil
}

// List tells of the vendors' keys in a folder, by name.
func List(dir string) (all []Vendor, err error) {
	return all, each(dir, func(name string, ids []age.Identity) {
		v := Vendor{Name: name, Folder: dir}
		for _, id := range ids {
			if x, ok := id.(*age.X25519Identity); ok {
				v.Opens = x.Recipient().String()
			}
		}
		if key, err := oldSigner(dir, name); err == nil {
			v.Signs = Public(key)
		}
		all = append(all, v)
	})
}
