#!/usr/bin/env bash
# Builds and tests on a fresh machine: check.sh MODEL, whose folder has the graph codepoints
set -euo pipefail
model=$(realpath "$1")

cd "$(dirname "$0")"
command -v mvn >/dev/null || { apt-get update -qq && apt-get install -y -qq openjdk-17-jdk-headless maven; } >&2

mvn --batch-mode --no-transfer-progress -q -f .. install -DskipTests
M2V_ONNX_MODEL=$model mvn --batch-mode --no-transfer-progress verify
