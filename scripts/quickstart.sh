#!/usr/bin/env bash
# Installs and builds what is missing, then runs the main job on real images. Options go to the job: --help lists them.
set -euo pipefail
# In the caller's folder: options may name paths relative to it.
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/scripts/setup.sh"
exec node "$here/bin/spurmem.js" reproduce quickstart "$@"
