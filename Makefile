# Two commands: `make` installs everything and runs the default study; `make test` runs the tests.
# Everything else is plain Snakemake: `.venv/bin/snakemake --cores all …`.

PYTHON ?= python3.11
BIN := .venv/bin
# Exact versions live in envs/constraints.txt and nowhere else.
INSTALLED := .venv/installed

.PHONY: study install test test-browser test-cluster test-fairseq kill-test format bench-masks bench-meta bench-selective bench-statistics bench-train clean

study: $(INSTALLED)
	$(BIN)/snakemake --cores all

install: $(INSTALLED)

$(INSTALLED): pyproject.toml envs/constraints.txt envs/install.sh
	$(PYTHON) -m venv .venv
	sh envs/install.sh $(BIN)/python data,fairseq,test
	touch $@

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder

# Studies on a Slurm that the tests start for themselves on this machine, which needs root. Its port is
# free to choose: nodes listen 184 and 185 beyond it.
SLURM := slurmctld slurmd slurm-client munge
SLURM_PORT ?= 16817
test-cluster: $(INSTALLED)
	@command -v slurmctld slurmd munged srun sbatch > /dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq \
	&& apt-get install -y -qq --no-install-recommends $(SLURM); } \
	|| { echo "test-cluster needs Slurm; on Debian, as root: apt-get install $(SLURM)" >&2; exit 1; }
	MASKPOLICY_SLURM_PORT=$(SLURM_PORT) $(BIN)/python -m pytest -v tests/cluster

# The site in a real Chromium (Debian's); `make test` passes over these where there is none.
test-browser: $(INSTALLED)
	@command -v chromium > /dev/null || { echo "test-browser needs Chromium: apt-get install chromium" >&2; exit 1; }
	$(BIN)/python -m pytest tests/browser

# fairseq beside this package: weights both ways, the same loss, the same training.
test-fairseq: $(INSTALLED)
	$(BIN)/python -m pytest tests/training/test_fairseq.py

# Trainings killed at 20 random moments: each begins again and ends as if it had been left alone.
kill-test: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/kill/kill_trainings.py

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench-masks: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_masks.py

bench-meta: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_meta.py

bench-selective: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_selective.py

# Simulated studies: what intervals cover, and how often tests raise false alarms.
bench-statistics: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_statistics.py

# transformers' Trainer, the peer, needs a package that would change how models load here.
bench-train: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c envs/constraints.txt --no-deps --upgrade --target .venv/bench-train accelerate
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_train.py

clean:
	rm -rf .snakemake results/*/
