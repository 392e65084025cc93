#!/usr/bin/env bash
# Builds and checks the addon with several versions of PyTorch, and writes the table of docs/install.md:
#   scripts/matrix.sh                    all of them
#   scripts/matrix.sh 2.13 debian13      some: a version of pip's PyTorch, or Debian 13's (in a folder made by debootstrap; takes root)
# Each is an environment of its own in the user's cache, which is removed after its row (6 GB; MATRIX_KEEP=1 keeps it). A row takes
# ten minutes on two cores. Results: docs/matrix/NAME.json.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
all=(2.6 2.8 2.11 2.13 2.14 2.15 debian13)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spurmem/matrix
packages=(safetensors numpy)
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

wheel() {
  local version=$1 environment=$cache/torch-$1
  if [ ! -f "$environment/complete" ]; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet "torch==$version.*" torchvision "${packages[@]}"
    touch "$environment/complete"
  fi
  LIBTORCH=$("$environment/bin/python" -c 'import torch; print(torch.__path__[0])') node scripts/matrix/row.mjs "$version"
  [ "${MATRIX_KEEP:-}" = 1 ] || rm -rf "$environment"
}

debian13() {
  local folder=$cache/debian13
  if [ ! -f "$folder/complete" ]; then
    # /proc and /dev may still be bound in it, where an earlier one was killed.
    rm -rf --one-file-system "$folder"
    mkdir -p "$cache"
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >&2
    debootstrap --variant=minbase --include=ca-certificates trixie "$folder" >&2
  fi
  # shellcheck disable=SC2064 # now
  trap "umount '$folder/proc' '$folder/dev'" EXIT
  mount --bind /proc "$folder/proc"
  mount --bind /dev "$folder/dev"
  # How this machine reaches the registries.
  cp /etc/resolv.conf /etc/hosts "$folder/etc/"
  cp -n /etc/apt/apt.conf.d/* "$folder/etc/apt/apt.conf.d/"
  cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
  cp "$HOME/.npmrc" "$folder/root/" 2>/dev/null || true
  if [ ! -f "$folder/complete" ]; then
    chroot "$folder" apt-get update -qq >&2
    chroot "$folder" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends git nodejs npm g++ cmake make bc \
      libtorch-dev libopenblas0-openmp python3-torch python3-torchvision python3-safetensors python3-venv dataset-fashion-mnist \
      libturbojpeg0 libspng0 >&2
    touch "$folder/complete"
  fi
  rm -rf "$folder/spurmem"
  git clone --quiet --no-local "$root" "$folder/spurmem"
  chroot "$folder" /bin/bash -c 'cd /spurmem && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build && node scripts/matrix/row.mjs debian13'
  cp "$folder/spurmem/docs/matrix/debian13.json" docs/matrix/
  umount "$folder/proc" "$folder/dev"
  trap - EXIT
  [ "${MATRIX_KEEP:-}" = 1 ] || rm -rf --one-file-system "$folder"
}

[ -f dist/cli/main.js ] || scripts/setup.sh test
npm run --silent build
names=("$@")
[ $# -gt 0 ] || names=("${all[@]}")
for name in "${names[@]}"; do
  say "$name"
  if [ "$name" = debian13 ]; then debian13; else wheel "$name"; fi
done
npm run --silent docs
