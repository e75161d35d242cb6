# make help shows the targets. All of them set up .venv first where it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.complete
# a test process gets one thread: two of them share two cores; what is compiled serves the next run
TEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 -q
STUDY := experiment=optimizer_study launcher=local
UNCHECKED := launcher=local search.check=false
OPTIMIZERS := optimizer=glob(*,exclude=[any,adamw_*,normuon_short,schedule_free_adamw])
LADDER := scheduler.warmup=0.1 optimizer.weight_decay=0.1 logger=none callbacks=none launcher=local
CLUSTER := slurmctld slurmd slurm-client munge postgresql mariadb-server

.PHONY: help setup browser browser-where-possible train test lint check proof cluster-test bench study study-attention study-tasks translation fine-tuning speedrun ladder dashboard clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with the pinned versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

browser: ## chromium for the tests of pages, where it is missing (Debian's, as root)
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; }

# the same where that can be done at all; without it the tests of pages are skipped
browser-where-possible:
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || $(MAKE) --no-print-directory browser >/dev/null 2>&1 \
	  || echo "chromium could not be installed: the tests of pages will be skipped"

train: $(STAMP) ## train the default experiment on real text
	$(BIN)/python train.py

test: $(STAMP) browser-where-possible ## all tests but the long proofs; names the slowest 40
	$(TEST) -m 'not proof' --durations=40

lint: $(STAMP) ## format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

check: lint ## lint and the fast tests: two to three minutes
	$(TEST) -m 'fast and not proof'

# runs that several proofs share are made by one process
proof: $(STAMP) ## the long proofs
	$(TEST) --dist loadgroup -m proof

cluster-test: $(STAMP) ## install, start and test a Ray and a SLURM cluster, a PostgreSQL and a MariaDB on this machine (Debian, as root)
	@dpkg -s $(CLUSTER) > /dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(CLUSTER); }
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 0 -q tests/cluster/check_databases.py tests/cluster/check_ray.py tests/cluster/check_slurm.py

bench: $(STAMP) ## print the speed and memory ratios of docs/performance.md
	$(BIN)/python scripts/bench.py

study: $(STAMP) ## tune and compare every optimizer: docs/results/optimizers.md; goes on where it was stopped
	$(BIN)/tuneformer ask $(STUDY) '$(OPTIMIZERS)' search.check=false budget=462runs sweep=optimizers
	$(BIN)/tuneformer ask $(STUDY) optimizer=schedule_free_adamw scheduler=warmup search.check=false budget=19runs sweep=schedule-free
	$(BIN)/tuneformer ask $(STUDY) optimizer=adamw,soap,muon,nadam,lion trainer.max_steps=1800 trainer.val_check_interval=1800 search.check=false budget=70runs sweep=optimizers-1800
	$(BIN)/tuneformer compare outputs/sweeps/optimizers outputs/sweeps/schedule-free --by optimizer --into docs/results/optimizers.md

study-tasks: $(STAMP) ## train every task with a known result: docs/results/tasks.md; goes on where it was stopped
	$(BIN)/python scripts/study_tasks.py --report docs/results/tasks.md

study-attention: $(STAMP) ## tune and compare every attention module: docs/results/attention.md; goes on where it was stopped
	$(BIN)/tuneformer ask experiment=attention_methods $(UNCHECKED) budget=324runs sweep=attention
	$(BIN)/tuneformer ask experiment=attention_study attention=sliding_window attention.window=16,32,64,128 $(UNCHECKED) budget=48runs sweep=attention-windows
	$(BIN)/tuneformer ask experiment=attention_512 $(UNCHECKED) budget=65runs sweep=attention-512
	$(BIN)/tuneformer compare outputs/sweeps/attention --by attention --into docs/results/attention.md

translation: $(STAMP) ## a Transformer and LSTMs translate: docs/results/translation.md; goes on where it was stopped
	$(BIN)/python scripts/compare_translators.py --report docs/results/translation.md

fine-tuning: $(STAMP) ## tune and compare optimizers and adapters on a pretrained encoder: docs/results/fine_tuning.md; goes on where it was stopped
	$(BIN)/python -m studies.minilm outputs/models/minilm
	$(BIN)/tuneformer ask --config-dir=studies/conf experiment=fine_tuning budget=56runs sweep=fine-tuning
	$(BIN)/python -m studies.fine_tuning outputs/sweeps/fine-tuning docs/results/fine_tuning.md

speedrun: $(STAMP) ## from the well-known small recipe to the fastest, TEXT=tinyshakespeare.txt: docs/results/speedrun.md; goes on where it was stopped
	$(BIN)/python scripts/speedrun.py --text $(TEXT) --report docs/results/speedrun.md

# width 256 is trained for as many steps as predict says, at four rates about the one that it says
ladder: $(STAMP) ## a ladder up to width 128, what it predicts of width 256, and that trained; goes on where it was stopped
	$(BIN)/tuneformer ladder $(LADDER) model.d_model=32,64,128 'trainer.max_steps=chinchilla*0.1,0.2,0.4' budget=2h sweep=ladder
	$(BIN)/tuneformer predict outputs/sweeps/ladder --to "model.d_model=256 trainer.max_steps=chinchilla*0.1"
	$(BIN)/tuneformer train --multirun $(LADDER) model.d_model=256 trainer.max_steps=3090 optimizer.lr=7.5e-4,1.5e-3,3e-3,6e-3 sweep=ladder_held_out
	$(BIN)/tuneformer compare outputs/sweeps/ladder_held_out

dashboard: $(STAMP) ## save the W&B workspace and report; with no login, write them as JSON
	$(BIN)/python scripts/dashboard.py

clean: ## remove .venv and caches; outputs stay
	rm -rf .venv .ruff_cache .import_linter_cache .hypothesis build dist src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
