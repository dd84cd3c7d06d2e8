# One check, in the container: get the source, check it, say how it ended.
# Arguments go to `holdfast check`. The exit code is that of holdfast (0 clean, 2
# drift), or 1 for whatever else happened.
set -u
umask 077

work=/var/lib/holdfast
export TMPDIR="$work/tmp" GIT_TERMINAL_PROMPT=0
source_dir="$work/source"
result="$work/result.json"

# The alarm of missing checks counts these lines.
end() {
  printf '{"event":"check_ended","exit_code":%d,"message":"%s"}\n' "$1" "$2"
  exit "$1"
}

mkdir -p "$TMPDIR" || end 1 "$work can not be written"

# One task at a time has the history open: it is a file on a volume that several
# machines can mount.
if [ -n "${HISTORY_LOCK:-}" ]; then
  exec 9>>"$HISTORY_LOCK" || end 1 "the history's volume can not be written"
  flock --exclusive --timeout 3600 9 || end 1 "another check has had the history for an hour"
fi

# git asks for the token; it is on no command line and in no file. The check does
# not get it: who writes the code decides which programs a check runs.
if [ -n "${REPOSITORY_TOKEN:-}" ]; then
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper
  # shellcheck disable=SC2016 # git's shell is to expand it
  export GIT_CONFIG_VALUE_0='!f() { test "$1" = get && printf "username=%s\npassword=%s\n" "$REPOSITORY_USERNAME" "$REPOSITORY_TOKEN"; }; f'
fi
timeout 15m git clone --quiet --depth 1 ${REPOSITORY_BRANCH:+--branch "$REPOSITORY_BRANCH"} -- "$REPOSITORY_URL" "$source_dir" ||
  end 1 "the repository could not be fetched"
unset REPOSITORY_TOKEN GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
cd "$source_dir/$REPOSITORY_PATH" || end 1 "the repository has no folder $REPOSITORY_PATH"

timeout --kill-after=2m "$CHECK_TIMEOUT" holdfast check --log-format json --no-color -o "json=$result" "$@"
code=$?

# A program that crashes may end with 2 as well; only a check writes a result.
case $code in
  0 | 2) [ -s "$result" ] || end 1 "the check ended without a result" ;;
esac
case $code in
  0) end 0 "clean" ;;
  2) end 2 "drift" ;;
  124) end 1 "the check took longer than $CHECK_TIMEOUT" ;;
  137) end 1 "the check was killed: for want of memory, or because it did not stop after $CHECK_TIMEOUT" ;;
  *) end 1 "something could not be checked" ;;
esac
