#!/usr/bin/env bash
# Makes the addons that the package brings, npm run prebuilds [VERSION...]: for pip's PyTorch of these versions (default: 2.13 2.14 2.15)
# on this processor, and for 64-bit ARM if Debian's cross compiler is installed (apt-get install g++-aarch64-linux-gnu). If
# Debian's libtorch-dev is installed, for that one as well. Of each wheel the headers and two libraries are kept while it is compiled.
# scripts/decoders.sh adds the libraries that decode images.
set -euo pipefail
cd "$(dirname "$0")/.."
versions=("$@")
[ $# -gt 0 ] || versions=(2.13 2.14 2.15)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# wheel VERSION PROCESSOR: the folder of its torch package.
wheel() {
  local folder=$work/$1-$2
  python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 --platform "manylinux_2_28_$2" \
    --dest "$folder" "torch==$1.*"
  python3 - "$folder" <<'PYTHON'
import glob, sys, zipfile
[path] = glob.glob(sys.argv[1] + "/*.whl")
with zipfile.ZipFile(path) as wheel:
    kept = ("torch/include/", "torch/lib/libc10.so", "torch/lib/libtorch_cpu.so", "torch/version.py", "torch/__init__.py")
    wheel.extractall(sys.argv[1], [name for name in wheel.namelist() if name.startswith(kept)])
PYTHON
  rm -f "$folder"/*.whl
  echo "$folder/torch"
}

# The record of a version's sources is one for all processors.
node scripts/prebuild.mjs --clean
for version in "${versions[@]}"; do
  node scripts/prebuild.mjs "$(wheel "$version" "$(uname -m)")"
  if [ "$(uname -m)" = x86_64 ] && command -v aarch64-linux-gnu-g++ >/dev/null; then
    node scripts/prebuild.mjs --arm64 "$(wheel "$version" aarch64)"
  fi
  rm -rf "$work"/*
done
if [ -f /usr/include/ATen/ATen.h ]; then node scripts/prebuild.mjs /usr; fi
scripts/decoders.sh
du -sh prebuilds
