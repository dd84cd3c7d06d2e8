#!/usr/bin/env bash
# Writes the drift report, and brings it into the repository: as a commit on the
# branch that was checked out, or as a pull request that stays the same one until
# somebody merges it. Nothing else of the work tree goes along.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# api METHOD PATH [JSON] prints the answer.
api() {
  local method=$1 url=${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY/$2 body=()
  [ $# -lt 3 ] || body=(--data "$3")
  printf 'header = "Authorization: Bearer %s"\n' "${GITHUB_TOKEN-}" |
    curl --config - --silent --show-error --fail-with-body --request "$method" --max-time 60 \
      --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' \
      ${body[@]+"${body[@]}"} "$url"
}

# write runs holdfast report, and sets file to where it is.
write() {
  local said
  said=$(HOLDFAST_OUTPUT='' "$BINARY" report) || die "the drift report could not be written; what it says is above"
  file=${said#wrote }
  file=${file% is up to date}
  [ "${RUNNER_OS-}" != Windows ] || file=$(slashes "$file")
}

# commit PARENT prints a commit of it with the report as it is in the work tree.
commit() {
  local index blob tree
  index=$(own)/index
  rm -f "$index"
  blob=$(git hash-object -w --path="$path" -- "$file")
  tree=$(
    export GIT_INDEX_FILE=$index
    cd "$(git rev-parse --show-toplevel)"
    git read-tree "$1"
    git update-index --add --cacheinfo "100644,$blob,$path"
    git write-tree
  )
  [ "$tree" != "$(git rev-parse "$1^{tree}")" ] || return 0
  as_bot git commit-tree "$tree" -p "$1" -m "Bring the drift report up to date"
}

# at COMMIT prints the report's blob in a commit.
at() { git rev-parse --quiet --verify "$1:$path" || true; }

to_branch() {
  local tip made try
  for try in 1 2 3; do
    tip=$(fetched "$branch")
    [ -n "$tip" ] || die "the branch $branch can't be fetched; the action needs a token that may read and write contents"
    [ "$(at "$tip")" = "$(at HEAD)" ] || die "$path was changed on $branch during the check; run it again"
    made=$(commit "$tip")
    if [ -z "$made" ]; then
      output report-changed false
      return
    fi
    if signed_in push --quiet origin "$made:refs/heads/$branch"; then
      output report-changed true
      echo "committed $path on $branch as $made"
      return
    fi
    echo "try $try: $branch has moved on, or refuses the push"
  done
  die "$path could not be pushed to $branch: give the job 'contents: write', or use 'report: pull-request' where the branch is protected"
}

to_pull_request() {
  local proposal=${INPUT_REPORT_BRANCH:-holdfast/drift-report} open tip made body number
  open=$(api GET "pulls?state=open&base=$(jq -rn --arg v "$branch" '$v | @uri')&head=$(jq -rn --arg v "${GITHUB_REPOSITORY%%/*}:$proposal" '$v | @uri')") ||
    die "the pull requests can't be listed (${open:-no answer}); give the job 'pull-requests: write'"
  tip=
  [ "$(jq length <<<"$open")" = 0 ] || tip=$(fetched "$proposal")
  # Rows that somebody has edited in the open pull request stay.
  if [ -n "$tip" ] && [ -n "$(at "$tip")" ]; then
    git cat-file blob "$tip:$path" >"$file"
    write
  fi
  made=$(commit HEAD)
  if [ -z "$made" ]; then
    output report-changed false
    return
  fi
  if [ -z "$tip" ] || [ "$(git rev-parse "$tip^{tree}")" != "$(git rev-parse "$made^{tree}")" ]; then
    signed_in push --quiet --force origin "$made:refs/heads/$proposal" ||
      die "the branch $proposal could not be pushed; give the job 'contents: write'"
    output report-changed true
  else
    output report-changed false
  fi
  if [ "$(jq length <<<"$open")" = 0 ]; then
    body=$(jq -n --arg head "$proposal" --arg base "$branch" --arg status "${STATUS:?}" --arg findings "$FINDINGS" \
      --arg run "${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/actions/runs/${GITHUB_RUN_ID-}" \
      '{title: "Drift report", $head, $base, body: "The last check ended as **\($status)**, findings: \($findings). [The run](\($run))\n\nThis pull request is kept up to date until it is merged or closed."}')
    open=$(api POST pulls "$body" | jq '[.]') ||
      die "the pull request could not be opened; give the job 'pull-requests: write', and allow it under Settings, Actions, General: 'Allow GitHub Actions to create and approve pull requests'"
  fi
  number=$(jq -r '.[0].number' <<<"$open")
  output pull-request "$number"
  echo "the drift report is in pull request $number"
}

need git jq curl
case $INPUT_REPORT in
  commit | pull-request) ;;
  *) die "the input report is \"$INPUT_REPORT\"; write none, commit or pull-request" ;;
esac
enter
[ -z "${INPUT_STORE-}" ] || export HOLDFAST_STORE=$INPUT_STORE
write
output report "$(native "$(cd "$(dirname "$file")" && pwd)")/$(basename "$file")"
path=$(cd "$(dirname "$file")" && git rev-parse --show-prefix)$(basename "$file") ||
  die "$file is in no git repository; is actions/checkout a step before this one?"
case ${GITHUB_REF-} in
  refs/heads/*) branch=${GITHUB_REF#refs/heads/} ;;
  *)
    warn "the drift report was written and not committed: ${GITHUB_REF:-this} is no branch"
    output report-changed false
    exit 0
    ;;
esac
if [ "$INPUT_REPORT" = commit ]; then to_branch; else to_pull_request; fi
