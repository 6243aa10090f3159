#!/bin/bash
# Starts the lab's stand-in for the videobridge.
config=/etc/jitsi/videobridge/jvb.conf
[[ $JAVA_SYS_PROPS =~ -Dconfig\.file=([^ ]*) ]] && config=${BASH_REMATCH[1]}
exec "$(dirname "$(readlink -f "$0")")/java" videobridge "$config"
