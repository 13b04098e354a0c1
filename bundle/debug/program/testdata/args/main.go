// Command args has functions whose arguments are where each kind of them goes.
package main

import "fmt"

type point struct{ x, y int16 }

type named struct {
	name string
	at   [1]point
	next *named
}

//go:noinline
func mixed(a int8, b bool, s string, list []point, n named, f float32, e error) (int, string) {
	return int(a) + len(list), fmt.Sprint(b, s, n, f, e)
}

//go:noinline
func many(c complex128, big [3]uint64, a, b, d, e, g, h, i, j, k, last int, tail [2]byte) uint8 {
	return uint8(real(c)) + uint8(big[1]) + uint8(a+b+d+e+g+h+i+j+k+last) + tail[1]
}

func main() {
	fmt.Println(mixed(1, true, "s", nil, named{}, 1, nil))
	fmt.Println(many(1, [3]uint64{}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, [2]byte{}))
}
