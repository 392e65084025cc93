#!/usr/bin/env bash
# Installs what is missing and builds what is not current. `scripts/setup.sh test` adds what the tests need, `--libtorch DIR` names
# the libtorch to build against (as LIBTORCH does). Running it again does only what has changed since.
set -euo pipefail

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

for_tests=false
while [ $# -gt 0 ]; do
  case $1 in
    test) for_tests=true ;;
    --libtorch) [ $# -gt 1 ] || fail "--libtorch needs a folder."; LIBTORCH=$(realpath "$2"); export LIBTORCH; shift ;;
    *) fail "Unknown argument: $1. Usage: scripts/setup.sh [test] [--libtorch DIR]" ;;
  esac
  shift
done

cd "$(dirname "$0")/.."

command -v node >/dev/null && command -v npm >/dev/null ||
  fail "Node.js 20.19 or newer and npm are needed. On Debian 13: apt-get install nodejs npm"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js $(node --version) is too old: 20.19 or newer is needed."

# Debian's libtorch, where there is no other, and for tests its Python; else libtorch.cjs says what to do.
choose_packages() {
  packages=(g++ cmake make dataset-fashion-mnist)
  # The report's tests open it in a browser.
  if $for_tests; then packages+=(chromium); fi
  if node scripts/libtorch.cjs root >/dev/null 2>&1; then
    [ "$(node scripts/libtorch.cjs python)" = /usr/bin/python3 ] || return 0
  elif [ -n "${LIBTORCH:-}" ] || ! has_libtorch_package; then
    node scripts/libtorch.cjs root
  fi
  # Gloo's headers are of the same version as the one that this libtorch was built with.
  packages+=(libtorch-dev libopenblas0-openmp libgloo-dev)
  if $for_tests; then
    packages+=(python3 python3-torch python3-torchvision python3-safetensors)
  fi
}

# Older releases have an older one.
has_libtorch_package() {
  local id release
  id=$(. /etc/os-release && echo "$ID")
  release=$(. /etc/os-release && echo "${VERSION_ID:-99}")
  [ "$id" = debian ] && [ "${release%%.*}" -ge 13 ]
}

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "Not root, and sudo is missing. As root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  choose_packages
  install_packages
elif [ "${SPURMEM_SKIP_PACKAGES:-}" != 1 ]; then
  fail "This machine has no apt. Install these by hand, then run again with SPURMEM_SKIP_PACKAGES=1:
  - a C++17 compiler (g++), cmake, make
  - libtorch 2.6 or newer: the zip or a pip wheel's torch folder, its path in LIBTORCH
  - an optimized BLAS, if libtorch does not bring one
  - Fashion-MNIST's four .gz files, for the dominoes benchmark (--fashion-mnist FOLDER)
  - for the tests: python3 with torch, torchvision and safetensors, and chromium at /usr/bin/chromium or CHROMIUM"
fi

libtorch=$(node scripts/libtorch.cjs describe)
say "$libtorch"

# Runs a command when the content it depends on differs from the last time: stamp NAME INPUT... -- COMMAND...
stamp() {
  local name=$1 inputs=() hash file=node_modules/.spurmem
  shift
  while [ "$1" != -- ]; do inputs+=("$1"); shift; done
  shift
  hash=$( (cat "${inputs[@]}"; echo "$libtorch") | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$file-$name" 2>/dev/null)" != "$hash" ]; then
    say "$name: $*"
    "$@" >&2
    mkdir -p node_modules && echo "$hash" >"$file-$name"
  fi
}

native_inputs=(CMakeLists.txt scripts/libtorch.cjs native/*.cpp native/*.h native/*/*.cpp native/*/*.h package-lock.json)
stamp packages package-lock.json -- npm ci --no-audit --no-fund --loglevel=error
[ -f build-cmake/Release/spurmem.node ] || rm -f node_modules/.spurmem-addon
stamp addon "${native_inputs[@]}" -- npm run --silent build:native -- --loglevel=error
if $for_tests; then
  # Node's own headers where they lie beside the executable or where npm names them; else node-gyp fetches them.
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -f "$prefix/include/node/common.gypi" ] && export npm_config_nodedir=$prefix
  [ -f build/Release/spurmem.node ] || rm -f node_modules/.spurmem-addon-gyp
  stamp addon-gyp binding.gyp "${native_inputs[@]}" -- npm run --silent build:native:gyp
fi
[ -f dist/cli/main.js ] || rm -rf dist
[ -f bench/dist/main.js ] || rm -rf bench/dist
npm run --silent build >&2
