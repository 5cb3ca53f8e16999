#!/usr/bin/env bash
# After DistributedDataParallel, destroy_process_group() leaves gloo's threads running, whatever is deleted.
#
# One would think that destroying the group, with the wrapped model deleted and collected, ends its threads; without
# DistributedDataParallel it does. But DistributedDataParallel imports torch.distributed.nn.functional, whose functions
# have `group=group.WORLD` as a default: imported while a group exists, their defaults hold it to the end of the
# process (gc.get_referrers does not show it, for a tuple of defaults may be untracked). A gloo thread that lets go of
# a tensor while Python ends needs the GIL, and then a process that was through dies with SIGABRT, "terminate called
# without an active exception", now and then on a busy machine. Imported before init_process_group, the same module
# holds None, and the threads end.
#
# Seen with torch 2.13.0 on Linux: alive after destroying: gloo_tcp_loop and two pt_gloo_runloop; imported before: none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 'numpy>=2,<3' 2>/dev/null
cat > "$folder/group.py" <<'PYTHON'
import gc
import glob
import sys

import torch
import torch.distributed as dist

if sys.argv[1] == "imported before":
    import torch.distributed.nn.functional
dist.init_process_group("gloo")
if sys.argv[1] == "no DDP":
    dist.all_reduce(torch.ones(3))
else:
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 4))
    model(torch.rand(2, 4)).sum().backward()
    del model
gc.collect()
dist.destroy_process_group()
gc.collect()
threads = sorted(open(name).read().strip() for name in glob.glob("/proc/self/task/*/comm"))
print(f"{sys.argv[1]}: {[name for name in threads if 'gloo' in name]}")
PYTHON
for how in "no DDP" "DDP" "imported before"; do
    "$folder/venv/bin/python" -m torch.distributed.run --nproc-per-node 1 "$folder/group.py" "$how" 2>/dev/null
done | tee "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
no DDP: []
DDP: ['gloo_tcp_loop', 'pt_gloo_runloop', 'pt_gloo_runloop']
imported before: []
EXPECTED
echo "as described"
