#!/usr/bin/env bash
# Gets the holdfast binary: the one that is named, or that of a release, whose
# archive must have the SHA-256 that the release's list of checksums gives.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

platform() {
  local os arch
  case ${RUNNER_OS:-$(uname -s)} in
    Linux) os=linux ;;
    macOS | Darwin) os=darwin ;;
    Windows) os=windows ;;
    *) die "there is no release for ${RUNNER_OS:-$(uname -s)}; build holdfast, and name it in the input binary" ;;
  esac
  case ${RUNNER_ARCH:-$(uname -m)} in
    X64 | x86_64) arch=amd64 ;;
    ARM64 | aarch64 | arm64) arch=arm64 ;;
    *) die "there is no release for ${RUNNER_ARCH:-$(uname -m)}; build holdfast, and name it in the input binary" ;;
  esac
  printf '%s_%s' "$os" "$arch"
}

# releases is the page of them, whose address GitHub makes from the repository that
# the action comes from.
releases() {
  local repository=${GITHUB_ACTION_REPOSITORY:-${GITHUB_REPOSITORY-}}
  [ -n "$repository" ] || [ -n "${INPUT_RELEASES-}" ] || die "where are the releases? name their page in the input releases"
  printf '%s' "${INPUT_RELEASES:-https://github.com/$repository/releases}"
}

get() { curl --fail --silent --show-error --location --retry 3 "$@"; }

# version that is asked for, else the one that the action itself has, else the latest
version() {
  local page=$1 wanted=${INPUT_VERSION-} at
  if [ -z "$wanted" ] && [[ ${ACTION_REF-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
    wanted=$ACTION_REF
  fi
  if [ -z "$wanted" ] || [ "$wanted" = latest ]; then
    at=$(get --output /dev/null --write-out '%{url_effective}' "$page/latest") ||
      die "could not ask $page for the latest release; name one in the input version"
    wanted=${at##*/}
  fi
  wanted=${wanted#v}
  [[ $wanted =~ ^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$ ]] || die "the version \"$wanted\" is none; write it as 1.2.3, or latest"
  printf '%s' "$wanted"
}

# fetch FOLDER downloads a release into it, checks it and unpacks it.
fetch() {
  local folder=$1 page version platform name sums expected actual
  need curl tar
  page=$(releases)
  version=$(version "$page")
  platform=$(platform)
  name=holdfast_${version}_$platform.tar.gz
  case $platform in windows_*) name=${name%.tar.gz}.zip ;; esac
  sums=holdfast_${version}_checksums.txt
  get --output "$folder/$sums" "$page/download/v$version/$sums" ||
    die "could not download the checksums of holdfast $version from $page/download/v$version/$sums"
  get --output "$folder/$name" "$page/download/v$version/$name" ||
    die "could not download $page/download/v$version/$name"
  expected=$(awk -v name="$name" '{ sub(/^\*/, "", $2) } $2 == name { print $1; exit }' "$folder/$sums")
  actual=$(sha256 "$folder/$name")
  [ -n "$expected" ] || die "$sums does not list $name; nothing was installed"
  [ "$expected" = "$actual" ] || die "$name has the checksum $actual, and $sums says $expected; nothing was installed"
  case $name in
    *.zip) need unzip && unzip -q -o "$folder/$name" -d "$folder" ;;
    *) tar -xzf "$folder/$name" -C "$folder" ;;
  esac
  echo "holdfast $version, SHA-256 of its archive $actual"
}

folder=$(own)/bin
rm -rf "$folder"
mkdir -p "$folder"
binary=$folder/holdfast
[ "${RUNNER_OS-}" != Windows ] || binary=$binary.exe
if [ -n "${INPUT_BINARY-}" ]; then
  [ -f "$INPUT_BINARY" ] || die "the input binary names $INPUT_BINARY, and there is no such file"
  cp "$INPUT_BINARY" "$binary"
  chmod +x "$binary"
else
  fetch "$folder"
fi
"$binary" version || die "the holdfast that was installed does not run here"
printf '%s\n' "$folder" >>"$GITHUB_PATH"
output binary "$binary"
