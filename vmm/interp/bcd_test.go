package interp

import "testing"

func TestBcd(t *testing.T) {
	runOps(t, []op{
		{"27", "m32 al=79 AF", "eax=7f AF"},               // daa
		{"27", "m32 al=9a", "eax=0 CF PF AF ZF"},          // daa
		{"27", "m32 al=99", "PF SF"},                      // daa
		{"27", "m32 al=0 CF", "eax=60 CF PF"},             // daa
		{"27", "m32 al=7f", "eax=85 AF SF OF"},            // daa
		{"2f", "m32 al=ee", "eax=88 CF PF AF SF"},         // das
		{"2f", "m32 al=0 AF", "eax=fa CF PF AF SF"},       // das
		{"2f", "m32 al=9a CF", "eax=34 CF AF OF"},         // das
		{"2f", "m32 al=5 AF CF OF", "eax=9f CF PF AF SF"}, // das
		{"37", "m32 ax=f", "eax=105 CF AF"},               // aaa
		{"37", "m32 ax=1ff", "eax=305 CF PF AF"},          // aaa
		{"37", "m32 ax=0 AF", "eax=106 CF PF AF"},         // aaa
		{"37", "m32 ax=35 CF", "eax=5 PF"},                // aaa
		{"3f", "m32 ax=20f", "eax=109 CF PF AF"},          // aas
		{"3f", "m32 ax=0 AF", "eax=fe0a CF PF AF SF"},     // aas
		{"3f", "m32 ax=35 CF", "eax=5 PF"},                // aas
		{"d4 0a", "m32 al=63", "eax=909 PF"},              // aam
		{"d4 10", "m32 al=ff", "eax=f0f PF"},
		{"d4 00", "m32 al=ff", "#DE"},
		{"d5 0a", "m32 ax=909", "eax=63 PF AF"}, // aad
		{"d5 10", "m32 ax=fff", "eax=ef CF SF"},
		{"27", "al=79", "#UD"},
	})
}
