#!/bin/sh
# failoverCommand=/bin/sh /opt/crossdc/opt/hooks/start-application.sh my-application.service
#
# For a passive DC whose application is started only when its peer dies. `systemctl start` returns when the unit is
# started and does nothing when it runs already, so that running this twice does no harm. A unit of its own outlives a
# restart of the gateway; a program started from here directly would end with the gateway's unit.
set -eu

unit=${1:?the unit to start}
${SYSTEMCTL:-systemctl} start "$unit"
${SYSTEMCTL:-systemctl} is-active --quiet "$unit"
echo "$unit runs at $CROSSDC_DATA_CENTER, because $CROSSDC_PEER is $CROSSDC_STATE ($CROSSDC_REASON)"
