package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"aead.dev/minisign"
	"filippo.io/age"
)

// A SealedError is a bundle that none of the keys here opens (exit code 4).
type SealedError struct{ Keys []string } // public keys that it is sealed to

func (e *SealedError) Error() string {
	return fmt.Sprintf("the bundle is sealed, and no key here opens it; it is for %s", strings.Join(e.Keys, ", "))
}

// names are the recipients' public keys.
func names(to []age.Recipient) (keys []string) {
	for _, r := range to {
		keys = append(keys, fmt.Sprint(r))
	}
	return keys
}

// seal replaces each file of an archive by one that only the recipients read.
func (k *packer) seal(files []Part) error {
	for i, p := range files {
		var out bytes.Buffer
		w, err := age.Encrypt(&out, k.o.To...)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, io.NewSectionReader(k.tmp, k.at[p.Name], p.Size)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if files[i], err = k.put(p.Name+sealedExt, out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// sealedMore is how much longer a sealed file of at most n bytes may be: a
// header, a nonce, and 16 bytes for each 64 KiB.
func sealedMore(n int64) int64 { return 1<<16 + n>>12 }

// A seal opens the parts of a sealed bundle.
type seal struct {
	keys []age.Identity
	to   []string
	sums map[string]string // SHA-256 of files as they stand
}

func newSeal(e *Envelope) (*seal, error) {
	if len(e.Keys) > maxKeys {
		return nil, damaged(envelopePart, "it is sealed to %d keys, at most %d are allowed", len(e.Keys), maxKeys)
	}
	s := &seal{to: e.Keys, sums: map[string]string{}}
	for _, k := range e.Keys {
		if _, err := age.ParseX25519Recipient(k); err != nil {
			return nil, damaged(envelopePart, "key %.80q: %v", k, err)
		}
	}
	for _, p := range e.Parts {
		s.sums[p.Name] = p.SHA256
	}
	return s, nil
}

// open is the content of a file, at most so many bytes.
func (s *seal) open(name string, sealed []byte, most int64) ([]byte, error) {
	if got := digestOf(sealed); got != s.sums[name] {
		return nil, damaged(name, "its SHA-256 is %s, the envelope has another", got)
	}
	if len(s.keys) == 0 {
		return nil, &SealedError{s.to}
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), s.keys...)
	if no := (*age.NoIdentityMatchError)(nil); errors.As(err, &no) {
		return nil, &SealedError{s.to}
	}
	if err != nil {
		return nil, damaged(name, "%v", err)
	}
	p, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, damaged(name, "%v", err)
	case int64(len(p)) > most:
		return nil, damaged(name, "it holds more than the %d bytes allowed", most)
	}
	return p, nil
}

// sign is a manifest's signature. The comment that it covers is the bundle's id.
func sign(key *minisign.PrivateKey, manifest []byte, id string) []byte {
	return minisign.SignWithComments(*key, manifest, id, "vmbundle "+id)
}

// signed checks the signature of a manifest that names a signer.
func (b *Bundle) signed(manifest []byte) error {
	if b.man.Signer == "" {
		return nil
	}
	sig, err := b.read(signaturePart, maxSignature)
	if err != nil {
		return err
	}
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(b.man.Signer)); err != nil {
		return damaged(manifestPart, "its signer %.60q: %v", b.man.Signer, err)
	}
	if !minisign.Verify(key, manifest, sig) {
		return damaged(signaturePart, "it is not %s's of this manifest", b.man.Signer)
	}
	return nil
}
