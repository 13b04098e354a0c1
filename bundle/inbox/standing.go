package inbox

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"vmrecord/bundle/mail"
)

// Status is what the reporter of a complete report is told of it.
func (x *Index) Status(e Entry) (mail.Status, error) {
	bucket, m, err := x.in.canonical(e.Bucket)
	if err != nil {
		return "", err
	}
	if m.Status == Fixed && m.In != "" {
		return mail.FixedIn(m.In), nil
	}
	first, err := x.first(bucket)
	if err != nil {
		return "", err
	}
	switch {
	case first != "" && first != e.ID:
		return mail.DuplicateOf(first), nil
	case e.Verdict == nil || e.Verdict.State == ReportOnly:
		return mail.Received, nil
	case e.Verdict.State == Reproduced:
		return mail.Reproduced, nil
	}
	return mail.Unreproduced, nil
}

// maxChain bounds how far duplicates of duplicates are followed.
const maxChain = 100

// canonical is the bucket that a bucket is a duplicate of, or itself, and what was
// decided about it.
func (b *Inbox) canonical(bucket string) (string, Mark, error) {
	m, err := b.markOf(bucket)
	for range maxChain {
		if err != nil || m.Status != Duplicate {
			break
		}
		bucket = m.Of
		m, err = b.markOf(bucket)
	}
	return bucket, m, err
}

// first is the id of the oldest report in a bucket, "" if there is none.
func (x *Index) first(bucket string) (string, error) {
	var text string
	err := x.db.QueryRow("SELECT entry FROM reports WHERE bucket = ? AND state = ? ORDER BY first, name LIMIT 1", bucket, Complete).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	var e Entry
	if err == nil {
		err = json.Unmarshal([]byte(text), &e)
	}
	if err != nil {
		return "", fmt.Errorf("look into inbox: %w", err)
	}
	return e.ID, nil
}

// answer is the reply to a question. Of what is not here nothing is said.
func (b *Inbox) answer(q mail.Question) (string, error) {
	x, err := b.Index()
	if err != nil {
		return "", err
	}
	defer x.Close()
	a := mail.Answer{}
	for _, asked := range q.Reports {
		r, err := b.read("reports", key(mail.Bundle{ID: asked.ID, SHA256: asked.SHA256}))
		if errors.Is(err, fs.ErrNotExist) || err == nil && r.SHA256 != asked.SHA256 {
			continue
		}
		var e Entry
		if err == nil {
			e, err = b.entry(r)
		}
		if err != nil {
			return "", err
		}
		if a[asked.ID], err = x.Status(e); err != nil {
			return "", err
		}
	}
	return a.Reply(q), nil
}
