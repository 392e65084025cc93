#!/usr/bin/env bash
# Tries on a real Slurm of this one host, with two partitions, what study plan --slurm and srun promise, and removes it all: as root, with
# Debian’s slurm-wlm and munge. With a number, also as many jobs: scripts/slurmCheck.sh 3000
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
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" 2>/dev/null &
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
KillWait=30
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/states
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP PriorityTier=1
PartitionName=graceful Nodes=ALL State=UP PriorityTier=1 GraceTime=5
PartitionName=first Nodes=ALL State=UP PriorityTier=2
CONF
export SLURM_CONF=$folder/slurm.conf
sleep 1
slurmctld -D 2>/dev/null & daemons+=($!)
sleep 2
slurmd -D 2>/dev/null & daemons+=($!)
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

settled() { for _ in $(seq 600); do [ -z "$(squeue --noheader)" ] && return; sleep 1; done; squeue; return 1; }
# Slurm's states of jobs by name, and how often each began: NAME
states() { grep -o "JobId=[0-9]* .* Name=$1 JobState=[A-Z]*" "$folder/states" | sed 's/.*JobState=//' | sort | uniq -c | tr '\n' ' '; }
fail() { echo "$1" >&2; tail -n 30 "$folder"/job-*.log "$folder"/slurm*.log >&2; exit 1; }
# The folder of a study's run: STUDY NUMBER
run_of() { "${spurmem[@]}" study plan "$1" --json | sed -n 's/.*"out": "\(.*\)".*/\1/p' | sed -n "$2p"; }
weights() { (cd "$1" && sha256sum checkpoints/*/weights.safetensors); }
finished() { "${spurmem[@]}" study status "$@" --json | grep -c '"state": "finished"' || true; }
# Submits the jobs of a study, some options of sbatch first: [OPTION ...] -- STUDY [OPTION ...]
submit() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  "${spurmem[@]}" study plan "$@" --slurm "$folder/submit.sh" --quiet | tail -1
  bash "$folder/submit.sh" --output "$folder/job-%A-%a.log" --cpus-per-task 1 "${options[@]}"
}

echo '== Two studies of six jobs each'
submit -- "$folder/pairs.yaml"
settled
[ "$(finished "$folder/pairs.yaml")" -eq 6 ] || fail 'Not all of them are finished.'
study=(baselines --data "$folder/data" --out "$folder/study" --seeds 0,1,2 --set 'settings.data={arch: resnet20, epochs: 2, batchSize: 32}'
  'data.dataset.compared={arms: [ERM, DFR]}' 'tests={}')
submit -- "${study[@]}"
settled
[ "$(finished "${study[@]}")" -eq 6 ] || fail 'Not all of them are finished.'
"${spurmem[@]}" study run "${study[@]}" 2>"$folder/study.log"
! grep epoch "$folder/study.log" || fail 'The study trained again.'

echo '== A parent that fails: its child fails as well, the others run; two jobs a task, one task at a time'
sed "s|$folder/runs|$folder/failing|" "$folder/pairs.yaml" >"$folder/failing.yaml"
run=$(run_of "$folder/failing.yaml" 2)
mkdir -p "$(dirname "$run")"
touch "$run"
: >"$folder/states"
submit -- "$folder/failing.yaml" --per-task 2 --at-once 1
settled
echo "finished: $(finished "$folder/failing.yaml") of 6; tasks: $(states 'study-.')"
[ "$(finished "$folder/failing.yaml")" -eq 4 ] || fail 'Not the other four.'
rm "$run"
submit -- "$folder/failing.yaml" --per-task 2 --at-once 1
settled
[ "$(finished "$folder/failing.yaml")" -eq 6 ] || fail 'The same script did not finish the rest.'

# A study of ERM alone: NAME EPOCHS [SEEDS DATA]
erm_study() {
  cat >"$folder/$1.yaml" <<YAML
title: ERM
runs: $folder/$1
seeds: [${3:-0}]
settings: { all: { batchSize: 32 }, data: { epochs: $2 } }
data: { dominoes: { path: ${4:-$folder/data} } }
arms: { erm: { settings: { arch: resnet20, lr: 0.001 } } }
YAML
}
equal() {
  diff <(weights "$(run_of "$folder/undisturbed.yaml" 1)") <(weights "$(run_of "$folder/$1.yaml" 1)") || fail "$1: other results."
}
started() { for _ in $(seq 120); do grep -q 'epoch 3:' "$folder"/job-"$1"-0.log 2>/dev/null && return; sleep 0.5; done; fail 'No epoch.'; }
last() { squeue --noheader --format %A | head -1; }
# A run of a minute or two, three times: undisturbed, and stopped in two ways.
erm_study undisturbed 150
"${spurmem[@]}" study run "$folder/undisturbed.yaml" --quiet --threads 1 >/dev/null

for partition in all graceful; do
  echo "== Preempted in partition $partition"
  erm_study "$partition" 150
  submit --partition "$partition" -- "$folder/$partition.yaml"
  id=$(last)
  started "$id"
  sbatch --partition first --exclusive --output /dev/null --wrap 'sleep 5' --job-name urgent
  for _ in $(seq 60); do squeue --noheader --format '%j %T' | grep urgent | grep -q RUNNING && break; sleep 1; done
  squeue --format '%.8i %.10j %.10T %.4r'
  scontrol show job "$id" | grep -o 'JobState=[A-Z]*\|Restarts=[0-9]*' | tr '\n' ' '
  settled
  scontrol show job "$id" | grep -o 'JobState=[A-Z]*\|Restarts=[0-9]*' | tr '\n' ' '
  [ "$(grep -c 'epoch 1:\|Stopped' "$folder/job-$id-0.log")" -eq 2 ] || fail 'It was not stopped and continued.'
  equal "$partition"
  echo "stopped, continued, and equal to the undisturbed run"
done

echo '== Its time is over: stopped two minutes before, continued'
erm_study limited 900
submit --time 3 -- "$folder/limited.yaml"
id=$(last)
for _ in $(seq 300); do scontrol show job "$id" | grep -q 'Restarts=[1-9]' && break; sleep 1; done
scontrol show job "$id" | grep -o 'JobState=[A-Z]*\|Restarts=[0-9]*' | tr '\n' ' '
started "$id"
grep -c 'epoch 1:' "$folder/job-$id-0.log" | sed 's/^/first epochs in its log: /'

echo '== Cancelled: it does not come back'
scancel "$id"
settled
scontrol show job "$id" | grep -o 'JobState=[A-Z]*\|Restarts=[0-9]*' | tr '\n' ' '

if [ "${1:-0}" -gt 0 ]; then
  "${spurmem[@]}" dataset dominoes --data "$folder/tiny" --train-counts 4,2,2,4 --val-counts 1,1,1,1 --test-counts 1,1,1,1 \
    --size 32 --quiet >/dev/null
  erm_study many 1 "$(seq -s , 1 "$1")" "$folder/tiny"
  echo "== $1 tasks where arrays have 1,001 at most"
  ! sbatch --hold --array "0-$(($1 - 1))" --wrap true || fail 'This Slurm takes longer arrays.'
  submit --hold -- "$folder/many.yaml"
  echo "waiting: $(squeue --noheader --array | wc -l)"
  scancel --name study-0
  settled
  echo "== $1 jobs, 100 a task, where arrays have 11 tasks at most"
  : >"$folder/states"
  submit -- "$folder/many.yaml" --per-task 100 --array-limit 11
  for _ in $(seq 3600); do [ -z "$(squeue --noheader)" ] && break; sleep 1; done
  echo "finished: $(finished "$folder/many.yaml") of $1; tasks: $(states 'study-.')"
  [ "$(finished "$folder/many.yaml")" -eq "$1" ] || fail 'Jobs were lost.'
fi

# One run in two processes of a step: equal to the run of two processes that only their environment describes.
pair=(train erm --data "$folder/data" --arch resnet20 --epochs 2 --batch-size 32 --threads 1 --quiet)
export MASTER_ADDR=127.0.0.1
MASTER_PORT=29571 srun --ntasks 2 --cpus-per-task 1 --chdir "$PWD" "${spurmem[@]}" "${pair[@]}" --out "$folder/step"
for rank in 0 1; do
  MASTER_PORT=29572 RANK=$rank WORLD_SIZE=2 "${spurmem[@]}" "${pair[@]}" --out "$folder/alike" >/dev/null &
  ranks[rank]=$!
done
wait "${ranks[0]}" && wait "${ranks[1]}"
diff <(weights "$folder/step") <(weights "$folder/alike")
MASTER_PORT=29573 srun --ntasks 2 --cpus-per-task 1 --chdir "$PWD" "${spurmem[@]}" trace unstructured --run "$folder/step" --top-k 1 \
  --null-draws 0 --threads 1 --quiet | tail -2
echo "srun: two processes trained and traced one run"
