#!/bin/sh
# Sums files' sizes under a recording: sh example.sh FILE...
. "$(dirname "$0")/vmrecord.sh"

vmrecord_attr example sh
vmrecord_guard sizes wc -c "$@"
