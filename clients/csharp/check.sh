#!/usr/bin/env bash
# Builds and tests without a .NET SDK, and prints a line of JSON last: check.sh MODEL VECTORS
#
# The compiler is Debian's mono-mcs. A .NET Core runtime and the managed assembly of onnxruntime come from two wheels
# of PyPI, the native library from the onnxruntime of the Python that PYTHON names, by default the repository's.
# For xunit and Microsoft.Extensions.AI, which are not to be had there, Tests/*StandIn.cs stands in.
set -euo pipefail
model=$(realpath "$1") vectors=$(realpath "$2")

cd "$(dirname "$0")"
python=${PYTHON:-../../.venv/bin/python}
packages=.build/packages out=.build/out
framework=$packages/dotnetcore2/bin/shared/Microsoft.NETCore.App/3.1.23
onnxruntime=$packages/nimbusml/internal/libs/Microsoft.ML.OnnxRuntime.dll

install() {
  command -v mcs >/dev/null || { apt-get update -qq && apt-get install -y -qq mono-mcs; }
  [ -e "$onnxruntime" ] && return
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --platform manylinux1_x86_64 --implementation cp \
    --python-version 3.8 --abi cp38 --abi none --dest .build/wheels dotnetcore2==3.1.23 nimbusml==1.8.0
  "$python" - "$packages" <<'EOF'
import pathlib, sys, zipfile
for wheel in map(zipfile.ZipFile, pathlib.Path(".build/wheels").glob("*.whl")):
    for name in wheel.namelist():
        if name.startswith("dotnetcore2/bin/") or name.endswith("Microsoft.ML.OnnxRuntime.dll"):
            wheel.extract(name, sys.argv[1])
EOF
  chmod +x "$packages/dotnetcore2/bin/dotnet"
  rm -r .build/wheels
}

compile() {  # compile library|exe NAME SOURCE…
  # 1702 is a mistake of mcs: it reports a version that differs from itself.
  mcs -langversion:latest -nostdlib -noconfig -warnaserror -nowarn:1702 "${references[@]}" \
    -target:"$1" -out:"$out/$2.dll" "${@:3}"
}

run() {  # run NAME ARGUMENT…
  echo '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
    "configProperties": {"System.Globalization.Invariant": true}}}' > "$out/$1.runtimeconfig.json"
  LD_LIBRARY_PATH=$out "$packages/dotnetcore2/bin/dotnet" "$out/$1.dll" "${@:2}"
}

install >&2
mkdir -p "$out"
cp "$onnxruntime" "$out"
capi=$("$python" -c 'import onnxruntime; print(onnxruntime.__path__[0])')/capi
cp "$capi"/libonnxruntime.so.* "$out/libonnxruntime.so"

# mcs stumbles over extension methods of WindowsRuntime, which need an assembly that only Windows has.
shopt -s extglob
references=("$framework"/System.!(Runtime.WindowsRuntime*).dll "$framework/netstandard.dll" "$onnxruntime")
references=("${references[@]/#/-r:}")
compile library M2vOnnx M2vOnnx/*.cs
references+=("-r:$out/M2vOnnx.dll")
compile library Microsoft.Extensions.AI.Abstractions Tests/ExtensionsAIStandIn.cs
references+=("-r:$out/Microsoft.Extensions.AI.Abstractions.dll")
# mcs does not know nullable references.
sed -E 's/\b(object|string|EmbeddingGenerationOptions)\?/\1/g' M2vOnnx.ExtensionsAI/StaticEmbeddingGenerator.cs \
  > "$out/StaticEmbeddingGenerator.cs"
compile library M2vOnnx.ExtensionsAI "$out/StaticEmbeddingGenerator.cs"
references+=("-r:$out/M2vOnnx.ExtensionsAI.dll")
compile exe Example Example/Program.cs
compile exe Tests Tests/*Tests.cs Tests/XunitStandIn.cs Check/Goldens.cs
compile exe Check Check/*.cs

run Example "$model" "medicine for tropical diseases" >&2
M2V_ONNX_MODEL=$model run Tests >&2
run Check "$model" "$vectors" --soak
