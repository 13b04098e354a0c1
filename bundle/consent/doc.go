// Package consent keeps what the user of this computer decided about sending
// recordings to vendors. Whether something is sent is asked of it each time, so
// that a decision taken back counts at once, in programs that run too.
//
// # File
//
// STATE/consent.json, replaced whole (fsync, rename) under flock(2) of
// STATE/consent.lock: one JSON object,
//
//	schema      "vmrecord.consent/1"; a reader refuses another
//	decisions   one for each appliance that told its user what it does:
//	  appliance   its name
//	  to          whom it sends to: mail address, submit address and public keys,
//	              joined by blanks
//	  mode        what the user decided: "ask", "always-report-ask-recording", "always",
//	              "never"; none: nothing yet
//	  told        the mode that the configuration proposed when the user was told
//	  text        version of the text that the user was shown
//	  at          when the user decided, or was told
//	  signer      public key that its configuration was signed with; none: it was not
//
// # Rule
//
// A vendor's configuration proposes a mode. "never" in it stands; else the user's
// own decision does, if there is one. A decision for sending anything unasked counts
// only for the text and for whom it was given: if either has changed, the user is
// asked. So is who has not decided, until told that something goes unasked: a later
// configuration that proposes more is no consent to it. One for "never" holds until the
// user takes it back.
//
// # Signers
//
// The first signed configuration of an appliance's name is taken at its word; from
// then on one of that name has to be signed by the same key, or by one that follows
// it (package keys), until the user has the appliance forgotten. So nobody who changes
// a configuration can take its signature away. A changed name is another appliance,
// and its user is told of it.
package consent
