package enrol

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"aead.dev/minisign"
)

// Mechanism is the exchange's name in AUTH.
const Mechanism = "X-VMB-ENROLL"

const (
	version  = "1"
	maxBytes = 1024 // of one message
	about    = "vmrecord enrolment"
	kept     = version + " kept"
)

var (
	codeForm  = regexp.MustCompile(`^E-[A-Z2-7]{26}$`)
	tokenForm = regexp.MustCompile(`^T-[A-Z2-7]{26}$`)
	nonceForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)
	nameForm  = regexp.MustCompile(`^I-[0-9a-f]{16}$`)
)

// NewCode makes a code.
func NewCode() string { return "E-" + rand.Text() }

// NewToken makes a token.
func NewToken() string { return "T-" + rand.Text() }

// CheckCode says what is wrong with a code.
func CheckCode(code string) error {
	if !codeForm.MatchString(code) {
		return fmt.Errorf("%.60q is no enrolment code; to make one: vmbundle inbox enroll new", code)
	}
	return nil
}

// Name is what a computer is called at the inbox.
func Name(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "I-" + hex.EncodeToString(sum[:8])
}

// An Opening is what a computer begins with.
type Opening struct {
	Code string
	Key  string // its public key, as minisign writes it
}

// A Grant is what it gets.
type Grant struct {
	Name  string
	Token string
}

func (o Opening) text() []byte { return []byte(version + " " + o.Code + " " + o.Key) }

func (g Grant) text() []byte { return []byte(version + " " + g.Name + " " + g.Token) }

// words are a message's, without the version.
func words(b []byte, n int) ([]string, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("a message of %d bytes; at most %d", len(b), maxBytes)
	}
	w := strings.Split(string(b), " ")
	if len(w) > 1 && w[0] != version {
		return nil, fmt.Errorf("version %.20q; this program knows %s", w[0], version)
	}
	if len(w) != n+1 {
		return nil, fmt.Errorf("%.60q has %d words, not %d", b, len(w), n+1)
	}
	return w[1:], nil
}

func parseOpening(b []byte) (o Opening, err error) {
	w, err := words(b, 2)
	if err != nil {
		return o, err
	}
	if o = (Opening{w[0], w[1]}); !codeForm.MatchString(o.Code) {
		return o, fmt.Errorf("%.60q is no code", o.Code)
	}
	var k minisign.PublicKey
	if err := k.UnmarshalText([]byte(o.Key)); err != nil || k.String() != o.Key {
		return o, fmt.Errorf("%.80q is no public key", o.Key)
	}
	return o, nil
}

func parseGrant(b []byte) (g Grant, err error) {
	w, err := words(b, 2)
	if err != nil {
		return g, err
	}
	if g = (Grant{w[0], w[1]}); !nameForm.MatchString(g.Name) || !tokenForm.MatchString(g.Token) {
		return g, errors.New("it is no name and no token")
	}
	return g, nil
}

func statement(code, nonce string) []byte {
	return []byte(about + " " + version + "\n" + code + "\n" + nonce + "\n")
}

func prove(key *minisign.PrivateKey, code, nonce string) []byte {
	return minisign.SignWithComments(*key, statement(code, nonce), about, about)
}

func (o Opening) proven(nonce string, sig []byte) bool {
	var k minisign.PublicKey
	return len(sig) <= maxBytes && k.UnmarshalText([]byte(o.Key)) == nil && minisign.Verify(k, statement(o.Code, nonce), sig)
}
