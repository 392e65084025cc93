#!/usr/bin/env bash
# Fetches the libraries that decode images for the package, from this Debian's packages, for x64 and 64-bit ARM: libjpeg-turbo and libspng,
# with their licenses, into prebuilds/decoders, so that they need no newer system than pip's PyTorch.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for pair in amd64:x64 arm64:arm64; do
  architecture=${pair%:*} target=prebuilds/decoders/linux-${pair#*:} apt=$work/${pair%:*}
  mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,root} "$target"
  touch "$apt/state/status"
  # apt's own lists of this architecture, whichever this machine has.
  options=(-qq -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o "Dir::State=$apt/state"
    -o "Dir::State::status=$apt/state/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User="$(id -un)")
  apt-get "${options[@]}" update
  (cd "$apt" && apt-get "${options[@]}" download libturbojpeg0 libspng0)
  for package in libturbojpeg0 libspng0; do
    dpkg-deb -x "$apt/$package"_*.deb "$apt/root"
    cp "$apt/root/usr/share/doc/$package/copyright" "$target/$package.copyright"
  done
  for library in libturbojpeg.so.0 libspng.so.0; do
    install -m 644 "$(realpath "$apt/root/usr/lib"/*/"$library")" "$target/$library"
  done
  # libspng takes pow of glibc 2.29.
  node scripts/symbols.mjs --oldest "$target"/*.so.0
done
