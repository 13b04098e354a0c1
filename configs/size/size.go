// Package size reads and writes numbers of bytes as people do: 128M, 1G. M is 1024².
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is how many.
type Bytes uint64

// Parse reads "134217728", "131072K", "128M" or "1G".
func Parse(s string) (Bytes, error) {
	digits, shift := s, 0
	if i := strings.IndexAny(s, "KMGkmg"); i >= 0 && i == len(s)-1 {
		digits, shift = s[:i], 10*(1+strings.IndexByte("KMG", s[i]&^0x20))
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > math.MaxUint64>>shift {
		return 0, fmt.Errorf("%.40q is not a size; write bytes, or a number with K, M or G, such as 128M", s)
	}
	return Bytes(n << shift), nil
}

// UnmarshalText is Parse, for TOML and flags.
func (z *Bytes) UnmarshalText(b []byte) (err error) {
	*z, err = Parse(string(b))
	return err
}

// Set is Parse, for flags.
func (z *Bytes) Set(s string) error { return z.UnmarshalText([]byte(s)) }

// Type names the kind of value in a flag's help.
func (z *Bytes) Type() string { return "SIZE" }

// String writes the size in the largest unit that loses nothing.
func (z Bytes) String() string {
	for i := 3; i > 0; i-- {
		if u := Bytes(1) << (10 * i); z != 0 && z%u == 0 {
			return strconv.FormatUint(uint64(z/u), 10) + "KMG"[i-1:i]
		}
	}
	return strconv.FormatUint(uint64(z), 10)
}
