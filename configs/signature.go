package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"aead.dev/minisign"
)

// SignatureExt is what a signature's name has more than its configuration's.
const SignatureExt = ".minisig"

const maxSignature = 4096

// A SignatureError is a file that is not the one that its vendor signed.
type SignatureError struct {
	File, Why string
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("%s: %s: nothing was run; ask its vendor for the file and its %s again", e.File, e.Why, SignatureExt)
}

// Signer checks a public key that signs, and returns it as minisign writes it.
func Signer(key string) (minisign.PublicKey, error) {
	var k minisign.PublicKey
	if strings.ContainsAny(key, "\r\n") {
		return k, errors.New("it has more than one line")
	}
	err := k.UnmarshalText([]byte(key))
	if err == nil && k.String() != key {
		err = errors.New("it is not written as minisign does")
	}
	return k, err
}

// Signed is the signature file of a configuration's text.
func Signed(key *minisign.PrivateKey, text []byte) []byte {
	return minisign.SignWithComments(*key, text, "vmrecord configuration", "signature of an appliance's configuration")
}

// checkSignature checks the text of a file that names its signer.
func (a *Appliance) checkSignature(name string, text []byte) error {
	if a.Vendor.Signer == "" {
		return nil
	}
	refuse := func(format string, v ...any) error { return &SignatureError{name, fmt.Sprintf(format, v...)} }
	i, err := os.Stat(name + SignatureExt)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("it names a signer (vendor.signer), and its signature %s is not there", name+SignatureExt)
	case err != nil:
		return fmt.Errorf("read signature: %w", err)
	case !i.Mode().IsRegular() || i.Size() > maxSignature:
		return refuse("%s is no signature: want a plain file of at most %d bytes", name+SignatureExt, maxSignature)
	}
	sig, err := os.ReadFile(name + SignatureExt)
	if err != nil {
		return fmt.Errorf("read signature: %w", err)
	}
	return a.verify(text, sig, refuse)
}

func (a *Appliance) verify(text, sig []byte, refuse func(string, ...any) error) error {
	key, err := Signer(a.Vendor.Signer)
	if err != nil {
		return err
	}
	var s minisign.Signature
	switch err := s.UnmarshalText(sig); {
	case err != nil:
		return refuse("its signature is damaged (%.80v)", err)
	case s.KeyID != key.ID():
		return refuse("its signature is another key's than %s, which it names", a.Vendor.Signer)
	case !minisign.Verify(key, text, sig):
		return refuse("it, or its signature, was altered after %s signed it", a.Vendor.Signer)
	}
	return nil
}

var vendorHeader = regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*vendor[ \t]*\][ \t]*(#.*)?$`)

// Release is the text of a configuration for users: with its signer's public key,
// and an enrolment code unless that is "". What the text says already stays.
func Release(text []byte, signer, enroll string) ([]byte, error) {
	a, err := Parse(text)
	if err != nil {
		return nil, err
	}
	lines := ""
	for _, f := range []struct{ key, has, want string }{
		{"signer", a.Vendor.Signer, signer}, {"enroll", a.Vendor.Enroll, enroll},
	} {
		switch {
		case f.want == "" || f.has == f.want:
		case f.has != "":
			return nil, fmt.Errorf("vendor.%s is %q already; remove the line", f.key, f.has)
		default:
			lines += fmt.Sprintf("\n%s = %q", f.key, f.want)
		}
	}
	if at := vendorHeader.FindIndex(text); at != nil && lines != "" {
		text = append(append(append([]byte{}, text[:at[1]]...), lines...), text[at[1]:]...)
	}
	a, err = Parse(text)
	if err == nil && (a.Vendor.Signer != signer || enroll != "" && a.Vendor.Enroll != enroll) {
		err = fmt.Errorf("where to write these lines cannot be seen; write them under [vendor]:%s", lines)
	}
	return text, err
}
