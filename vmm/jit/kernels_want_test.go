//go:build linux && amd64

package jit

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
)

// What the kernels of kernels.c return, computed otherwise where there is
// another way.

func roll(s *uint64) uint64 {
	*s ^= *s << 13
	*s ^= *s >> 7
	*s ^= *s << 17
	return *s
}

const rollSeed = 88172645463325252

func wantSieve(rounds uint64) (sum uint64) {
	for n := uint64(2); n < 65536; n++ {
		prime := true
		for d := uint64(2); d*d <= n && prime; d++ {
			prime = n%d != 0
		}
		if prime {
			sum += n
		}
	}
	return rounds * sum
}

// sevens are the 4096 bytes that are hashed.
func sevens() (b []byte) {
	for i := range 4096 {
		b = append(b, byte(i*7))
	}
	return b
}

func wantSHA(rounds uint64) uint64 {
	h := sha256.New()
	for range rounds {
		h.Write(sevens())
	}
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary() // four bytes, and eight words
	if err != nil {
		panic(err)
	}
	return uint64(binary.BigEndian.Uint32(state[4:]))<<32 | uint64(binary.BigEndian.Uint32(state[32:]))
}

func wantCRC(rounds uint64) uint64 {
	c := uint32(0)
	for range rounds {
		c = crc32.Update(c, crc32.IEEETable, sevens())
	}
	return uint64(c)
}

func wantMatmul(rounds uint64) (sum uint64) {
	const side = 48
	var a, b [side * side]uint64
	s := uint64(rollSeed)
	for i := range a {
		a[i], b[i] = roll(&s), roll(&s)
	}
	for range rounds {
		var c [side * side]uint64
		for i := range c {
			for k := range side {
				c[i] += a[i/side*side+k] * b[k*side+i%side]
			}
		}
		a = c
	}
	for _, v := range a {
		sum = sum*31 + v
	}
	return sum
}

func wantChase(rounds uint64) (sum uint64) {
	const n = 65536
	s := uint64(rollSeed)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		k := roll(&s) % uint64(i)
		order[i], order[k] = order[k], order[i]
	}
	at := slices.Index(order, 0)
	for i := range rounds * n {
		sum = sum*3 + (uint64(at)+i)%n
	}
	return sum
}

func wantQuick(rounds uint64) (sum uint64) {
	s := uint64(rollSeed)
	a := make([]uint64, 4096)
	for ; rounds > 0; rounds-- {
		for i := range a {
			a[i] = roll(&s)
		}
		slices.Sort(a)
		if rounds%2 == 0 { // the kernel counts down before it chooses
			slices.Reverse(a)
		}
		for _, v := range a {
			sum = sum*31 + v
		}
	}
	return sum
}

func wantBytecode(rounds uint64) (sum uint64) {
	for n := uint64(1); n <= rounds*64; n++ {
		for v := n; ; {
			if v%2 == 0 {
				v /= 2
			} else {
				v = 3*v + 1
			}
			if sum++; v <= 1 {
				break
			}
		}
	}
	return sum
}

func wantFib(rounds uint64) (sum uint64) {
	for r := range rounds {
		a, b := uint64(0), uint64(1)
		for range 18 + r%2 {
			a, b = b, a+b
		}
		sum += a
	}
	return sum
}

func wantTree(rounds uint64) (sum uint64) {
	type leaf struct {
		child [2]*leaf
		key   uint64
	}
	side := func(less bool) int {
		if less {
			return 1
		}
		return 0
	}
	var root *leaf
	s := uint64(rollSeed)
	for range 8192 {
		l := &leaf{key: roll(&s)}
		p := &root
		for *p != nil {
			p = &(*p).child[side((*p).key < l.key)]
		}
		*p = l
	}
	for range rounds * 1024 {
		key := roll(&s)
		for l := root; l != nil; l = l.child[side(l.key < key)] {
			sum = sum*5 + l.key&0xffffffff
		}
	}
	return sum
}

// wantNbody converts each product, so that none is fused with a sum.
func wantNbody(rounds uint64) (sum uint64) {
	var at, v [5][3]float64
	var mass [5]float64
	for i := range 5 {
		mass[i] = 40
		if i > 0 {
			mass[i] = float64(0.01 * float64(i))
		}
		for k := range 3 {
			at[i][k] = float64(i*(k+3)) - float64(2.5*float64(k))
			if i > 0 {
				v[i][k] = float64(0.5*float64(k)) - float64(0.25*float64(i))
			}
		}
	}
	for range rounds * 256 {
		for i := range 5 {
			for j := i + 1; j < 5; j++ {
				var d [3]float64
				q := 0.125
				for k := range d {
					d[k] = at[i][k] - at[j][k]
					q += float64(d[k] * d[k])
				}
				f := 0.001 / float64(q*math.Sqrt(q))
				for k := range d {
					v[i][k] -= float64(float64(d[k]*mass[j]) * f)
					v[j][k] += float64(float64(d[k]*mass[i]) * f)
				}
			}
		}
		for i := range at {
			for k := range at[i] {
				at[i][k] += float64(0.001 * v[i][k])
			}
		}
	}
	for i := range at {
		for k := range at[i] {
			sum = sum*31 + math.Float64bits(at[i][k]) + math.Float64bits(v[i][k])
		}
	}
	return sum
}

func wantSaxpy(rounds uint64) (sum uint64) {
	var x, y [4096]float32
	for i := range x {
		x[i], y[i] = float32(i)*0.25, float32(4096-i)
	}
	for r := rounds; r > 0; r-- {
		a := float32(float32((r-1)&7)*0.125) - float32(0.4)
		for i := range x {
			y[i] += float32(a * x[i])
		}
	}
	for _, v := range y {
		sum = sum*31 + uint64(math.Float32bits(v))
	}
	return sum
}
