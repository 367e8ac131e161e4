# phin: two commands do everything. `make train` from clone to new tunes, `make test` for the tests.

PY ?= python3
VENV ?= .venv
EXTRAS ?= corpora,sweep,export,web,dev
# Elsewhere, for a CPU-only torch: TORCH_ARGS="--index-url <the PyTorch CPU index>"
TORCH_ARGS ?=
# More settings of the command, such as make train ARGS="seed=1", or make test ARGS="-m 'not long'"
ARGS ?=
RUN ?= runs/default

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup train test check generate pretrained web web-static notebooks figures api dist clean

help:            ## what can be made
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(READY)  ## .venv with everything the README's commands need

$(READY): pyproject.toml constraints.txt
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH_ARGS) -c constraints.txt "torch>=2.11,<2.14"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

# What a target would set, of which ARGS says nothing: said twice, a setting is refused.
own = $(foreach set,$(1),$(if $(filter $(firstword $(subst =, ,$(set)))=%,$(ARGS)),,$(set)))

train: $(READY)  ## prepares the default corpus, trains the default model, reports, plays four new tunes
	$(BIN)/phin-train $(call own,run=$(RUN) resume=auto) $(ARGS)

test: $(READY)   ## the tests, a process a core; each file stays in one, for its fixtures
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(ARGS)

check: $(READY)  ## format, lint, import floors, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/basedpyright

generate: $(READY)  ## eight more tunes from the default run
	$(BIN)/phin-generate $(call own,checkpoint=$(RUN) count=8 out=tunes) $(ARGS)

# Three times as long as the default run, with dropout, so that it learns no tune by heart; one thread rounds sums alike each time.
LONGER = threads=1 model.dropout=0.2 trainer.max_steps=7000 callbacks.early_stopping.patience=18

pretrained: $(READY)  ## trains the model that comes with phin anew, an hour, and packs it
	$(BIN)/phin-train $(call own,run=runs/pretrained resume=auto $(LONGER)) $(ARGS)
	$(BIN)/python -m experiments.pretrained.pack runs/pretrained

# The run that saved a checkpoint last; where there is none, nothing is named, and the model that comes with phin plays.
NEWEST := $(firstword $(shell ls -t runs/*/checkpoints/*.ckpt 2> /dev/null))
PLAYED := $(if $(NEWEST),$(call own,checkpoint=$(patsubst %/checkpoints/,%,$(dir $(NEWEST)))))

web: $(READY)    ## the page of the newest run, or of the model that comes with phin: new tunes heard, seen and kept
	$(BIN)/phin-web $(PLAYED) $(ARGS)

web-static: $(READY)  ## the same page as a folder that any host can serve: it draws in the browser, offline too
	$(BIN)/phin-web $(PLAYED) $(call own,out=site) $(ARGS)

notebooks: $(READY)  ## runs the notebooks in place: their outputs are what a reader sees
	$(BIN)/python -m tests.notebooks.execute

figures: $(READY)  ## draws the figures of the studies again, from their tables
	for table in experiments/*/results.csv experiments/*/*/results.csv; do study=$$(dirname $$table); \
		if grep -qs '^defaults:' $$study/sweep.yaml $$(dirname $$study)/sweep.yaml; then $(BIN)/python experiments/study.py $$study > /dev/null || exit 1; fi; done
	$(BIN)/python -m experiments.against_peers.tables
	$(BIN)/python -m experiments.scaling.curve
	$(BIN)/python -m experiments.loss_weights.weights
	$(BIN)/python -m experiments.rhythm_attention.long_tunes > /dev/null
	$(BIN)/python -m experiments.streaming.study
	$(BIN)/python -m experiments.steering.study
	$(BIN)/python -m experiments.web_load.study
	$(BIN)/python -m experiments.lai_recognition.study --draw
	$(BIN)/python -m experiments.technique_detector.study --draw

api: $(READY)    ## the API documentation, from the docstrings: docs/api/
	$(BIN)/python docs/api.py

dist: $(READY)   ## what is uploaded and installed: dist/, a source archive and a wheel made of it
	$(BIN)/python -m build

clean:           ## removes caches and the prepared corpora; keeps runs
	rm -rf cache .pytest_cache .ruff_cache .hypothesis
