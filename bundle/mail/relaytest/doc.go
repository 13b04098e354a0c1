// Package relaytest runs Debian's own mail servers, Postfix and Exim, for tests: a
// relay on loopback between our sender and our inbox. They are only unpacked, not
// installed, and run in namespaces of their own, where their users are known; who
// is not root needs subordinate IDs (subuid(5)). The packages come from where apt
// has them from; .ci/packages lists what else they load.
package relaytest
