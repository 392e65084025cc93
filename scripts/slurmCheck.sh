#!/usr/bin/env bash
# Runs two studies of six small runs, and one run in two processes on a real Slurm of this one host, and removes it all: as root, with
# Debian’s slurm-wlm and munge.
# Not part of the tests: it starts daemons.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in munged slurmctld slurmd sbatch; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "Slurm's daemons need root here." >&2; exit 1; }

folder=$(mktemp -d)
daemons=()
stop() {
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

host=$(hostname -s)
mkdir -p "$folder"/{state,spool,munge}
chmod 755 "$folder"
chmod 700 "$folder/munge"
head -c 1024 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"
munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" &
daemons+=($!)
cat >"$folder/slurm.conf" <<CONF
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=46817
SlurmdPort=46818
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
sleep 1
slurmctld -D & daemons+=($!)
sleep 2
slurmd -D & daemons+=($!)
for _ in $(seq 30); do sinfo --noheader --format %T 2>/dev/null | grep -q idle && break; sleep 1; done
sinfo

spurmem=(node "$PWD/bin/spurmem.js")
"${spurmem[@]}" dataset dominoes --data "$folder/data" --train-counts 40,8,6,30 --val-counts 4,4,4,4 --test-counts 4,4,4,4 \
  --size 32 --quiet >/dev/null
cat >"$folder/pairs.yaml" <<YAML
title: Pairs
runs: $folder/runs
seeds: [0, 1, 2]
settings: { all: { batchSize: 32 }, data: { epochs: 2 } }
data: { dominoes: { path: $folder/data } }
arms:
  erm: { settings: { arch: resnet20, lr: 0.001 } }
  dfr: { method: dfr, from: erm, settings: { draws: 1 } }
YAML

# Submits a study's jobs, and waits until all six of them are finished: STUDY OPTION...
submit() {
  "${spurmem[@]}" study plan "$@" --slurm "$folder/submit.sh"
  bash "$folder/submit.sh" --output "$folder/job-%A-%a.log" --cpus-per-task 1
  for _ in $(seq 120); do [ -z "$(squeue --noheader)" ] && break; sleep 2; done
  "${spurmem[@]}" study status "$@" || true
  [ "$("${spurmem[@]}" study status "$@" --json | grep -c '"state": "finished"')" -eq 6 ] ||
    { cat "$folder"/job-*.log "$folder"/slurm*.log | tail -40 >&2; exit 1; }
}

submit "$folder/pairs.yaml"
study=(baselines --data "$folder/data" --out "$folder/study" --seeds 0,1,2 --set 'settings.data={arch: resnet20, epochs: 2, batchSize: 32}'
  'data.dataset.compared={arms: [ERM, DFR]}' 'tests={}')
submit "${study[@]}"
"${spurmem[@]}" study run "${study[@]}" 2>"$folder/study.log"
! grep epoch "$folder/study.log" || { echo "The study trained again." >&2; exit 1; }

# One run in two processes of a step: equal to the run of two processes that only their environment describes.
pair=(train erm --data "$folder/data" --arch resnet20 --epochs 2 --batch-size 32 --threads 1 --quiet)
export MASTER_ADDR=127.0.0.1
MASTER_PORT=29571 srun --ntasks 2 --cpus-per-task 1 --chdir "$PWD" "${spurmem[@]}" "${pair[@]}" --out "$folder/step"
for rank in 0 1; do
  MASTER_PORT=29572 RANK=$rank WORLD_SIZE=2 "${spurmem[@]}" "${pair[@]}" --out "$folder/alike" >/dev/null &
  ranks[rank]=$!
done
wait "${ranks[0]}" && wait "${ranks[1]}"
cmp "$folder/step/results/erm.json" "$folder/alike/results/erm.json"
MASTER_PORT=29573 srun --ntasks 2 --cpus-per-task 1 --chdir "$PWD" "${spurmem[@]}" trace unstructured --run "$folder/step" --top-k 1 \
  --null-draws 0 --threads 1 --quiet | tail -2
echo "srun: two processes trained and traced one run"
