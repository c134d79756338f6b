#!/bin/sh
# Build, test and compare: check.sh MODEL_FOLDER VECTORS_JSON, with ORT_DYLIB_PATH naming onnxruntime.
set -eu
folder=$(realpath "$1")
vectors=$(realpath "$2")
cd "$(dirname "$0")"
export M2V_ONNX_MODEL="$folder"
cargo fmt --check
cargo clippy --quiet --locked --all-targets -- --deny warnings
cargo test --quiet --locked 1>&2
cargo run --quiet --locked --release --example check "$folder" "$vectors" --repeat 100000
