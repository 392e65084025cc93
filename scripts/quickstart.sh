#!/usr/bin/env bash
# Installs and builds what is missing, then runs the main job on real images. Options go to the job: --help lists them.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/scripts/setup.sh"
cd "$here"
exec node bin/spurmem.js reproduce quickstart "$@"
