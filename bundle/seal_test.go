package bundle_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aead.dev/minisign"
	"filippo.io/age"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
)

// A lock is a key and its other half.
type lock struct {
	id *age.X25519Identity
	to []age.Recipient
}

func newLock(t testing.TB) lock {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return lock{id, []age.Recipient{id.Recipient()}}
}

func packWith(t testing.TB, dir string, o bundle.PackOptions) bundle.Packed {
	t.Helper()
	p, err := bundle.Pack(dir, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSealed: the same recording under the same id, for two keys and no other.
func TestSealed(t *testing.T) {
	rec := record(t, 5, 40_000)
	mine, theirs, other := newLock(t), newLock(t), newLock(t)
	plain := packWith(t, rec.dir, bundle.PackOptions{})
	sealed := packWith(t, rec.dir, bundle.PackOptions{To: slices.Concat(mine.to, theirs.to)})
	if plain.ID != sealed.ID || plain.UUID != sealed.UUID {
		t.Errorf("sealed, %s is %s", plain.ID, sealed.ID)
	}
	for _, keys := range [][]age.Identity{nil, {other.id}} {
		_, err := bundle.Open(sealed.Path, keys...)
		var want *bundle.SealedError
		if !errors.As(err, &want) || len(want.Keys) != 2 || want.Keys[0] != mine.id.Recipient().String() {
			t.Errorf("with %d keys, none of them right: %v", len(keys), err)
		}
	}
	raw, err := os.ReadFile(sealed.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"toy", "middle", "total is 999 993"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("whoever has the file reads %q", secret)
		}
	}
	if id, uuid, err := bundle.Identify(bytes.NewReader(raw), int64(len(raw))); id != plain.ID || uuid != plain.UUID || err != nil {
		t.Errorf("a carrier sees %s %s, %v", id, uuid, err)
	}
	for _, l := range []lock{mine, theirs} {
		b, err := bundle.Open(sealed.Path, other.id, l.id)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if err := b.Verify(); err != nil {
			t.Error(err)
		}
		res, err := play(b, replay.Options{})
		if err != nil || !res.Identical {
			t.Errorf("replay: %+v, %v", res, err)
		}
	}
}

// members are an archive's files, read by the standard library.
func members(t testing.TB, file string) (names []string, data map[string][]byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data = map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, data
		}
		if err != nil {
			t.Fatal(err)
		}
		if data[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// TestNothingBeyondTheEnvelope: beside the text that says what the file is, and an
// envelope of ids, names and digests, a sealed bundle is files of age's, and nothing
// that stands in the open one stands in them.
func TestNothingBeyondTheEnvelope(t *testing.T) {
	rec, l, k := record(t, 5, 40_000), newLock(t), signer(t)
	_, plain := members(t, packWith(t, rec.dir, bundle.PackOptions{Sign: k}).Path)
	names, sealed := members(t, packWith(t, rec.dir, bundle.PackOptions{Sign: k, To: l.to}).Path)
	var env map[string]any
	if err := json.Unmarshal(sealed["envelope.json"], &env); err != nil {
		t.Fatal(err)
	}
	for member := range env {
		if !slices.Contains([]string{"format", "uuid", "id", "keys", "parts"}, member) {
			t.Errorf("the envelope tells %q", member)
		}
	}
	const window = 12
	had := map[string]string{} // where each such run of bytes stands in the open bundle
	for name, b := range plain {
		for at := 0; at+window <= len(b) && name != "vmbundle.txt" && name != "envelope.json"; at++ {
			had[string(b[at:at+window])] = name
		}
	}
	for _, name := range names[2:] {
		b := sealed[name]
		if !strings.HasSuffix(name, ".age") || !bytes.HasPrefix(b, []byte("age-encryption.org/v1\n-> X25519 ")) {
			t.Errorf("%s is not sealed: %.40q", name, b)
		}
		for at := 0; at+window <= len(b); at++ {
			if of, ok := had[string(b[at:at+window])]; ok {
				t.Fatalf("%s shows %q of %s", name, b[at:at+window], of)
			}
		}
	}
	if len(names)-2 != len(plain)-2 || len(had) < 1000 {
		t.Errorf("%d files sealed of %d; %d runs of bytes", len(names)-2, len(plain)-2, len(had))
	}
	if public := k.Public().(minisign.PublicKey).String(); bytes.Contains(sealed["envelope.json"], []byte(public)) {
		t.Error("the envelope names the signer")
	}
}

// TestSealedDamage: a bit flipped anywhere is found; nothing is taken for what it
// was not.
func TestSealedDamage(t *testing.T) {
	rec, l := record(t, 6, 10_000), newLock(t)
	raw, err := os.ReadFile(packWith(t, rec.dir, bundle.PackOptions{To: l.to, Sign: signer(t)}).Path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(raw); at += 97 {
		bad := slices.Clone(raw)
		bad[at] ^= 4
		b, err := bundle.New(bytes.NewReader(bad), int64(len(bad)), l.id)
		if err == nil {
			err = b.Verify()
		}
		var integrity *bundle.IntegrityError
		var version *bundle.IncompatibleError
		if !errors.As(err, &integrity) && !errors.As(err, &version) {
			t.Fatalf("bit 2 of byte %d flipped: %v", at, err)
		}
	}
}

// TestSealedPartNamed: of a sealed bundle, too, the part is named that was tampered with.
func TestSealedPartNamed(t *testing.T) {
	rec, l := record(t, 6, 10_000), newLock(t)
	file := packWith(t, rec.dir, bundle.PackOptions{To: l.to, Sign: signer(t)}).Path
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names, data := members(t, file)
	for _, name := range names[2:] {
		bad := slices.Clone(raw)
		bad[bytes.Index(raw, data[name])+len(data[name])/2] ^= 1
		b, err := bundle.New(bytes.NewReader(bad), int64(len(bad)), l.id)
		if err == nil {
			err = b.Verify()
		}
		var integrity *bundle.IntegrityError
		if !errors.As(err, &integrity) || integrity.Part != name {
			t.Errorf("%s tampered with: %v", name, err)
		}
	}
}

// TestSealedWrong: files that are sealed to the right key and hold the wrong thing.
func TestSealedWrong(t *testing.T) {
	rec, l := record(t, 7, 10_000), newLock(t)
	b, err := bundle.Open(packWith(t, rec.dir, bundle.PackOptions{To: l.to}).Path, l.id)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	map0, want := b.Manifest().Snapshot.Map, "SHA-256"
	for name, content := range map[string][]byte{map0: {}, "manifest.json": []byte("{}"), "tape/000001.seg": make([]byte, 17<<20)} {
		bad := bundle.Reseal(b, name, content, l.to)
		c, err := bundle.New(bytes.NewReader(bad), int64(len(bad)), l.id)
		if err == nil {
			err = c.Verify()
		}
		var integrity *bundle.IntegrityError
		if !errors.As(err, &integrity) {
			t.Errorf("another %s: %v, want something about its %s", name, err, want)
		}
	}
}

func signer(t testing.TB) *minisign.PrivateKey {
	t.Helper()
	_, k, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func TestSigned(t *testing.T) {
	rec, k, l := record(t, 8, 10_000), signer(t), newLock(t)
	public := k.Public().(minisign.PublicKey).String()
	p := packWith(t, rec.dir, bundle.PackOptions{Sign: k})
	if q := packWith(t, rec.dir, bundle.PackOptions{Sign: k}); !equalFiles(t, p.Path, q.Path) {
		t.Error("signed twice, it is not the same file")
	}
	if q := packWith(t, rec.dir, bundle.PackOptions{Sign: k, To: l.to}); q.ID != p.ID {
		t.Error("sealed, it has another id")
	}
	b := open(t, p.Path)
	if m := b.Manifest(); m.Signer != public || b.Verify() != nil {
		t.Errorf("signed by %q, want %q", m.Signer, public)
	}
	// Whoever signs with another key is not the one whom the manifest names.
	raw, err := os.ReadFile(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	forged := bundle.Resign(b, signer(t))
	for name, bad := range map[string][]byte{"forged": forged, "unsigned": bundle.Tamper(b, func(*bundle.Manifest) {})} {
		_, err := bundle.New(bytes.NewReader(bad), int64(len(bad)))
		var integrity *bundle.IntegrityError
		if !errors.As(err, &integrity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if same := bundle.Resign(b, k); !bytes.Equal(same, raw) {
		t.Error("signed by the same key, it is another file")
	}
}

func equalFiles(t testing.TB, a, b string) bool {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

// run runs a real program.
func run(t testing.TB, dir, name string, arg ...string) string {
	t.Helper()
	c := exec.Command(name, arg...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, arg, err, out)
	}
	return string(out)
}

// TestTools: age and minisign themselves read what we write.
func TestTools(t *testing.T) {
	rec, k, l := record(t, 9, 5_000), signer(t), newLock(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	p := packWith(t, rec.dir, bundle.PackOptions{Sign: k, To: l.to})
	run(t, dir, "tar", "xf", p.Path)
	id := write("key", l.id.String()+"\n")
	for _, part := range []string{"manifest.json", "manifest.minisig"} {
		run(t, dir, "age", "-d", "-i", id, "-o", part, part+".age")
	}
	out := run(t, dir, "minisign", "-V", "-P", k.Public().(minisign.PublicKey).String(), "-m", "manifest.json", "-x", "manifest.minisig")
	if !strings.Contains(out, "verified") || !strings.Contains(out, "Trusted comment: "+p.ID) {
		t.Errorf("minisign says %q", out)
	}
}
