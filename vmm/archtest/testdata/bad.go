package bad

import (
	"errors"
	"math"
	"reflect"
)

type table struct {
	n    int
	ring [4]int
}

func (t *table) set(n int) { t.n = n }
func (t table) get() int   { return t.n }

var (
	hits   int
	array  [4]int
	slice  = []int{1}
	lookup = map[int]int{}
	one    table
	ptr    = &table{}
	errBad = errors.New("bad")
	name   = "abc"
)

func init() {} // want "init function"

func concurrency(m map[int]int) {
	go func() {}()      // want "goroutine"
	c := make(chan int) // want "channel"
	c <- 1              // want "channel"
	select {}           // want "channel"
	for range c {       // want "channel"
	}
	for range m { // want "range over map"
	}
	println(len(m))              // want "prints"
	reflect.ValueOf(m).MapKeys() // want "reflect's MapKeys"
}

func generic[M ~map[int]int](m M) {
	for range m { // want "range over map"
	}
}

func globals(i int) any {
	hits++               // want "assigns package variable hits"
	hits = 2             // want "assigns package variable hits"
	array[i] = 2         // want "assigns package variable array"
	one.ring[i] += 2     // want "assigns package variable one"
	(*ptr).n = 1         // want "assigns package variable ptr"
	ptr.ring[0]--        // want "assigns package variable ptr"
	lookup[1] = 2        // want "assigns package variable lookup"
	for hits = range 3 { // want "assigns package variable hits"
	}
	p := &array[1] // want "takes the address of package variable array"
	*p = 1
	s := array[:] // want "slices package variable array"
	s[0] = 1
	clear(lookup)         // want "hands on what package variable lookup holds"
	copy(slice, s)        // want "hands on what package variable slice holds"
	copy(one.ring[1:], s) // want "slices package variable one"
	delete(lookup, 1)     // want "hands on what package variable lookup holds"
	t := slice            // want "hands on what package variable slice holds"
	t[0] = 1
	one.set(1)   // want "calls set, which may change package variable one"
	f := one.set // want "calls set, which may change package variable one"
	f(1)
	return ptr // want "hands on what package variable ptr holds"
}

// reading breaks no rule.
func reading(i int) (int, string, error) {
	n := array[i] + slice[i] + lookup[i] + one.ring[i] + one.get() + len(slice) + ptr.n + hits
	for _, v := range slice {
		n += v
	}
	if slice == nil || errBad == nil {
		n++
	}
	return n, name[1:], errBad
}

const limit = 1e9

func float(a, b uint64) uint64 {
	x := math.Float64frombits(a) // want "floating point"
	return uint64(x) + b/limit   // want "floating point"
}
