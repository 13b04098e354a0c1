package main

import "testing"

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.x); got != c.want {
			t.Errorf("%v: %v, want %v", c.x, got, c.want)
		}
	}
}

// TestBootstrap: the interval lies around the median, is as narrow as the
// values, and shrinks with their number.
func TestBootstrap(t *testing.T) {
	if got := bootstrap([]float64{1.5, 1.5, 1.5}); got != [2]float64{1.5, 1.5} {
		t.Errorf("of equal values: %v", got)
	}
	width := 1e9
	for _, n := range []int{5, 20, 80} {
		var x []float64
		for i := range n {
			x = append(x, 1+float64(i)/float64(n-1)) // 1 to 2
		}
		b := bootstrap(x)
		if b[0] < 1 || b[0] >= 1.5 || b[1] <= 1.5 || b[1] > 2 || b[1]-b[0] >= width {
			t.Errorf("%d values: %v", n, b)
		}
		width = b[1] - b[0]
	}
}

func TestSum(t *testing.T) {
	r := report{Pairs: []pair{{run{CPUSeconds: 3}, run{CPUSeconds: 2}}, {run{CPUSeconds: 2}, run{CPUSeconds: 2}}, {run{CPUSeconds: 5}, run{CPUSeconds: 4}}}}
	if r.sum(); r.Median != 1.25 || r.Interval != [2]float64{1, 1.5} {
		t.Errorf("%v %v", r.Median, r.Interval)
	}
}
