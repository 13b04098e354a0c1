package jit

import (
	"fmt"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Options say how a translator is to be. The zero Options are the usual ones.
// None changes anything but speed.
type Options struct {
	Without Features // what it does without, even where the host has it
	Poison  uint64   // if not 0: the seed of changes to flags that are dead or undefined
}

// New returns a translator as usual, or why this host cannot run one.
func New() (cpu.Translator, error) { return Options{}.New() }

// Features is a set of what translated code may use of a host's processor: a
// bit for each name of FeatureNames.
type Features uint16

// AllFeatures is the whole set.
const AllFeatures Features = 1<<numFeatures - 1

// A hostFeature is one of Features. Instructions of a group that the host has
// not are left to the reference.
type hostFeature struct {
	name  string
	group x86.Feature // FeatNone: amd and bmi2
}

const numFeatures = 12

// hostFeatureList are the names. BMI2 no emitted code uses; it is here so that one
// list fits every host.
func hostFeatureList() [numFeatures]hostFeature {
	return [...]hostFeature{{"adx", x86.FeatAdx}, {"aes", x86.FeatAes}, {"amd", x86.FeatNone}, {"bmi2", x86.FeatNone},
		{"movbe", x86.FeatMovbe}, {"pclmul", x86.FeatPclmulqdq}, {"popcnt", x86.FeatPopcnt}, {"sha", x86.FeatSha},
		{"sse3", x86.FeatSse3}, {"sse4.1", x86.FeatSse41}, {"sse4.2", x86.FeatSse42}, {"ssse3", x86.FeatSsse3}}
}

// FeatureNames lists what a host can have or lack: groups of instructions, and
// amd, a processor whose undefined flags are known to be the reference's.
func FeatureNames() (names []string) {
	for _, f := range hostFeatureList() {
		names = append(names, f.name)
	}
	return names
}

// An UnknownFeature is the error of a name that is not in FeatureNames.
type UnknownFeature struct{ Name string }

// Error names the known ones.
func (u UnknownFeature) Error() string {
	return fmt.Sprintf("no host feature %.40q; there are %s; and all, none", u.Name, strings.Join(FeatureNames(), ", "))
}

// ParseWithout reads a list such as "-aes,-sse4.2" or "none,+popcnt": what is
// taken away, and given back, of what the host has, in order. It returns what
// is away at the end. baseline is another word for none.
func ParseWithout(list string) (away Features, err error) {
	for item := range strings.SplitSeq(list, ",") {
		switch item {
		case "all":
			away = 0
			continue
		case "none", "baseline":
			away = AllFeatures
			continue
		}
		name, less := strings.CutPrefix(item, "-")
		name, more := strings.CutPrefix(name, "+")
		f, err := featureOf(name)
		switch {
		case err != nil:
			return 0, err
		case less == more:
			return 0, fmt.Errorf("%q says neither to do without %s nor to use it; write -%[2]s or +%[2]s", item, name)
		case less:
			away |= f
		default:
			away &^= f
		}
	}
	return away, nil
}

func featureOf(name string) (Features, error) {
	for i, f := range hostFeatureList() {
		if f.name == name {
			return 1 << i, nil
		}
	}
	return 0, UnknownFeature{name}
}

// String is a list that ParseWithout reads.
func (f Features) String() string {
	if f == 0 {
		return "all"
	}
	if f == AllFeatures {
		return "none"
	}
	var list []string
	for i, n := range FeatureNames() {
		if f>>i&1 != 0 {
			list = append(list, "-"+n)
		}
	}
	return strings.Join(list, ",")
}
