#!/bin/bash
# Starts the lab's stand-in for jicofo.
config=/etc/jitsi/jicofo/jicofo.conf
[[ $JAVA_SYS_PROPS =~ -Dconfig\.file=([^ ]*) ]] && config=${BASH_REMATCH[1]}
exec "$(dirname "$(readlink -f "$0")")/java" jicofo "$config"
