package power

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestPIIX4PM(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(PIIX4PM) }) }

func TestSoftOff(t *testing.T) {
	devtest.Play(t, new(PIIX4PM), `
		in 0.4/2 1              # SCI_EN
		out 0.4/2 2c01          # S3 is not declared
		stop 0 0
		in 0.4/2 c01
		out 0.4/2 1401          # S5 without SLP_EN
		stop 0 0
		out 0.4/2 3401
		stop 1 0
	`)
}

func TestPowerButton(t *testing.T) {
	devtest.Play(t, new(PIIX4PM), `
		put button
		in 0.0/2 100
		line 0 0                # not enabled
		out 0.2/2 120
		line 0 1
		out 0.1 1               # cleared by a one, in the upper byte
		in 0.0/2 0
		line 0 0
		in 0.3 1
	`)
}

// Bit 23 of the timer changes every 2^23 / 3.579545 MHz = 2.3435 s.
func TestTimerCarry(t *testing.T) {
	devtest.Play(t, new(PIIX4PM), `
		until 2343ms
		in 0.0/2 0
		until 2344ms
		in 0.0/2 1
		out 0.2/2 1
		line 0 1
		out 0.0/2 1
		line 0 0
		until 4686ms
		line 0 0
		until 4687ms
		line 0 1
	`)
}
