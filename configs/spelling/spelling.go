// Package spelling knows what somebody meant to write. It stands alone, so that
// what uses it need not bring a parser of configurations along.
package spelling

// Nearest finds the known word that s is most likely a slip of: at most a
// third of its letters changed. ok is false if there is none.
func Nearest(s string, known []string) (best string, ok bool) {
	if len(s) > 80 {
		return "", false
	}
	d := len(s)/3 + 1
	for _, k := range known {
		if n := distance(s, k); n < d {
			best, d, ok = k, n, true
		}
	}
	return best, ok
}

// distance is Levenshtein's: single-byte insertions, deletions and changes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(diag+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
