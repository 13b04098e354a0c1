package inbox

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// indexVersion is raised whenever the tables or what is in them change.
const indexVersion = 2

const tables = `
CREATE TABLE reports(name TEXT PRIMARY KEY, stamp TEXT NOT NULL, first INTEGER NOT NULL, state TEXT NOT NULL,
	bucket TEXT NOT NULL, verdict TEXT NOT NULL, entry TEXT NOT NULL);
CREATE INDEX reports_bucket ON reports(bucket);
CREATE TABLE tags(name TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(name, tag));`

// An Index answers questions about many reports without reading all their files.
// It is made of the folders, and nothing else.
type Index struct {
	in *Inbox
	db *sql.DB
}

// Index opens the inbox's index and brings it up to date. One that is damaged, or
// another version's, is made anew.
func (b *Inbox) Index() (*Index, error) {
	unlock, err := b.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	x, err := b.openIndex()
	if err == nil {
		return x, nil
	}
	old, globErr := filepath.Glob(b.path("index.sqlite*")) // with its journal
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return nil, err
		}
	}
	if globErr != nil || len(old) == 0 {
		return nil, fmt.Errorf("index inbox: %w", err)
	}
	if x, err = b.openIndex(); err != nil {
		return nil, fmt.Errorf("index inbox: %w", err)
	}
	return x, nil
}

func (b *Inbox) openIndex() (*Index, error) {
	path, err := filepath.Abs(b.path("index.sqlite"))
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	x := &Index{b, db}
	if err := x.refresh(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return x, nil
}

// Close gives the index back.
func (x *Index) Close() error { return x.db.Close() }

// refresh makes the tables what the folders are, in one transaction. Reports whose
// files were not touched are not read again. The caller holds the inbox's lock.
func (x *Index) refresh() error {
	tx, err := x.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	version := 0
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == 0 {
		if _, err := tx.Exec(tables + fmt.Sprintf("PRAGMA user_version=%d", indexVersion)); err != nil {
			return err
		}
	} else if version != indexVersion {
		return fmt.Errorf("its version is %d, this program's %d", version, indexVersion)
	}
	had, err := stamps(tx)
	if err != nil {
		return err
	}
	for _, room := range []string{"partial", "reports"} {
		es, err := os.ReadDir(x.in.path(room))
		if err != nil {
			return err
		}
		for _, e := range es {
			name := room + "/" + e.Name()
			stamp, err := x.in.stamp(room, e.Name())
			if err != nil {
				return err
			}
			if had[name] != stamp {
				if err := x.put(tx, room, e.Name(), stamp); err != nil {
					return err
				}
			}
			delete(had, name)
		}
	}
	for name := range had {
		if err := forget(tx, name); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// stamps are those that the index has, by name.
func stamps(tx *sql.Tx) (map[string]string, error) {
	rows, err := tx.Query("SELECT name, stamp FROM reports")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	had := map[string]string{}
	for rows.Next() {
		var name, stamp string
		if err := rows.Scan(&name, &stamp); err != nil {
			return nil, err
		}
		had[name] = stamp
	}
	return had, rows.Err()
}

// stamp changes when a report's files do.
func (b *Inbox) stamp(room, name string) (string, error) {
	files := []string{".", "envelope.json"}
	if room == "reports" {
		files = []string{"report.json", triageName, verdictName, idOf(name) + ".vmb"}
	}
	var s strings.Builder
	for _, f := range files {
		st, err := os.Lstat(b.path(room, name, f))
		switch {
		case err == nil:
			fmt.Fprintf(&s, "%d:%d ", st.Size(), st.ModTime().UnixNano())
		case errors.Is(err, fs.ErrNotExist):
			s.WriteString("- ")
		default:
			return "", err
		}
	}
	return s.String(), nil
}

func (x *Index) put(tx *sql.Tx, room, base, stamp string) error {
	r, err := x.in.read(room, base)
	e := Entry{Report: r}
	if err == nil {
		e, err = x.in.entry(r)
	}
	if err != nil {
		e = Entry{Report: x.in.damaged(room, base, err)}
	}
	name, verdict := room+"/"+base, ""
	if e.Verdict != nil {
		verdict = e.Verdict.State
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := forget(tx, name); err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO reports(name, stamp, first, state, bucket, verdict, entry) VALUES(?, ?, ?, ?, ?, ?, ?)",
		name, stamp, e.First.UnixMicro(), e.State, e.Bucket, verdict, string(text)); err != nil {
		return err
	}
	for _, t := range e.Tags {
		if _, err := tx.Exec("INSERT OR IGNORE INTO tags(name, tag) VALUES(?, ?)", name, t); err != nil {
			return err
		}
	}
	return nil
}

func forget(tx *sql.Tx, name string) error {
	_, err := tx.Exec("DELETE FROM reports WHERE name = ?", name)
	if err == nil {
		_, err = tx.Exec("DELETE FROM tags WHERE name = ?", name)
	}
	return err
}

// A Filter picks entries; what is "" picks all.
type Filter struct{ State, Verdict, Bucket, Tag string }

// Entries are the reports that a filter picks, oldest first.
func (x *Index) Entries(f Filter) (all []Entry, err error) {
	rows, err := x.db.Query(`SELECT entry FROM reports WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR verdict = ?2) AND (?3 = '' OR bucket = ?3)
		AND (?4 = '' OR name IN (SELECT name FROM tags WHERE tag = ?4)) ORDER BY first, name`, f.State, f.Verdict, f.Bucket, f.Tag)
	if err != nil {
		return nil, fmt.Errorf("list inbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var e Entry
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("list inbox: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, fmt.Errorf("list inbox: %w", err)
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// A Bucket is reports of one crash.
type Bucket struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Of     string    `json:"of,omitempty"` // the bucket it is a duplicate of
	Note   string    `json:"note,omitempty"`
	Count  int       `json:"count"` // of reports in it
	First  time.Time `json:"first"` // received
	Last   time.Time `json:"last"`
	Again  bool      `json:"again,omitempty"` // a report came after it was fixed
	Crash  *Crash    `json:"crash,omitempty"` // of its first report
}

// Buckets are the buckets of all complete reports, those with the newest report
// first.
func (x *Index) Buckets() (all []Bucket, err error) {
	rows, err := x.db.Query(`SELECT bucket, count(*), min(first), max(first),
		(SELECT entry FROM reports r WHERE r.bucket = reports.bucket AND r.state = ?1 ORDER BY first, name LIMIT 1)
		FROM reports WHERE state = ?1 GROUP BY bucket ORDER BY max(first) DESC, bucket`, Complete)
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k Bucket
		var first, last int64
		var text string
		var e Entry
		if err := rows.Scan(&k.Name, &k.Count, &first, &last, &text); err != nil {
			return nil, fmt.Errorf("list buckets: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, fmt.Errorf("list buckets: %w", err)
		}
		m, err := x.in.markOf(k.Name)
		if err != nil {
			return nil, fmt.Errorf("list buckets: %w", err)
		}
		k.First, k.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		k.Status, k.Of, k.Note, k.Again = m.Status, m.Of, m.Note, m.Status == Fixed && k.Last.After(m.At)
		if e.Verdict != nil {
			k.Crash = e.Verdict.Crash
		}
		all = append(all, k)
	}
	return all, rows.Err()
}
