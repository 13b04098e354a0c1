package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"vmrecord/cmd/internal/rig"
)

// A run is one of the guest's.
type run struct {
	CPUSeconds float64   `json:"cpu_seconds"`
	Stats      rig.Stats `json:"stats"`
}

// A pair is two that differ in recording only.
type pair struct {
	On  run `json:"on"`
	Off run `json:"off"`
}

func (p pair) ratio() float64 { return p.On.CPUSeconds / max(p.Off.CPUSeconds, 1e-9) }

// A report is what pairs came to. It is printed as JSON.
type report struct {
	Pairs    []pair     `json:"pairs"`
	Median   float64    `json:"median_ratio"` // of processor seconds, recorded to not
	Interval [2]float64 `json:"interval_95"`
}

func (r *report) sum() {
	var ratios []float64
	for _, p := range r.Pairs {
		ratios = append(ratios, p.ratio())
	}
	r.Median, r.Interval = median(ratios), bootstrap(ratios)
}

// median is the middle value; x stays as it is.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

const samples = 10_000

// bootstrap is the 95 % interval of the median, of samples always the same.
func bootstrap(x []float64) [2]float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	medians, draw := make([]float64, samples), make([]float64, len(x))
	for i := range medians {
		for k := range draw {
			draw[k] = x[rng.IntN(len(x))]
		}
		medians[i] = median(draw)
	}
	slices.Sort(medians)
	return [2]float64{medians[samples*25/1000], medians[samples*975/1000-1]}
}

// String is the report for people.
func (r *report) String() string {
	var b strings.Builder
	p := r.Pairs[0]
	fmt.Fprintf(&b, "%d pairs of %d million instructions: recorded %.3f times the processor seconds, 95 %% interval %.3f to %.3f\n",
		len(r.Pairs), p.Off.Stats.Instructions/1e6, r.Median, r.Interval[0], r.Interval[1])
	for _, x := range []struct {
		name string
		run
	}{{"recorded", p.On}, {"not", p.Off}} {
		s := x.Stats
		fmt.Fprintf(&b, "%-8s  exits per million instructions: %.1f; for jumps %.1f, accesses %.1f, other instructions %.1f, at deadlines %.1f; %.2f %% translated\n",
			x.name, s.Exits(), s.Jumps, s.Accesses, s.Others, s.Deadlines, s.Translated)
	}
	return b.String()
}
