#!/usr/bin/env bash
# Builds Containerfile's image and tries it: doctor, and a small training. Arguments go to buildah. Where no registry of images can be
# reached, debootstrap and npm make the base image. As root, after scripts/setup.sh and apt-get install buildah debootstrap
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
containers=()
stop() {
  [ ${#containers[@]} -eq 0 ] || buildah rm "${containers[@]}" >/dev/null
  rm -rf "$work"
}
trap stop EXIT
# It needs neither cgroups nor a network of its own.
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

# A package of npm, unpacked: PACKAGE FOLDER [PART...]
unpacked() {
  local package=$1 folder=$2
  shift 2
  mkdir -p "$folder"
  tar xzf "$work/$(cd "$work" && npm pack --silent "$package" | tail -n 1)" -C "$folder" --strip-components 1 --no-same-owner "$@"
}

# Debian with Node.js, npm and the user node, as in Docker's image: IMAGE, such as node:24-trixie-slim
make_base() {
  local made root node debian
  IFS=:- read -r _ node debian _ <<<"$1"
  made=$(buildah from scratch)
  containers+=("$made")
  root=$(buildah mount "$made")
  debootstrap --variant=minbase --include=ca-certificates "$debian" "$root" >"$work/log" || { tail "$work/log" >&2; exit 1; }
  unpacked "node-linux-$(node -p process.arch)@$node" "$root/usr/local" package/bin
  unpacked npm@11 "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  useradd --root "$root" --create-home node
  # This machine's certificates may include a proxy's.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$made"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
  buildah commit --quiet "$made" localhost/spurmem-base >/dev/null
}

npm run --silent build:package
node scripts/prebuild.mjs --clean
ls prebuilds/libtorch-* >/dev/null 2>&1 || node scripts/prebuild.mjs
cp Containerfile "$work"
npm pack --silent --ignore-scripts --pack-destination "$work"

base=$(sed -n 's/^ARG BASE=//p' Containerfile)
if ! buildah pull --quiet "$base"; then
  made=localhost/spurmem-base
  buildah inspect "$made" >/dev/null 2>&1 || { echo "Making a base image in place of $base"; make_base "$base"; }
  base=$made
fi
buildah build --layers --tag spurmem --build-arg BASE="$base" "$@" "$work"

tried=$(buildah from spurmem)
containers+=("$tried")
mkdir "$work/tried"
node bin/spurmem.js dataset dominoes --data "$work/tried/data" --size 32 --quiet \
  --train-counts 20,6,4,14 --val-counts 4,4,4,4 --test-counts 4,4,4,4
chmod -R a+rwX "$work"
for command in doctor "train erm --data data --out run --arch resnet20 --epochs 1 --quiet"; do
  buildah run --volume "$work/tried:/work" "$tried" -- spurmem $command
done
buildah images spurmem
