# vmrecord.sh: let a shell script say when the machine it runs in records itself.
# SPDX-License-Identifier: Apache-2.0
#
#   . ./vmrecord.sh
#   vmrecord_guard transfer-batch ./post-batch --all
#
# or step by step:
#
#   vmrecord_start transfer-batch
#   ./post-batch --all || vmrecord_fail "post-batch ended with $?"
#   vmrecord_stop drop                # a failed recording is kept all the same
#
# The functions call vmagent, which the appliance's image carries (VMAGENT names
# another one). Where there is none they do nothing, and vmrecord_guard only runs
# its command; vmagent itself does nothing outside an appliance.

vmrecord__agent() {
	command -v "${VMAGENT:-vmagent}" >/dev/null 2>&1 || return 0
	"${VMAGENT:-vmagent}" "$@"
}

vmrecord_in_vm() { command -v "${VMAGENT:-vmagent}" >/dev/null 2>&1 && "${VMAGENT:-vmagent}" status >/dev/null 2>&1; }
vmrecord_start() { vmrecord__agent start "$1"; }
vmrecord_stop() { vmrecord__agent stop "${1:-keep}"; }
vmrecord_mark() { vmrecord__agent mark "$*"; }
vmrecord_fail() { vmrecord__agent fail "$*"; }
vmrecord_save() { vmrecord__agent save "$*"; }
vmrecord_attr() { vmrecord__agent attr "$1" "$2"; }
vmrecord_status() { vmrecord__agent status; }

# vmrecord_beat: under "vmagent watch", say that the script is alive.
vmrecord_beat() { vmrecord__agent beat; }

# vmrecord_guard NAME COMMAND...: record the command, keep the recording if it
# fails, drop it otherwise; the status is the command's.
vmrecord_guard() {
	vmrecord__name=$1
	shift
	if command -v "${VMAGENT:-vmagent}" >/dev/null 2>&1; then
		"${VMAGENT:-vmagent}" exec --feature "$vmrecord__name" -- "$@"
	else
		"$@"
	fi
}
