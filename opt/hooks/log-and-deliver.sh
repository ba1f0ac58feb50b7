#!/bin/sh
# failoverCommand=/bin/sh /opt/crossdc/opt/hooks/log-and-deliver.sh
#
# For a passive gateway: notes the death and hands what is held from the dead peer to the application here. The gateway
# runs it again when it fails, and after a crash of its own in the middle. A second delivery of the same snapshots does
# no harm, because absorbing them is idempotent.
#
# HOOK_LOG  where to note it; default /var/log/crossdc-hook.log
# CROSSDC   how to start the program; default npx crossdc
# CROSSDC_URL, CROSSDC_TOKEN  of this gateway. The gateway hides CROSSDC_TOKEN from its commands: set it here if there is one.
set -eu

printf '%s peer %s is %s (%s), told at %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
  "$CROSSDC_PEER" "$CROSSDC_STATE" "$CROSSDC_REASON" "$CROSSDC_DATA_CENTER" >>"${HOOK_LOG:-/var/log/crossdc-hook.log}"

# An application that is critical is no death of its machine: a person decides.
[ "$CROSSDC_REASON" != application-critical ] || exit 0

${CROSSDC:-npx crossdc} deliver "$CROSSDC_PEER"
