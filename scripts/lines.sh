#!/usr/bin/env bash
# Counts the lines of code and pages by folder, without data, recorded results and the lock file.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files --cached --others --exclude-standard src native test scripts bench docs |
  grep -E '\.(ts|mjs|cjs|js|py|sh|c|cpp|h|md)$' | while read -r file; do [ ! -f "$file" ] || echo "$file $(wc -l <"$file")"; done |
  awk '{ n = split($1, p, "/"); folder = n > 2 && p[1] ~ /^(src|test|native)$/ ? p[1] "/" p[2] : p[1]; lines[folder] += $2; all[p[1]] += $2 }
    END { for (folder in lines) printf "%-20s %6d\n", folder, lines[folder]; for (top in all) printf "%-20s %6d\n", top " in all", all[top] }' | sort
