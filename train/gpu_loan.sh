#!/usr/bin/env bash
# Training on a machine that is lent for minutes, from a copy of the tracked files and one folder beside them.
#
#   train/gpu_loan.sh prepare LOAN DATA VGG [MODEL]   here: makes LOAN/part-0 and LOAN/part-1, one for each of two calls
#   train/gpu_loan.sh run PART CONFIG MINUTES OUT …   there: trains within MINUTES; OUT gets model.safetensors,
#                                                     config.json, log.jsonl, grid.png, anew every minute, and output.txt
#
# LOAN    a folder that git ignores (.loan); made anew
# DATA    content/{train,val} and styles/{train,val}: what training reads
# VGG     vgg16-features.safetensors
# MODEL   folder of the model to start from; zmnet-base if left out
# PART    LOAN/part-0 or LOAN/part-1; the second call also has the first one's pictures, if the machine was kept
# …       options of train.py
#
# LOAN_MIB (62) is what may travel, tracked files included; ZMNET_LOAN (/tmp/zmnet-loan) is where things are there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v python3 || command -v python)
export PYTHONPATH=$root PYTHONUNBUFFERED=1
kib() { du -skL --apparent-size "$@" | awk '{ sum += $1 } END { print sum + 0 }'; }

prepare() {
  local loan data vgg model=${4:-} fixed
  rm -rf "$1" && mkdir -p "$1/common"
  loan=$(realpath "$1") data=$(realpath "$2") vgg=$(realpath "$3")
  [ -z "$model" ] || model=$(realpath "$model")
  cd "$root"
  cp "$vgg" "$loan/common/vgg16-features.safetensors"
  "$python" train/pack_data.py "$data/content/val" "$data/styles/val" --size 512 --max_mib "${LOAN_VAL_MIB:-2}" -o "$loan/common/val"
  if [ -n "$model" ]; then mkdir "$loan/common/model" && cp "$model"/config.json "$model"/model.safetensors "$loan/common/model"; fi
  fixed=$(($(git ls-files -z | xargs -0 du -skcL --apparent-size | tail -1 | cut -f1) + $(kib "$loan/common")))
  "$python" train/pack_data.py "$data/content/train" "$data/styles/train" --size 512 --parts 2 -o "$loan/packed" \
    --max_mib "$("$python" -c "print(${LOAN_MIB:-62} - $fixed / 1024)")"
  for part in part-0 part-1; do
    [ -d "$loan/packed/$part" ] || continue
    cp -r "$loan/common" "$loan/$part" && mv "$loan/packed/$part" "$loan/$part/train"
    echo "$part: $((($(kib "$loan/$part") + fixed - $(kib "$loan/common")) / 1024)) MiB with the tracked files"
  done
  rm -r "$loan/packed" "$loan/common"
}

run() {
  local part=$1 config=$2 minutes=$3 out=$4 there=${ZMNET_LOAN:-/tmp/zmnet-loan} model=zmnet-base
  shift 4
  mkdir -p "$out" "$there"
  cp -r "$part/." "$there"
  [ ! -d "$there/model" ] || model=$there/model
  ZMNET_VGG=$there/vgg16-features.safetensors "$python" "$root/train/train.py" --config "$config" \
    --init_from "$model" --content_dir "$there/train/content" --style_dir "$there/train/styles" \
    --validation_content_dir "$there/val/content" --validation_style_dir "$there/val/styles" \
    --output_dir "$there/runs/$(date +%s)" --export_dir "$out" --export_every 60 --time_budget "$minutes" \
    "$@" 2>&1 | tee "$out/output.txt"
}

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

command=${1:-}
[ $# -eq 0 ] || shift
if [ "$command" = prepare ] && [ $# -ge 3 ] && [ $# -le 4 ]; then
  prepare "$@"
elif [ "$command" = run ] && [ $# -ge 4 ]; then
  run "$@"
else
  usage
fi
