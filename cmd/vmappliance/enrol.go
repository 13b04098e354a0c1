package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"vmrecord/bundle/enrol"
	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
)

// tokensName is the folder of tokens in an outbox: for each server that reports are
// submitted to, by the SHA-256 of its address, SUM.code, the enrolment code of the
// configuration that ran last, and SUM.json, the token (package enrol).
const tokensName = "tokens"

func (p *post) tokenFile(submit, ext string) string {
	sum := sha256.Sum256([]byte(submit))
	return filepath.Join(p.tokens, hex.EncodeToString(sum[:8])+ext)
}

// enrolBy notes the code by which a server takes computers in; "" notes nothing. What
// waits in the outbox is sent by it, too.
func (p *post) enrolBy(submit, code string) error {
	file := p.tokenFile(submit, ".code")
	if old, err := os.ReadFile(file); code == "" || err == nil && string(bytes.TrimSpace(old)) == code {
		return nil
	}
	err := os.MkdirAll(p.tokens, 0o700)
	if err == nil {
		err = renameio.WriteFile(file, []byte(code+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note the enrolment code: %w", err)
	}
	return nil
}

// pass is what this computer authenticates by at a server; nil where there is no code.
func (p *post) pass(submit string) (*enrol.Pass, error) {
	code, err := os.ReadFile(p.tokenFile(submit, ".code"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the enrolment code: %w", err)
	}
	dir, err := cli.KeyDir()
	if err != nil {
		return nil, err
	}
	key, err := keys.Signer(dir, "appliance")
	return &enrol.Pass{File: p.tokenFile(submit, ".json"), Code: string(bytes.TrimSpace(code)), Key: key}, err
}
