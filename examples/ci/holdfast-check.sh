#!/bin/sh
# Checks a repository, and says something only where there is something to say: cron
# mails what a job prints.
#
#   holdfast-check.sh FOLDER
#
# In a crontab, Mondays at 6:00:
#
#   0 6 * * 1 /usr/local/bin/holdfast-check.sh /srv/infrastructure
set -u

cd "${1:?usage: holdfast-check.sh FOLDER}" || exit 1
git pull --quiet --ff-only || echo "holdfast-check: not brought up to date; checked as it is"

out=$(holdfast check --quiet --no-color 2>&1)
code=$?
[ "$code" -eq 0 ] || printf '%s\n' "$out"
exit "$code"
