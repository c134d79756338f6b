#!/usr/bin/env bash
# Builds and tests on a fresh machine, and prints a line of JSON last: check.sh MODEL VECTORS
set -euo pipefail
model=$(realpath "$1") vectors=$(realpath "$2")

cd "$(dirname "$0")"
command -v mvn >/dev/null || { apt-get update -qq && apt-get install -y -qq openjdk-17-jdk-headless maven; } >&2

M2V_ONNX_MODEL=$model mvn --batch-mode --no-transfer-progress verify \
  dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=test >&2
# A heap that is all there from the start, so that only leaks make the process grow.
java -Xms256m -Xmx256m -XX:+AlwaysPreTouch -cp "target/classes:target/test-classes:$(cat target/classpath)" \
  m2vonnx.Check "$model" "$vectors" --soak
