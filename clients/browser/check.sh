#!/bin/sh
# Install, test and compare: check.sh MODEL_FOLDER VECTORS_JSON.
set -eu
folder=$(realpath "$1")
vectors=$(realpath "$2")
cd "$(dirname "$0")"
export M2V_ONNX_MODEL="$folder"
npm ci --ignore-scripts 1>&2
npm test 1>&2
node check.js "$folder" "$vectors" --long
