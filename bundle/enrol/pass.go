package enrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"vmrecord/bundle/store"

	"aead.dev/minisign"
)

const (
	schema  = "vmrecord.token/1"
	maxFile = 4096
)

// A Pass is what this computer authenticates by at one inbox.
type Pass struct {
	File string // that the token is kept in; its folder is made
	Code string // of the appliance's configuration
	Key  *minisign.PrivateKey
}

// A StoreError is a token that could not be kept: the computer's own trouble.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return fmt.Sprintf("keep the inbox's token: %v", e.Err) }

// Unwrap gives the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// A tokenFile is the file's content.
type tokenFile struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Token  string `json:"token"`
	Key    string `json:"key"`
}

func (p *Pass) public() string { return p.Key.Public().(minisign.PublicKey).String() }

// Grant is what is kept; ok is false where nothing that can be used is: then the
// computer enrols, again if need be.
func (p *Pass) Grant() (g Grant, ok bool) {
	f, err := os.Open(p.File)
	if err != nil {
		return g, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return g, false
	}
	return parseToken(b, p.public())
}

func parseToken(b []byte, key string) (g Grant, ok bool) {
	var t tokenFile
	if len(b) > maxFile || json.Unmarshal(b, &t) != nil || t.Schema != schema || t.Key != key {
		return g, false
	}
	g, err := parseGrant(Grant{t.Name, t.Token}.text())
	return g, err == nil
}

func (p *Pass) keep(g Grant) error {
	dir := filepath.Dir(p.File)
	b, err := json.MarshalIndent(tokenFile{schema, g.Name, g.Token, p.public()}, "", "  ")
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = store.Replace(p.File, append(b, '\n'))
	}
	if err != nil {
		return &StoreError{err}
	}
	return nil
}

// Lock keeps other programs of this computer from enrolling until unlock, so that no
// token is replaced by a later one that is kept sooner. It waits for them until ctx
// ends.
func (p *Pass) Lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(p.File), 0o700); err != nil {
		return nil, &StoreError{err}
	}
	f, err := os.OpenFile(p.File+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &StoreError{err}
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, &StoreError{err}
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Client is the computer's side of one exchange, after which the token is kept.
func (p *Pass) Client() *Client { return &Client{pass: p} }

// A Client is a sasl.Client.
type Client struct {
	pass   *Pass
	asked  bool
	stored bool
}

// Start begins.
func (c *Client) Start() (mechanism string, opening []byte, err error) {
	return Mechanism, Opening{c.pass.Code, c.pass.public()}.text(), nil
}

// Next answers the nonce with a signature, and the token with the word that it is kept.
func (c *Client) Next(message []byte) (answer []byte, err error) {
	if !c.asked {
		w, err := words(message, 1)
		if err != nil || !nonceForm.MatchString(w[0]) {
			return nil, fmt.Errorf("the inbox begins with %.60q, which is no nonce", message)
		}
		c.asked = true
		return prove(c.pass.Key, c.pass.Code, w[0]), nil
	}
	if c.stored {
		return nil, fmt.Errorf("the inbox goes on after its token: %.60q", message)
	}
	g, err := parseGrant(message)
	if err != nil {
		return nil, fmt.Errorf("the inbox gave %w", err)
	}
	if err := c.pass.keep(g); err != nil {
		return nil, err
	}
	c.stored = true
	return []byte(kept), nil
}
