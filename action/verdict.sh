#!/usr/bin/env bash
# Ends the action as the check ended, when all else is done.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${STATUS:?} in
  clean) exit 0 ;;
  drifted) message="drift was found: $FINDINGS finding(s); the step's summary has them" ;;
  *) message="no drift was found, but not everything could be checked; the step's summary says what" ;;
esac
if [ "${INPUT_FAIL:-true}" = true ]; then
  printf '::error title=Holdfast::%s\n' "$message"
  exit "$EXIT_CODE"
fi
warn "$message"
