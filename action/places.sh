#!/usr/bin/env bash
# Says where the things are that the next run should find again: the cache of
# providers and schemas, and the history; and whether the settings name channels.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# top is where Holdfast keeps a history: beside holdfast.yaml, else at the top of
# the repository.
top() {
  local folder
  for file in holdfast.yaml .git; do
    folder=$PWD
    while :; do
      if [ -e "$folder/$file" ]; then
        printf '%s' "$folder"
        return
      fi
      [ "$file" != holdfast.yaml ] || [ ! -e "$folder/.git" ] || break
      [ "$folder" != "$(dirname "$folder")" ] || break
      folder=$(dirname "$folder")
    done
  done
  printf '%s' "$PWD"
}

enter
output cache "$(native "$HOME")/.cache/holdfast"

# A history that is somewhere else, in a database for example, is not ours to keep.
top=$(top)
if [ -n "${INPUT_STORE-}${HOLDFAST_STORE-}" ] || grep -qs '^store:' "$top/holdfast.yaml"; then
  output history ''
else
  output history "$(native "$top")/.holdfast"
fi

if grep -qsE "^[\"']?alerts[\"']?:" "$top/holdfast.yaml"; then output alerts true; else output alerts false; fi

# Jobs of one workflow that look at other stacks have histories of their own.
scope=$(printf '%s\n' "${GITHUB_JOB-}" "${INPUT_WORKING_DIRECTORY-}" "${INPUT_PATHS-}" "${INPUT_CACHE_KEY-}" | sha256 -)
output scope "${scope:0:16}"
