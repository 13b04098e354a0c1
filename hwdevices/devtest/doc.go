// Package devtest holds the tests that every device passes, and a small
// language for tests of one device's behaviour.
//
//	func TestI8259(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(I8259) }) }
//
// Check has four parts. fields: a device's fields are its state and wires,
// nothing else. restore: two twins live through one random storm of accesses of
// all sizes, some across the ends of their windows, inputs, pins, requests and
// time; half way one of them is saved and goes on as a fresh device loaded from
// that; what both do must stay the same, whatever a device keeps outside its
// state shows. hostile: random values as state, as a stranger's snapshot may
// hold, lead to no panic. forget: every field of the state in turn is left at its reset
// value by a restore, and some storm must notice: a field that nobody can
// notice is not state, and a storm that does not notice is too weak. Devices
// whose depths random accesses do not reach add a Step of their own.
package devtest
