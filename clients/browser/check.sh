#!/bin/sh
# Install, test and compare: check.sh MODEL_FOLDER VECTORS_JSON, with a classifier of that model in
# M2V_ONNX_CLASSIFIER: its graph gives the model's vectors, too.
set -eu
folder=$(realpath "$M2V_ONNX_CLASSIFIER")
vectors=$(realpath "$2")
cd "$(dirname "$0")"
export M2V_ONNX_CLASSIFIER="$folder"
npm ci --ignore-scripts 1>&2
npm test 1>&2
node check.js "$folder" "$vectors" --long
