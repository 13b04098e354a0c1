package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"aead.dev/minisign"
)

const (
	// RotationExt is what statements are called after the newer of two keys.
	RotationExt = ".rotation"
	// MaxRotation is the bytes of statements.
	MaxRotation = 16 << 10

	follows     = "vmrecord: the key above follows "
	publicLines = 2 // of a public key, as minisign writes it
	signedLines = 4 // of a signature
)

// A Rotation is a statement by a signing key that another follows it.
type Rotation struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// statement is the text of a rotation.
func statement(from *minisign.PrivateKey, to minisign.PublicKey) ([]byte, error) {
	text, err := to.MarshalText()
	if err != nil {
		return nil, err
	}
	text = append(bytes.TrimRight(text, "\n"), '\n')
	sig := minisign.SignWithComments(*from, text, follows+Public(from), "signature of the key above")
	return append(append(text, bytes.TrimRight(sig, "\n")...), '\n'), nil
}

// ParseRotations reads statements and checks their signatures.
func ParseRotations(text []byte) (all []Rotation, err error) {
	if len(text) > MaxRotation {
		return nil, fmt.Errorf("statements of %d bytes; at most %d", len(text), MaxRotation)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if n := len(lines) - 1; len(lines[n]) == 0 {
		lines = lines[:n]
	}
	const whole = publicLines + signedLines
	if len(lines)%whole != 0 {
		return nil, fmt.Errorf("%d lines; each statement has %d", len(lines), whole)
	}
	for s := range slices.Chunk(lines, whole) {
		r, err := parseRotation(bytes.Join(s[:publicLines], nil), bytes.TrimSuffix(bytes.Join(s[publicLines:], nil), []byte("\n")))
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", len(all)+1, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func parseRotation(public, sig []byte) (r Rotation, err error) {
	var to, from minisign.PublicKey
	var s minisign.Signature
	if err := errors.Join(to.UnmarshalText(bytes.TrimSuffix(public, []byte("\n"))), s.UnmarshalText(sig)); err != nil {
		return r, err
	}
	old, ok := strings.CutPrefix(s.TrustedComment, follows)
	if !ok {
		return r, fmt.Errorf("it is about something else: %.80q", s.TrustedComment)
	}
	if err := from.UnmarshalText([]byte(old)); err != nil {
		return r, err
	}
	if !minisign.Verify(from, public, sig) {
		return r, fmt.Errorf("it was not signed by %s", from)
	}
	return Rotation{from.String(), to.String()}, nil
}

// Follows tells whether statements lead from one key to another.
func Follows(all []Rotation, from, to string) bool {
	for range len(all) + 1 {
		if from == to {
			return true
		}
		i := slices.IndexFunc(all, func(r Rotation) bool { return r.From == from })
		if i < 0 {
			return false
		}
		from = all[i].To
	}
	return false
}

// Rotate has the keys of a name follow those of an older one; there may be some
// already. NAME.rotation then has the statement that its signing key follows the older
// one, after those by which that one came about.
func Rotate(dir, old, name string) (Vendor, error) {
	from, err := Existing(dir, old)
	if err != nil {
		return Vendor{}, err
	}
	before, _, err := Rotations(filepath.Join(dir, old+RotationExt))
	if err != nil {
		return Vendor{}, err
	}
	v, err := New(dir, name)
	if errors.Is(err, fs.ErrExist) {
		v, err = find(dir, name)
	}
	if err != nil {
		return v, err
	}
	key, err := oldSigner(dir, name)
	if err != nil {
		return v, err
	}
	text, err := statement(from, key.Public().(minisign.PublicKey))
	if err != nil {
		return v, err
	}
	return v, write(dir, name+RotationExt, string(before)+string(text))
}

func find(dir, name string) (Vendor, error) {
	all, err := List(dir)
	i := slices.IndexFunc(all, func(v Vendor) bool { return v.Name == name })
	if i < 0 {
		return Vendor{}, errors.Join(err, fmt.Errorf("%s: %w", filepath.Join(dir, name+secretExt), fs.ErrNotExist))
	}
	return all[i], err
}

// Rotations is a file of statements, checked; none where there is no file.
func Rotations(file string) (text []byte, all []Rotation, err error) {
	text, err = read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if all, err = ParseRotations(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return text, all, nil
}
