package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"vmrecord/bundle/store"
	"vmrecord/configs"
)

const (
	// policyFile lies beside the recordings: counts as JSON.
	policyFile = "policy.json"

	maxPolicyBytes  = 1 << 20
	maxFailures     = 4096 // different ones counted in a day
	otherFailures   = "others"
	policyDayLayout = "2006-01-02"
)

// policies hold what the configuration says of how often a feature is recorded. The
// user here is above them.
type policies struct {
	rules map[string]configs.Policy
	file  string // of counts
	rand  *rand.Rand
	now   func() time.Time

	kept map[string]time.Time // the end of the last of each feature
}

// counts is what must outlive a run: how many recordings were kept today of each
// failure.
type counts struct {
	Schema   string         `json:"schema"` // vmappliance.policy/1
	Day      string         `json:"day"`    // UTC
	Failures map[string]int `json:"failures"`
}

const countsSchema = "vmappliance.policy/1"

func newPolicies(rules []configs.Policy, dir string, seed uint64) *policies {
	p := &policies{rules: map[string]configs.Policy{}, file: filepath.Join(dir, policyFile),
		rand: rand.New(rand.NewPCG(seed, 0)), now: time.Now, kept: map[string]time.Time{}}
	for _, r := range rules {
		p.rules[r.Name] = r
	}
	return p
}

// start tells why a feature is not to be recorded now; empty: it is.
func (p *policies) start(feature string) (why string) {
	r := p.rules[feature]
	if r.Cooldown > 0 {
		last, ok := p.kept[feature]
		if wait := time.Duration(r.Cooldown)*time.Second - p.now().Sub(last); ok && wait > 0 {
			return fmt.Sprintf("cooldown for %.0f s", wait.Seconds())
		}
	}
	if r.Sample > 1 && p.rand.Uint32N(r.Sample) != 0 {
		return fmt.Sprintf("not in the sample of 1 in %d", r.Sample)
	}
	return ""
}

// keep tells why a recording of a feature that ends with a failure, or none, is not
// to be kept; empty: it is, and counts.
func (p *policies) keep(feature, failure string) (why string, err error) {
	r := p.rules[feature]
	if r.DayCap > 0 {
		if why, err = p.count(signature(feature, failure), int(r.DayCap)); why != "" {
			return why, err
		}
	}
	p.kept[feature] = p.now()
	return "", err
}

// numbers are what two texts of one failure differ in.
var numbers = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9]+`)

// signature names a failure.
func signature(feature, failure string) string {
	h := sha256.Sum256([]byte(feature + "\n" + numbers.ReplaceAllString(failure, "#")))
	return hex.EncodeToString(h[:8])
}

// count adds one to a failure's count of today, durably, unless that has reached
// its cap. A count that cannot be read begins again, one that cannot be written
// says so; either way the recording is kept.
func (p *policies) count(failure string, most int) (why string, err error) {
	today := p.now().UTC().Format(policyDayLayout)
	c, err := readCounts(p.file)
	if err != nil || c.Day != today {
		c = counts{Schema: countsSchema, Day: today, Failures: map[string]int{}}
	}
	if _, known := c.Failures[failure]; !known && len(c.Failures) >= maxFailures {
		failure = otherFailures
	}
	if c.Failures[failure] >= most {
		return fmt.Sprintf("%d of this failure were kept today", most), err
	}
	c.Failures[failure]++
	return "", errors.Join(err, c.write(p.file))
}

func readCounts(name string) (c counts, err error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPolicyBytes))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err == nil && (c.Schema != countsSchema || c.Failures == nil) {
		err = errors.New("not of " + countsSchema)
	}
	if err != nil {
		return counts{}, fmt.Errorf("%s: %w; today's counts begin again", name, err)
	}
	return c, nil
}

func (c counts) write(name string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return store.Replace(name, append(b, '\n'))
}
