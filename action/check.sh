#!/usr/bin/env bash
# Runs the check and writes the step's summary. Drift does not fail this step, so
# that those after it can tell of it; a check without a result does.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need jq
enter
results=$(own)/results
rm -rf "$results"
mkdir -p "$results"
export HOLDFAST_CACHE_DIR=$CACHE
[ -z "${INPUT_STORE-}" ] || export HOLDFAST_STORE=$INPUT_STORE

# One argument a line, then one path a line; empty lines are none.
args=() code=0
if [ "${INPUT_ALERT:-true}" = true ] && [ "$ALERTS" = true ]; then args+=(--alert); fi
while IFS= read -r line; do
  line=${line%$'\r'}
  [ -z "$line" ] || args+=("$line")
done <<<"${INPUT_ARGS-}"$'\n'"--"$'\n'"${INPUT_PATHS-}"
quietly "$BINARY" check --format table \
  -o "json=$results/result.json" -o "markdown=$results/summary.md" -o "sarif=$results/drift.sarif" -o "html=$results/drift.html" \
  "${args[@]}" || code=$?

[ -s "$results/result.json" ] || die "the check gave no result (exit code $code); what it says is above"
case $code in
  0) status=clean ;;
  1) status=incomplete ;;
  2) status=drifted ;;
  *) die "the check ended with the exit code $code, which has no meaning" ;;
esac
cat "$results/summary.md" >>"$GITHUB_STEP_SUMMARY"

output status "$status"
output exit-code "$code"
for number in findings stacks drifted incomplete errored resources waived pending; do
  output "$number" "$(jq -r --arg name "$number" '.summary[$name] // 0' "$results/result.json")"
done
output result "$results/result.json"
output summary "$results/summary.md"
output sarif "$results/drift.sarif"
output html "$results/drift.html"
