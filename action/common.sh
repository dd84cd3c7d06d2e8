# shellcheck shell=bash
# What the steps of action.yml share. They run in bash on Linux, macOS and Windows,
# and take everything from the environment: inputs as INPUT_NAME.

# escape TEXT as a workflow command wants it
escape() {
  local text=${1//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '%s' "${text//$'\n'/%0A}"
}

# die MESSAGE ends the step with an annotation. Not on standard output, which a
# function that gives a value has for that.
die() {
  printf '::error title=Holdfast::%s\n' "$(escape "$1")" >&2
  exit 1
}

warn() { printf '::warning title=Holdfast::%s\n' "$(escape "$1")"; }

# need PROGRAM... ends the step where one is missing.
need() {
  local program
  for program in "$@"; do
    type -P "$program" >/dev/null || die "this runner has no $program, which the action needs; install it"
  done
}

# output NAME VALUE gives the step an output. A value is one line, so that none
# can bring a second output along.
output() {
  case $2 in
    *$'\n'* | *$'\r'*) die "the output $1 would have several lines" ;;
  esac
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# quietly COMMAND... runs a command whose output the runner must not take for
# workflow commands: names of resources come from outside.
quietly() {
  local token status=0
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
  "$@" 2>&1 || status=$?
  printf '\n::%s::\n' "$token"
  return "$status"
}

# sha256 FILE, or - for what comes in
sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -d ' ' -f 1
  else
    shasum -a 256 "$1" | cut -d ' ' -f 1
  fi
}

# slashes PATH, as Windows and bash both understand it
slashes() { printf '%s' "${1//\\//}"; }

# native PATH, as programs that are not of bash understand it
native() {
  if command -v cygpath >/dev/null; then cygpath -m "$1"; else printf '%s' "$1"; fi
}

# jq ends lines on Windows as people do there.
jq() { command jq "$@" | tr -d '\r'; }

# own is the action's folder of this job.
own() { printf '%s/holdfast' "$(slashes "${RUNNER_TEMP:?the runner sets it}")"; }

# enter goes to the folder that the action works in.
enter() {
  cd "${INPUT_WORKING_DIRECTORY:-.}" ||
    die "there is no folder ${INPUT_WORKING_DIRECTORY:-.}; is actions/checkout a step before this one?"
}

# signed_in COMMAND... runs git with the token, which no list of processes shows.
# The empty header takes away what actions/checkout may have left.
signed_in() {
  local key="http.${GITHUB_SERVER_URL:-https://github.com}/.extraheader"
  GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=$key GIT_CONFIG_VALUE_0='' GIT_CONFIG_KEY_1=$key \
    GIT_CONFIG_VALUE_1="AUTHORIZATION: basic $(printf 'x-access-token:%s' "${GITHUB_TOKEN-}" | base64 | tr -d '\n')" \
    git "$@"
}

# fetched BRANCH prints the commit that it has at the remote; nothing if there is none.
fetched() {
  local depth=()
  # A whole clone must stay one.
  [ "$(git rev-parse --is-shallow-repository)" = false ] || depth=(--depth 1)
  if signed_in fetch --quiet ${depth[@]+"${depth[@]}"} origin "refs/heads/$1" 2>/dev/null; then git rev-parse FETCH_HEAD; fi
}

# as_bot COMMAND... runs git as the author of what the action commits.
as_bot() {
  local name='github-actions[bot]' email='41898282+github-actions[bot]@users.noreply.github.com'
  GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email "$@"
}
