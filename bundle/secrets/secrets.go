package secrets

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// maxDistinct bounds how many secrets of one kind are told apart.
const maxDistinct = 1000

// A Hit is what was found of one kind.
type Hit struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"` // different ones; 1000 stands for more, too
	Like  string `json:"like"`  // the first one, all but its beginning hidden
}

// A Scanner collects hits. The zero value is ready; one goroutine at a time.
type Scanner struct {
	Bytes int64 // scanned so far

	seen map[string]map[[32]byte]bool // by kind
	like map[string]string
}

// Scan looks through one piece: a page, or a text.
func (s *Scanner) Scan(b []byte) {
	s.Bytes += int64(len(b))
	for i := 0; i+1 < len(b); i++ {
		if !pairs[uint16(b[i])<<8|uint16(b[i+1])] {
			continue
		}
		for _, p := range byFirst[b[i]] {
			body := i + len(p.anchor)
			if body > len(b) || string(b[i:body]) != p.anchor {
				continue
			}
			if to := p.find(b, i, body); to > i {
				s.hit(p.kind, b[i:to])
				i = to - 1
				break
			}
		}
	}
}

func (s *Scanner) hit(kind string, secret []byte) {
	if s.seen == nil {
		s.seen, s.like = map[string]map[[32]byte]bool{}, map[string]string{}
	}
	if s.seen[kind] == nil {
		s.seen[kind] = map[[32]byte]bool{}
		s.like[kind] = hide(string(secret))
	}
	if len(s.seen[kind]) < maxDistinct {
		s.seen[kind][sha256.Sum256(secret)] = true
	}
}

// hide leaves the beginning of a secret.
func hide(secret string) string {
	const line = "-----"
	if head, ok := strings.CutPrefix(secret, line); ok {
		head, _, _ = strings.Cut(head, line)
		return line + head + line
	}
	return fmt.Sprintf("%s... (%d characters)", secret[:min(4, len(secret))], len(secret))
}

// Hits is what was found, by kind.
func (s *Scanner) Hits() []Hit {
	all := []Hit{}
	for kind, seen := range s.seen {
		all = append(all, Hit{kind, len(seen), s.like[kind]})
	}
	slices.SortFunc(all, func(a, b Hit) int { return strings.Compare(a.Kind, b.Kind) })
	return all
}
