#!/bin/sh
# The image runs this before nginx starts. Twice a day the script looks whether the self-signed certificate has to be made again.
set -eu
(
  while sleep 43200; do
    status=0
    sh /docker-entrypoint.d/prepare.sh certificate || status=$?
    if [ "$status" = 3 ]; then nginx -s reload; fi
  done
) </dev/null &
