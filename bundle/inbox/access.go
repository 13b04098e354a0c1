package inbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"vmrecord/bundle/enrol"
	"vmrecord/bundle/store"
)

const (
	accessSchema = "vmbundle.access/1"
	accessName   = "access.json"
	maxAccess    = 16 << 20 // bytes of the file, more than as many as these take
	maxInstalls  = 20_000
	maxCodes     = 2_000
)

// A Code is an enrolment code, without its secret.
type Code struct {
	Name    string    `json:"name"` // C- and 8 hex digits of SHA256
	SHA256  string    `json:"sha256"`
	Uses    int       `json:"uses,omitempty"` // computers that it takes in; 0: any number
	Expires time.Time `json:"expires,omitzero"`
	Made    time.Time `json:"made"`
	Revoked time.Time `json:"revoked,omitzero"`
	Note    string    `json:"note,omitempty"`
	Used    int       `json:"used,omitempty"` // filled in when listed
}

// An Install is a computer that was taken in.
type Install struct {
	Name     string    `json:"name"`
	Key      string    `json:"key"`    // its public key, which signs its bundles
	Code     string    `json:"code"`   // the name of the one that took it in
	SHA256   string    `json:"sha256"` // of its token
	Enrolled time.Time `json:"enrolled"`
	Revoked  time.Time `json:"revoked,omitzero"`
	Bytes    int64     `json:"bytes,omitempty"`   // it has here; filled in when listed
	Reports  int       `json:"reports,omitempty"` // likewise
}

// An Access is who may send to an inbox. Once there is a code, only computers that
// were taken in may.
type Access struct {
	Schema   string    `json:"schema"`
	Codes    []Code    `json:"codes"`
	Installs []Install `json:"installs"`
}

func digestOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// matches compares a secret with a digest, in a time that tells nothing.
func matches(secret, digest string) bool {
	return subtle.ConstantTimeCompare([]byte(digestOf(secret)), []byte(digest)) == 1
}

func (a *Access) code(name string) *Code {
	if i := slices.IndexFunc(a.Codes, func(c Code) bool { return c.Name == name }); i >= 0 {
		return &a.Codes[i]
	}
	return nil
}

func (a *Access) install(name string) *Install {
	if i := slices.IndexFunc(a.Installs, func(x Install) bool { return x.Name == name }); i >= 0 {
		return &a.Installs[i]
	}
	return nil
}

func (a *Access) used(code string) (n int) {
	for _, x := range a.Installs {
		if x.Code == code {
			n++
		}
	}
	return n
}

// readAccess reads who may send; a file that is not there is nobody.
func (b *Inbox) readAccess() (*Access, error) {
	a := &Access{Schema: accessSchema}
	return a, optional(b.path(accessName), accessSchema, maxAccess, a)
}

// A roll is the Access that was read last, of which file.
type roll struct {
	mu     sync.Mutex
	file   fs.FileInfo
	access *Access
}

// access is who may send. It is asked at each greeting and each message, and read again
// when the file is another one than it was. It must not be changed.
func (b *Inbox) access() (*Access, error) {
	now, err := os.Stat(b.path(accessName))
	if errors.Is(err, fs.ErrNotExist) {
		return &Access{}, nil
	}
	if err != nil {
		return nil, err
	}
	b.roll.mu.Lock()
	defer b.roll.mu.Unlock()
	if was := b.roll.file; was == nil || !os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime()) || was.Size() != now.Size() {
		a, err := b.readAccess()
		if err != nil {
			return nil, err
		}
		b.roll.file, b.roll.access = now, a
	}
	return b.roll.access, nil
}

// changeAccess has f change who may send, under the inbox's lock, and makes it durable.
func (b *Inbox) changeAccess(f func(a *Access, now time.Time) error) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	a, err := b.readAccess()
	if err != nil {
		return err
	}
	if err := f(a, b.now()); err != nil {
		return err
	}
	return writeJSON(b.path(accessName), a)
}

// NewCode makes a code that takes in so many computers (0: any number) until it
// expires (zero: never), and returns it with its secret, which is kept nowhere.
func (b *Inbox) NewCode(uses int, expires time.Time, note string) (c Code, secret string, err error) {
	secret = enrol.NewCode()
	sum := digestOf(secret)
	err = b.changeAccess(func(a *Access, now time.Time) error {
		c = Code{Name: "C-" + sum[:8], SHA256: sum, Uses: uses, Expires: expires.UTC().Truncate(time.Second), Made: now, Note: printable(note)}
		switch {
		case a.code(c.Name) != nil:
			return errors.New("two codes have one name; make another")
		case len(a.Codes) >= maxCodes:
			return fmt.Errorf("the inbox has %d codes, which is all it may", len(a.Codes))
		}
		a.Codes = append(a.Codes, c)
		return nil
	})
	return c, secret, err
}

// Access tells who may send, and what they have sent.
func (b *Inbox) Access() (*Access, error) {
	a, err := b.readAccess()
	if err != nil {
		return nil, err
	}
	all, err := b.List()
	if err != nil {
		return nil, err
	}
	for i := range a.Codes {
		a.Codes[i].Used = a.used(a.Codes[i].Name)
	}
	for _, r := range all {
		if x := a.install(r.Install); x != nil {
			x.Bytes, x.Reports = x.Bytes+r.Bytes, x.Reports+1
		}
	}
	return a, nil
}

// RevokeCode has a code take in nobody else; those that it took in stay.
func (b *Inbox) RevokeCode(name string) error {
	return b.changeAccess(func(a *Access, now time.Time) error {
		c := a.code(name)
		if c == nil {
			return store.Missing(fmt.Sprintf("%.40q is no code of this inbox; to see all: vmbundle inbox enroll list", name))
		}
		c.Revoked = now
		return nil
	})
}

// RevokeInstall has nothing more taken from a computer, nor it taken in again; forget
// forgets it instead, so that it may be.
func (b *Inbox) RevokeInstall(name string, forget bool) error {
	return b.changeAccess(func(a *Access, now time.Time) error {
		x := a.install(name)
		switch {
		case x == nil:
			return store.Missing(fmt.Sprintf("%.40q has no token of this inbox; to see all: vmbundle inbox tokens list", name))
		case forget:
			a.Installs = slices.DeleteFunc(a.Installs, func(x Install) bool { return x.Name == name })
		default:
			x.Revoked = now
		}
		return nil
	})
}

// Guarded tells whether only those that were taken in may send.
func (b *Inbox) Guarded() (bool, error) {
	a, err := b.access()
	return err != nil || len(a.Codes)+len(a.Installs) > 0, err
}

// denied is a refusal for good; waiting does not help.
func denied(code int, format string, v ...any) error {
	return &Refusal{Code: code, Enhanced: [3]int{5, 7, map[int]int{535: 8, 530: 0, 550: 1}[code]}, Text: fmt.Sprintf(format, v...)}
}

const anew = "; ask the vendor for a configuration with a new code"

// admit takes in a computer that has proven that the key is its own, and gives it a
// token. One that was in before gets another one, and is not counted.
func (b *Inbox) admit(o enrol.Opening) (g enrol.Grant, err error) {
	g = enrol.Grant{Name: enrol.Name(o.Key), Token: enrol.NewToken()}
	return g, b.changeAccess(func(a *Access, now time.Time) error {
		i := slices.IndexFunc(a.Codes, func(c Code) bool { return matches(o.Code, c.SHA256) })
		if i < 0 {
			return denied(535, "the enrolment code is not known here%s", anew)
		}
		x, c := a.install(g.Name), a.Codes[i]
		switch {
		case x != nil && x.Key != o.Key:
			return denied(535, "another computer is called %s; remove its key, appliance.sign.key, to get a new one", g.Name)
		case x != nil && !x.Revoked.IsZero():
			return denied(535, "%s was revoked; ask the vendor why", g.Name)
		case x != nil:
			x.SHA256 = digestOf(g.Token)
			return nil
		case !c.Revoked.IsZero():
			return denied(535, "the enrolment code %s was revoked%s", c.Name, anew)
		case !c.Expires.IsZero() && !now.Before(c.Expires):
			return denied(535, "the enrolment code %s has expired%s", c.Name, anew)
		case len(a.Installs) >= maxInstalls:
			return &Refusal{Code: 452, Enhanced: [3]int{4, 3, 1}, Text: fmt.Sprintf("the inbox knows %d computers, which is all it may", len(a.Installs))}
		case c.Uses > 0 && a.used(c.Name) >= c.Uses:
			return denied(535, "the enrolment code %s has taken in %d computers, which is all it may%s", c.Name, c.Uses, anew)
		}
		a.Installs = append(a.Installs, Install{Name: g.Name, Key: o.Key, Code: c.Name, SHA256: digestOf(g.Token), Enrolled: now})
		return nil
	})
}

// authenticate checks a computer's token.
func (b *Inbox) authenticate(name, token string) error {
	a, err := b.access()
	if err != nil {
		return err
	}
	x := a.install(name)
	if x == nil || !matches(token, x.SHA256) {
		return denied(535, "the token is not known here%s", anew)
	}
	return x.stands(535)
}

// standing checks at each message that a computer was not revoked meanwhile.
func (b *Inbox) standing(name string) error {
	a, err := b.access()
	if err != nil {
		return err
	}
	if x := a.install(name); x != nil {
		return x.stands(550)
	}
	return denied(550, "%s was forgotten%s", name, anew)
}

func (x *Install) stands(code int) error {
	if x.Revoked.IsZero() {
		return nil
	}
	return denied(code, "%s was revoked; ask the vendor why", x.Name)
}
