package keys

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aead.dev/minisign"
	"filippo.io/age"
)

func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if ids, err := Identities(dir); err != nil || ids != nil {
		t.Errorf("without a folder: %v, %v", ids, err)
	}
	v, err := New(dir, "vendor")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir, "vendor"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same name again: %v", err)
	}
	w, err := New(dir, "next-year")
	if err != nil {
		t.Fatal(err)
	}
	all, err := List(dir)
	if err != nil || len(all) != 2 || all[0] != w || all[1] != v || v.Opens == w.Opens || v.Signs == w.Signs {
		t.Fatalf("listed %+v, made %+v and %+v: %v", all, v, w, err)
	}
	// What is sealed to either is opened by the folder, and by no other.
	to, err := Recipients([]string{v.Opens})
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	z, err := age.Encrypt(&sealed, to...)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(z, "text")
	z.Close()
	ids, err := Identities(dir)
	if err != nil || len(ids) != 2 {
		t.Fatalf("%d identities: %v", len(ids), err)
	}
	r, err := age.Decrypt(&sealed, ids...)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "text" {
		t.Errorf("opened: %q, %v", b, err)
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if i, err := e.Info(); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v; a file that others may read", e.Name(), i.Mode(), err)
		}
	}
	if len(entries) != 8 {
		t.Errorf("%d files, want 8", len(entries))
	}
}

// TestSigner: whoever asks first makes the key, and all get the same.
func TestSigner(t *testing.T) {
	dir := t.TempDir()
	var all [8]string
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			k, err := Signer(dir, "appliance")
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = k.Public().(minisign.PublicKey).String()
		})
	}
	wait.Wait()
	for _, k := range all {
		if k != all[0] || !strings.HasPrefix(k, "RW") {
			t.Errorf("keys %q and %q", k, all[0])
		}
	}
	pub, err := minisign.PublicKeyFromFile(filepath.Join(dir, "appliance.sign.pub"))
	if err != nil || pub.String() != all[0] {
		t.Errorf("its public half is %s: %v", pub, err)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "../x", "a b", "A", "x.sign", strings.Repeat("x", 65)} {
		if _, err := New(dir, name); err == nil || !strings.Contains(err.Error(), "a key's name is") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, k := range []string{"", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA", "# text"} {
		if _, err := Recipients([]string{k}); err == nil || !strings.Contains(err.Error(), "vmbundle keys new") {
			t.Errorf("%q: %v", k, err)
		}
	}
	bad := filepath.Join(dir, "old.key")
	os.WriteFile(bad, []byte("no key\n"), 0o600)
	if _, err := Identities(dir); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a damaged file: %v", err)
	}
	os.WriteFile(bad, make([]byte, maxFile+1), 0o600)
	if _, err := List(dir); err == nil || !strings.Contains(err.Error(), "is not a key") {
		t.Errorf("a large file: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "appliance.sign.key"), []byte("x"), 0o600)
	if _, err := Signer(dir, "appliance"); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("a damaged signing key: %v", err)
	}
}
