package configs

import _ "embed"

//go:embed template.toml
var template string

//go:embed demo/appliance.toml
var demo string

// Template is a commented file for an ISV to start from. It passes Parse and
// mails nothing.
func Template() string { return template }

// Demo is the demonstration's file.
func Demo() string { return demo }
