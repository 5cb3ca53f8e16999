#!/usr/bin/env bash
# One bounded training run on a machine that is lent for minutes; the next call resumes it.
#
#   train/gpu_run.sh CONFIG MINUTES DATA_DIR OUT_DIR [train.py options …]
#
# CONFIG    a file of train/configs
# MINUTES   training stops after so many, validates, saves and exits 0
# DATA_DIR  data/content/{train,val}, data/styles/{train,val}, models/vgg16-features.safetensors;
#           if it holds resume/ (the resume-*.safetensors of an earlier OUT_DIR), the run goes on there
# OUT_DIR   gets model.safetensors (EMA, float16) and config.json, resume-*.safetensors (under 16 MiB
#           each), log.jsonl, grid.png
set -euo pipefail
config=$1 minutes=$2 data=$(realpath "$3") out=$4
shift 4
cd "$(dirname "$0")/.."
export PYTHONPATH=$PWD ZMNET_DATA=$data PYTHONUNBUFFERED=1
python=$(command -v python || command -v python3)
run=${ZMNET_RUN_DIR:-runs/gpu-$(basename "$config" .yaml)}
mkdir -p "$out" "$run"
out=$(realpath "$out")
if [ -d "$data/resume" ] && ! compgen -G "$run/checkpoint-*" >/dev/null; then
  "$python" train/gpu_pack.py unpack "$data/resume" "$run"
fi
"$python" train/train.py --config "$config" --max_minutes "$minutes" --output_dir "$run" \
  --content_dir "$data/data/content/train" --validation_content_dir "$data/data/content/val" \
  --style_dir "$data/data/styles/train" --validation_style_dir "$data/data/styles/val" \
  --pictures_in_memory --resume_from_checkpoint latest "$@" 2>&1 | tee "$out/output.txt"
cp "$run/model.safetensors" "$run/config.json" "$run/log.jsonl" "$out"
cp "$(ls "$run"/samples/*.png | tail -1)" "$out/grid.png"
"$python" train/gpu_pack.py pack "$run" "$out"
ls -la "$out"
