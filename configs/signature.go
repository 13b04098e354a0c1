package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
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
	m := &a.Machine
	for _, f := range []struct{ key, name, sum string }{{"kernel", m.Kernel, m.KernelSHA256}, {"initrd", m.Initrd, m.InitrdSHA256}} {
		if f.name != "" && f.sum == "" {
			return refuse("it is signed without machine.%s_sha256, so that any %[1]s would do", f.key)
		}
	}
	return nil
}

// A Seal is what a configuration for users has besides what its author wrote. An
// empty text is nothing.
type Seal struct {
	KernelSHA256, InitrdSHA256 string // hexadecimal, of the files that it names
	Signer                     string // public key, as minisign writes it
	Enroll                     string // code
}

// lines are the seal's, by the names of their tables.
func (s Seal) lines(a *Appliance) []sealLine {
	m, v := &a.Machine, &a.Vendor
	return []sealLine{
		{"machine", "kernel_sha256", m.KernelSHA256, s.KernelSHA256}, {"machine", "initrd_sha256", m.InitrdSHA256, s.InitrdSHA256},
		{"vendor", "signer", v.Signer, s.Signer}, {"vendor", "enroll", v.Enroll, s.Enroll},
	}
}

type sealLine struct{ table, key, has, want string }

// done tells whether there is nothing to write.
func (l sealLine) done() bool { return l.want == "" || l.has == l.want }

// Release is the text of a configuration for users, with its seal. What the text says
// already stays.
func Release(text []byte, s Seal) ([]byte, error) {
	a, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if a.Machine.Kernel == KernelDebian {
		return nil, fmt.Errorf("machine.kernel is %q, which is another file on other computers; for users, ship yours beside the configuration: "+
			"cp \"$(vmappliance build --kernel debian)\" vmlinuz; and write: kernel = \"vmlinuz\"", KernelDebian)
	}
	text = bytes.Clone(text)
	for _, l := range slices.Backward(s.lines(a)) {
		if l.done() {
			continue
		}
		if l.has != "" {
			return nil, fmt.Errorf("%s.%s is %q already; remove the line", l.table, l.key, l.has)
		}
		header := regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*` + l.table + `[ \t]*\][ \t]*(#.*)?$`)
		if at := header.FindIndex(text); at != nil {
			text = slices.Insert(text, at[1], fmt.Appendf(nil, "\n%s = %q", l.key, l.want)...)
		}
	}
	if a, err = Parse(text); err != nil {
		return nil, err
	}
	for _, l := range s.lines(a) {
		if !l.done() {
			return nil, fmt.Errorf("where to write a line cannot be seen; write it under [%s]: %s = %q", l.table, l.key, l.want)
		}
	}
	return text, nil
}
