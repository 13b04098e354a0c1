package corpus

import "slices"

// Cases is the whole corpus.
func Cases() []Case {
	return slices.Concat(paging, segments, interrupts, privilege, control, legacy, compatibility, modeSwitches, x2apicMode)
}
