// Package hwdevices is the room of the chips: one package a trade, one file a
// chip, by part number. Package pc says which chips a machine has and where;
// package devtest holds the tests that every chip passes.
//
// A device has state, a struct of plain values that holds everything the guest
// can observe, and wires from its vmm.Slot; it has nothing else. It knows no
// address and no interrupt number of its own: they are in its vmm.Place.
// Wires carry "asserted": whether a board asserts a line by a high or a low
// voltage is not modelled.
package hwdevices
