package devtest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/snap"
)

// A Step does something that makes sense to one kind of device, chosen by rng,
// and returns what came of it.
type Step func(rng *rand.Rand, r *Rig) string

const (
	storms  = 60  // seeds of the restore part
	hunts   = 400 // seeds that a forgotten field may survive at most
	stormed = 400 // steps of a storm
)

// Check runs the conformance kit on fresh devices from mk.
func Check(t *testing.T, mk func() vmm.Device, steps ...Step) {
	t.Helper()
	t.Run("fields", func(t *testing.T) { Fields(t, mk()) })
	t.Run("restore", func(t *testing.T) {
		for seed := range uint64(storms) {
			if err := Storm(mk, seed, stormed, "", steps...); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	})
	t.Run("hostile", func(t *testing.T) {
		for seed := range uint64(storms) {
			if err := hostile(mk, seed, steps); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	})
	t.Run("forget", func(t *testing.T) {
		for _, f := range leaves(reflect.TypeOf(mk().State()).Elem(), "") {
			if !slices.ContainsFunc(seeds(hunts), func(seed uint64) bool {
				return Storm(mk, seed, stormed, f, steps...) != nil
			}) {
				t.Errorf("%s: a restore that forgets it goes unnoticed in %d storms", f, hunts)
			}
		}
	})
}

func seeds(n uint64) (s []uint64) {
	for i := range n {
		s = append(s, i)
	}
	return s
}

// wires is the closed list of types that a device's fields may have beside its state.
var wires = []reflect.Type{
	reflect.TypeFor[vmm.Line](), reflect.TypeFor[vmm.Timer](), reflect.TypeFor[vmm.Clock](),
	reflect.TypeFor[vmm.Outlet](), reflect.TypeFor[vmm.Window](), reflect.TypeFor[vmm.Req](),
	reflect.TypeFor[vmm.ReqIn](), reflect.TypeFor[vmm.RAM](), reflect.TypeFor[*vmm.Slot](),
}

// Fields fails unless d is a pointer to a struct whose fields are its state,
// plain and at most 64 KiB, and wires, also in arrays.
func Fields(t testing.TB, d vmm.Device) {
	t.Helper()
	st := reflect.ValueOf(d.State())
	if err := snap.Check(d.State()); err != nil {
		t.Error(err)
		return
	}
	if n := len(snap.Append(nil, d.State())); n > 64<<10 {
		t.Errorf("%T: %d bytes of state; bulk memory is no state", d, n)
	}
	v := reflect.ValueOf(d)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		t.Errorf("%T is not a pointer to a struct", d)
		return
	}
	v, found := v.Elem(), false
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type == st.Elem().Type() && v.Field(i).Addr().Pointer() == st.Pointer() {
			found = true
			continue
		}
		w := f.Type
		for w.Kind() == reflect.Array {
			w = w.Elem()
		}
		if !slices.Contains(wires, w) {
			t.Errorf("%s.%s: %s is neither the state nor a wire", v.Type(), f.Name, f.Type)
		}
	}
	if !found {
		t.Errorf("%s: State is not one of its fields", v.Type())
	}
}

// leaves names the fields of a state, those of nested structs one by one; of
// the structs of an array, one field in all of them.
func leaves(t reflect.Type, path string) (out []string) {
	switch {
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			out = append(out, leaves(f.Type, path+"."+f.Name)...)
		}
		return out
	case (t.Kind() == reflect.Array || t.Kind() == reflect.Slice) && t.Elem().Kind() == reflect.Struct:
		return leaves(t.Elem(), path)
	}
	return []string{path}
}

// forget gives the leaf named path in v the value that it has in fresh.
func forget(v, fresh reflect.Value, at, path string) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			forget(v.Field(i), fresh.Field(i), at+"."+v.Type().Field(i).Name, path)
		}
	case v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			forget(v.Index(i), fresh.Index(i), at, path)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range min(v.Len(), fresh.Len()) {
			forget(v.Index(i), fresh.Index(i), at, path)
		}
	case at == path:
		v.Set(fresh)
	}
}

// Storm drives two devices from mk through the same n random steps. Somewhere
// in the middle the second is saved and continued in a fresh one, with the
// state's field forgot (if not "") left as after a reset. It returns the first
// difference.
func Storm(mk func() vmm.Device, seed uint64, n int, forgot string, steps ...Step) error {
	a, b := newRig(mk()), newRig(mk())
	rng := rand.New(rand.NewPCG(seed, 1))
	cut := n/4 + rng.IntN(n/2)
	for i := range n {
		if i == cut {
			var err error
			if b, err = reborn(mk, b, forgot); err != nil {
				return err
			}
			a.log.Reset()
		}
		s := rng.Uint64()
		if ra, rb := a.step(s, steps), b.step(s, steps); ra != rb {
			return fmt.Errorf("step %d: %s, restored at step %d: %s", i, ra, cut, rb)
		}
		if la, lb := a.log.String(), b.log.String(); la != lb {
			return fmt.Errorf("step %d: effects differ:\n%s--- restored at step %d:\n%s", i, la, cut, lb)
		}
		a.log.Reset()
		b.log.Reset()
	}
	if d := snap.Diff(a.dev.State(), b.dev.State()); d != nil && forgot == "" {
		return fmt.Errorf("states differ in the end: %v", d)
	}
	return nil
}

// reborn saves r's machine and loads it into a fresh one.
func reborn(mk func() vmm.Device, r *Rig, forgot string) (*Rig, error) {
	secs, fresh := r.Save(), newRig(mk())
	if err := fresh.Load(secs); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(fresh.Save(), secs) {
		return nil, fmt.Errorf("saved, loaded and saved again, it is not the same")
	}
	if forgot != "" {
		forget(reflect.ValueOf(fresh.dev.State()).Elem(), reflect.ValueOf(newRig(mk()).dev.State()).Elem(), "", forgot)
		if d, ok := fresh.dev.(vmm.Restorer); ok {
			d.Restored()
		}
	}
	fresh.log.Reset()
	return fresh, nil
}

// hostile loads a state of random values into a device and storms it. It may
// do anything but panic or hang: snapshots come from strangers.
func hostile(mk func() vmm.Device, seed uint64, steps []Step) (err error) {
	r := newRig(mk())
	rng := rand.New(rand.NewPCG(seed, 3))
	secs := r.Save()
	for i, s := range secs {
		if s.Name == "dev" {
			scramble(rng, reflect.ValueOf(r.dev.State()).Elem())
			secs[i].Data = snap.Append(nil, r.dev.State())
		}
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a state from a stranger makes it panic: %v\n%s", p, debug.Stack())
		}
	}()
	if r.Load(secs) != nil {
		return nil
	}
	for range stormed / 4 {
		r.step(rng.Uint64(), steps)
	}
	return nil
}

// scramble gives every value in v a random one.
func scramble(rng *rand.Rand, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			scramble(rng, v.Field(i))
		}
	case v.Kind() == reflect.Array || v.Kind() == reflect.Slice:
		for i := range v.Len() {
			scramble(rng, v.Index(i))
		}
	case v.Kind() == reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case v.CanInt():
		v.SetInt(int64(rng.Uint64()) >> (64 - 8*v.Type().Size()))
	case v.CanUint():
		v.SetUint(rng.Uint64() >> (64 - 8*v.Type().Size()))
	}
}
