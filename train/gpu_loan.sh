#!/usr/bin/env bash
# Train on a machine that is lent for minutes, from a copy of the tracked files and one folder beside them.
#
#   train/gpu_loan.sh prepare LOAN DATA VGG [MODEL]   on this machine: make LOAN/part-0 and LOAN/part-1, one for each of
#                                                     two calls
#   train/gpu_loan.sh run PART CONFIG MINUTES OUT …   on the lent machine: train within MINUTES. OUT gets output.txt and,
#                                                     every minute, model.safetensors, config.json, log.jsonl, grid.png
#
# LOAN    a folder that git ignores (.loan); an earlier loan in it is replaced, anything else is refused
# DATA    the folder to train on, with content/{train,val} and styles/{train,val}
# VGG     the file vgg16-features.safetensors
# MODEL   the folder of the model to start from; if left out, zmnet-bold
# PART    LOAN/part-0 or LOAN/part-1; the second call also has the pictures of the first, if the machine was kept
# CONFIG  train/configs/gpu-loan.yaml or another set of options
# MINUTES how long the whole run may take: the limit of the call, less a minute
# OUT     an empty folder for the results
# …       further options of train.py
#
# LOAN_MIB (61.5) is how many MiB may travel, tracked files included; LOAN_VAL_MIB (2) of them are for validation.
# ZMNET_LOAN (/tmp/zmnet-loan) is the folder that the lent machine works in.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v python3 || command -v python)
export PYTHONPATH=$root PYTHONUNBUFFERED=1
kib() { du -skL --apparent-size "$@" | awk '{ sum += $1 } END { print sum + 0 }'; }

prepare() {
  local loan=$1 data=$2 vgg=$3 model=${4:-} fixed file
  for file in "$data/content/train" "$data/content/val" "$data/styles/train" "$data/styles/val" "$vgg" \
    ${model:+"$model/config.json" "$model/model.safetensors"}; do
    [ -e "$file" ] || { echo "error: there is no '$file'" >&2; return 1; }
  done
  if [ -e "$loan" ] && [ -n "$(ls -A "$loan" | grep -vxE 'part-[0-9]+|left_out.txt|names.tsv' || true)" ]; then
    echo "error: '$loan' holds other things than an earlier loan's: name another folder" >&2
    return 1
  fi
  data=$(realpath "$data") vgg=$(realpath "$vgg")
  [ -z "$model" ] || model=$(realpath "$model")
  mkdir -p "$(dirname "$loan")"
  loan=$(realpath -m "$loan")
  new=$loan.new
  rm -rf "$new"
  trap 'rm -rf "$new"' EXIT  # of the script, so that nothing half is left
  mkdir -p "$new/common"
  cd "$root"
  cp "$vgg" "$new/common/vgg16-features.safetensors"
  "$python" train/pack_data.py "$data/content/val" "$data/styles/val" --size 512 --max_mib "${LOAN_VAL_MIB:-2}" \
    -o "$new/common/val" | tail -1 | cut -d: -f1
  rm "$new"/common/val/*.t*
  if [ -n "$model" ]; then
    mkdir "$new/common/model"
    cp "$model"/config.json "$model"/model.safetensors "$new/common/model"
  fi
  fixed=$(($(git ls-files -z | xargs -0 du -skcL --apparent-size | tail -1 | cut -f1) + $(kib "$new/common")))
  "$python" train/pack_data.py "$data/content/train" "$data/styles/train" --size 512 --parts 2 -o "$new/packed" \
    --max_mib "$("$python" -c "print(${LOAN_MIB:-61.5} - $fixed / 1024)")" | tail -1 | cut -d: -f1
  for part in part-0 part-1; do
    [ -d "$new/packed/$part" ] || { echo "$part: none, everything has room in the first"; continue; }
    cp -r "$new/common" "$new/$part"
    mv "$new/packed/$part" "$new/$part/train"
    echo "$part: $(((fixed + $(kib "$new/$part/train") + 1023) / 1024)) MiB with the tracked files"
  done
  mv "$new/packed/left_out.txt" "$new/packed/names.tsv" "$new"
  rm -r "$new/packed" "$new/common"
  rm -rf "$loan"
  mv "$new" "$loan"
  echo "'$loan/left_out.txt' names what had no room"
}

run() {
  local part=$1 config=$2 minutes=$3 out=$4 there=${ZMNET_LOAN:-/tmp/zmnet-loan} model=zmnet-bold
  shift 4
  mkdir -p "$out" "$there"
  cp -rf "$part/." "$there"
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
