#!/usr/bin/env bash
# Installs what is missing and builds what is not current. `scripts/setup.sh test` adds what the tests need, `scripts/setup.sh nightly` also what
# scripts/nightly.sh builds (the addon by node-gyp, the device for tests), `--gpu` the libraries for GPUs where no NVIDIA driver asks for them, `--libtorch DIR` names the libtorch to build against (as LIBTORCH does). Running it again does only what has
# changed since.
set -euo pipefail

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

for_tests= for_nightly= purpose=
while [ $# -gt 0 ]; do
  case $1 in
    test) for_tests=test purpose=test ;;
    nightly) for_tests=test for_nightly=1 purpose=test ;;
    --gpu) purpose=${purpose:-gpu} ;;
    --libtorch) [ $# -gt 1 ] || fail "--libtorch needs a folder."; LIBTORCH=$(realpath "$2"); export LIBTORCH; shift ;;
    *) fail "Unknown argument: $1. Usage: scripts/setup.sh [test|nightly] [--gpu] [--libtorch DIR]" ;;
  esac
  shift
done

cd "$(dirname "$0")/.."

command -v node >/dev/null && command -v npm >/dev/null ||
  fail "Node.js 20.19 or newer and npm are needed. On Debian 13: apt-get install nodejs npm"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js $(node --version) is too old: 20.19 or newer is needed."

# Runs a command when the content it depends on differs from the last time: stamp NAME INPUT... -- COMMAND...
libtorch=
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

# Debian's packages: the compiler, a data set, and the libraries that decode images.
base=(g++ cmake make dataset-fashion-mnist libturbojpeg0 libspng0)
if [ -n "$for_tests" ]; then base+=(bc chromium parallel); fi

# Packages for PyTorch if there is none: on Debian 13 its libtorch.
choose_packages() {
  packages=()
  local source
  source=$(node scripts/libtorch.mjs source)
  if [ "$source" = Debian ] || { [ -z "$source" ] && has_libtorch_package; }; then
    packages+=(libtorch-dev libopenblas0-openmp)
    if [ -n "$for_tests" ]; then packages+=(python3 python3-torch python3-torchvision python3-safetensors); fi
  elif [ -z "$source" ]; then
    # It makes an environment for PyTorch.
    command -v uv >/dev/null || python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
  fi
}

# Older releases have an older one.
has_libtorch_package() {
  local id release
  id=$(. /etc/os-release && echo "$ID")
  release=$(. /etc/os-release && echo "${VERSION_ID:-99}")
  [ "$id" = debian ] && [ "${release%%.*}" -ge 13 ]
}

missing() {
  local name
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

install_packages() {
  local names root=()
  mapfile -t names < <(missing "$@")
  [ ${#names[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "Not root, and sudo is missing. As root: apt-get install ${names[*]}"
    root=(sudo)
  fi
  say "Installing ${names[*]}"
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >&2
}

has_apt=
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  has_apt=1
  # Asks for a password now, not while two things run.
  if [ "$(id -u)" -ne 0 ] && [ -n "$(missing "${base[@]}")" ] && command -v sudo >/dev/null; then sudo -v; fi
  # Installed while npm's packages are.
  install_packages "${base[@]}" &
  installing=$!
fi
stamp packages package-lock.json -- npm ci --no-audit --no-fund --loglevel=error
# What follows asks it.
[ -f dist/cli/main.js ] || rm -rf dist
[ -f bench/dist/main.js ] || rm -rf bench/dist
npm run --silent build >&2

if [ -n "$has_apt" ]; then
  wait "$installing" || exit 1
  choose_packages
  install_packages "${packages[@]}"
elif [ "${SPURMEM_SKIP_PACKAGES:-}" != 1 ]; then
  fail "This machine has no apt. Install these by hand, then run again with SPURMEM_SKIP_PACKAGES=1:
  - a C++20 compiler (g++ 11), cmake, make, and python3 with venv
  - Fashion-MNIST's four .gz files, for the dominoes benchmark (--fashion-mnist FOLDER)
  - libturbojpeg.so.0 and libspng.so.0, without which images are decoded several times slower
  - for the tests: bc, GNU parallel, and chromium at /usr/bin/chromium or CHROMIUM"
fi

# The libtorch, after PyTorch was installed if there was none. A folder is printed if it is not the one found by default.
chosen=$(node scripts/libtorch.mjs ensure $purpose)
if [ -n "$chosen" ]; then export LIBTORCH=$chosen; fi
libtorch=$(node scripts/libtorch.mjs describe)
say "$libtorch"

# A build remembers which libtorch it was configured for.
[ "$(cat node_modules/.spurmem-libtorch 2>/dev/null)" = "$libtorch" ] || rm -rf build-cmake build build-device
echo "$libtorch" >node_modules/.spurmem-libtorch
native_inputs=(CMakeLists.txt scripts/libtorch.mjs package-lock.json)
while read -r file; do native_inputs+=("$file"); done < <(find native -name '*.cpp' -o -name '*.h' | sort)
# make compiles one file at a time otherwise; ninja does not.
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
[ -f build-cmake/Release/spurmem.node ] || rm -f node_modules/.spurmem-addon
prebuilt=
if [ -z "$for_tests" ] && [ ! -f build-cmake/Release/spurmem.node ]; then prebuilt=$(node scripts/libtorch.mjs prebuilt); fi
if [ -n "$prebuilt" ]; then
  say "addon: $prebuilt"
else
  stamp addon "${native_inputs[@]}" -- npm run --silent build:native -- --loglevel=error
fi
if [ -n "$for_nightly" ]; then
  # Node's own headers, next to the executable or where npm names them; else node-gyp fetches them.
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -f "$prefix/include/node/common.gypi" ] && export npm_config_nodedir=$prefix
  [ -f build/Release/spurmem.node ] || rm -f node_modules/.spurmem-addon-gyp
  stamp addon-gyp binding.gyp "${native_inputs[@]}" -- npm run --silent build:native:gyp
  stamp test-device CMakeLists.txt test/device/{CMakeLists.txt,build,*.cpp,*.h} -- test/device/build
fi
