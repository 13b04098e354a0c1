package main

import (
	"sync/atomic"
	"time"
)

// meterPeriod is how often the meter looks. Guest time, like all a program sees.
const meterPeriod = time.Millisecond

// A meter watches how busy the ledger is, as such programs do.
type meter struct {
	looks, busy atomic.Int64 // since power-on: samples, and transfers they saw
}

// watch samples l for ever.
func (m *meter) watch(l *ledger) {
	for range time.Tick(meterPeriod) {
		m.looks.Add(1)
		m.busy.Add(l.underWay.Load())
	}
}
