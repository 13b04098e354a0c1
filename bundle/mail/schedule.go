package mail

import "time"

// DefaultExpire is how long a bundle is tried before it is only kept.
const DefaultExpire = 5 * 24 * time.Hour

var retryAfter = [...]time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// RetryAfter is the wait after the nth failed try in a row, which counts from 1.
// jitter, from 0 up to 1, moves it by up to a tenth either way, so that the
// appliances a server has turned away together do not come back together.
func RetryAfter(n int, jitter float64) time.Duration {
	d := retryAfter[min(max(n, 1), len(retryAfter))-1]
	return d - d/10 + time.Duration(float64(d/5)*jitter)
}
