package secrets

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What is one, and what only looks alike.
func TestScan(t *testing.T) {
	key := strings.Repeat("MIIEvQIBADANBgkqhkiG9w0B", 3)
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"-----BEGIN PRIVATE KEY-----\n" + key, "private key 1 -----BEGIN PRIVATE KEY-----"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\r\n" + key, "private key 1 -----BEGIN OPENSSH PRIVATE KEY-----"},
		{`{"private_key":"-----BEGIN RSA PRIVATE KEY-----\n` + key, "private key 1 -----BEGIN RSA PRIVATE KEY-----"},
		{"-----BEGIN PRIVATE KEY-----\x00-----END", ""},
		{"-----BEGIN CERTIFICATE-----\n" + key, ""},
		{"AGE-SECRET-KEY-1" + strings.Repeat("Q2", 29), "private key 1 AGE-... (74 characters)"},
		{"id AKIAIOSFODNN7EXAMPLE.", "AWS access key 1 AKIA... (20 characters)"},
		{"AKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLE", "AWS access key 2 AKIA... (20 characters)"},
		{"xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEX AKIAIOSFOD", ""},
		{"ghp_" + strings.Repeat("aB3", 12), "GitHub token 1 ghp_... (40 characters)"},
		{"ghp_short", ""},
		{"github_pat_" + strings.Repeat("a_", 41), "GitHub token 1 gith... (93 characters)"},
		{"glpat-" + strings.Repeat("a-", 10), "GitLab token 1 glpa... (26 characters)"},
		{"AIza" + strings.Repeat("a", 35), "Google API key 1 AIza... (39 characters)"},
		{"xoxb-" + strings.Repeat("1-", 12), "Slack token 1 xoxb... (29 characters)"},
		{"sk_live_" + strings.Repeat("a", 24), "Stripe key 1 sk_l... (32 characters)"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "JSON Web Token 1 eyJh... (65 characters)"},
		{"eyJhbGciOiJIUzI1NiJ9.dozjgNryP4J3jVmN.dozjgNryP4J3jVmN", ""},
		{"eyJhbGciOiJIUzI1NiJ9", ""},
		{"postgres://joe:s3cret@db.example/x", "password in an address 1 ://j... (24 characters)"},
		{"https://user:password@host https://%s:%s@%s http://[::1]:80/ http://h:80/a@b", ""},
		{"4111111111111111", "card number 1 4111... (16 characters)"},
		{"4111 1111 1111 1111", "card number 1 4111... (19 characters)"},
		{"5555-5555-5555-4444", "card number 1 5555... (19 characters)"},
		{"378282246310005", "card number 1 3782... (15 characters)"},
		{"6011111111111117", "card number 1 6011... (16 characters)"},
		{"4111111111111112 41111111111111111 x4111111111111111 0.4111111111111111 4111111111111111.5", ""},
		{"41 11 1111 1111 1111 41111 111 1111 1111 4111 1111-1111 1111 4111  1111 1111 1111 9111111111111111", ""},
		{"5555555555555555", ""},
	} {
		for _, around := range []string{"%s", "\x00%s\x00", "a %s b"} {
			var s Scanner
			s.Scan(fmt.Appendf(nil, around, c.text))
			var got []string
			for _, h := range s.Hits() {
				got = append(got, fmt.Sprintln(h.Kind, h.Count, h.Like))
			}
			if got := strings.TrimSpace(strings.Join(got, "")); got != c.want {
				t.Errorf("%q: %q, want %q", c.text, got, c.want)
			}
		}
	}
}

// However many there are, so many are counted.
func TestBound(t *testing.T) {
	var s Scanner
	for i := range 2 * maxDistinct {
		s.Scan(fmt.Appendf(nil, "AKIA%016d", i))
	}
	if h := s.Hits(); len(h) != 1 || h[0].Count != maxDistinct {
		t.Errorf("%+v", h)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("://a:bcd@e 4111 1111 1111 1111 eyJhbGciOiJI.eyJhbGciOiJI.aaaaaaaaa"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Scanner
		s.Scan(b)
		for _, h := range s.Hits() {
			if h.Count < 1 || h.Like == "" {
				t.Errorf("%+v", h)
			}
		}
	})
}

// Memory as a guest has it: a quarter of text, a quarter of noise, the rest words.
func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	page := make([]byte, 4096)
	for i := range page {
		switch i / 1024 {
		case 0:
			page[i] = "the quick brown fox jumps over 1234567890 dogs:\n"[r.IntN(48)]
		case 1:
			page[i] = byte(r.Uint32())
		default:
			page[i] = []byte{0, 0, 0, 0xff, 0x48, 0x8b, 4, byte(i)}[i%8]
		}
	}
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		var s Scanner
		s.Scan(page)
	}
}
