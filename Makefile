# Two commands matter: `make demo` shows the package at work on this machine, `make test` proves it.
# Both set themselves up; neither needs Docker or an AWS account.
PYTHON ?= python3
VENV   := .venv
DEV    := $(VENV)/dev/bin
SAM    := $(VENV)/sam/bin
RUNTIME := $(VENV)/runtime/bin

# Your pip settings for index, proxy and certificates apply. Settings that move or forbid an installation do not.
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PIP_DRY_RUN := 0
export PIP_CONSTRAINT := /dev/null

# Containers often forbid byte code. Then each of the hundreds of processes that the tests start compiles its modules again.
export PYTHONDONTWRITEBYTECODE :=

ACCOUNTS ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup demo emulation test unit program contract template simulated emulated campaign permissions live browser-test check coverage scan format package release build build-matrix screenshots reference mutation lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# Three environments: the dev tools with the emulator, the SAM command line (its pins and the emulator's
# exclude each other), and a bare one that stands in for Lambda's runtime. The files are complete closures,
# hence --no-deps.
setup: ## install everything into .venv/
	@$(MAKE) --silent --no-print-directory --jobs=3 $(VENV)/dev/.done $(VENV)/sam/.done $(VENV)/runtime/.done

# Python compiles a module when it is first imported, and most modules never are. Lambda's runtime comes compiled, and
# the time limit of a function must not pay for it. What the tests import in many processes at once is compiled here.
IMPORTED := _pytest attr aws_lambda_powertools boto3 botocore execnet graphql h11 h2 hypercorn hypothesis jmespath jsonata \
  jsonschema ministack pluggy pydantic referencing rich s3transfer samtranslator typer urllib3 xdist yaml
$(VENV)/%/.done: requirements/%.txt
	@echo "installing $(VENV)/$*"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.13 make ...")'
	$(PYTHON) -m venv --clear $(VENV)/$*
	$(VENV)/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --prefix=$(abspath $(VENV)/$*) --root=/ --target= --no-binary=:none: $(if $(filter runtime,$*),,--no-compile) -r $<
	$(if $(filter dev,$*),cd $(VENV)/dev/lib/python3.*/site-packages && $(abspath $(DEV))/python -m compileall -q $(IMPORTED))
	@touch $@

demo: setup ## deploy to an organization on this machine and watch it work (ACCOUNTS=500 for a larger one)
	$(DEV)/python -m emulation.demo --accounts $(ACCOUNTS)

emulation: setup ## a shell in which sam, aws and alternate-contacts call an organization on this machine (ACCOUNTS=500)
	@$(DEV)/python -m emulation.shell --accounts $(ACCOUNTS)

# The longest suite first. The others run in the processor time that it leaves (nice), so that all end at about the same
# time. With --keep-going, make names every part that fails. A suite that runs alone has two processes, one for each
# processor. Here the other processor runs another suite, and pytest-xdist would only cost time.
PROCESSES := 2
NICE :=
test: setup ## everything that must hold before a change lands
	$(MAKE) --keep-going --jobs=3 PROCESSES=0 NICE="nice -n 3" emulated unit simulated template check program contract

unit: setup ## milliseconds each, no sockets
	$(NICE) $(DEV)/python -m pytest tests/unit --numprocesses $(PROCESSES)

program: setup ## the command in processes of its own
	$(NICE) $(DEV)/python -m pytest tests/program --numprocesses $(PROCESSES)

contract: setup ## what the two functions write and read, and what AWS really sends
	$(NICE) $(DEV)/python -m pytest tests/contract

template: setup ## the template as data, and the linters
	$(NICE) $(DEV)/python -m pytest tests/template

simulated: setup ## both functions in virtual time: small fault campaigns, and a model of the contacts
	$(NICE) $(DEV)/python -m pytest tests/campaign --numprocesses $(PROCESSES)

# Four processes for two processors, because a process often waits. By default, pytest-xdist would start the files with few
# tests last, although they take long.
emulated: setup ## the real template, deployed to the emulation, IAM enforced
	$(DEV)/python -m pytest tests/emulated --numprocesses 4 --dist loadfile --no-loadscope-reorder

# The first run of pytest is the model and 10,000 bodies, the second every other property, with ten times the examples.
campaign: setup ## large fault campaigns and many examples of each property, in minutes; writes benchmarks/campaign.md
	PYTHONPATH=src:custom-resources:cli:. $(DEV)/python -m tests.campaign
	TEST_PROFILE=campaign $(DEV)/python -m pytest tests/campaign/test_model.py tests/campaign/test_bodies.py \
	  --numprocesses 2 --timeout 3600
	TEST_PROFILE=campaign $(DEV)/python -m pytest tests/unit tests/template -m hypothesis --numprocesses 2 --timeout 3600

permissions: setup ## each part of each policy removed in turn, in minutes; writes docs/permissions.md
	PYTHONPATH=src:custom-resources:cli:. $(DEV)/python -m tests.permissions

# After a change, `.venv/dev/bin/python -m tools.mutation --again` measures what changed, and what survived.
mutation: setup ## how many small changes of the code the unit tests notice, in 15 minutes; writes benchmarks/mutation.md
	$(DEV)/python -m tools.mutation

browser-test: setup ## the script of the audit page, in headless Chromium; skipped where there is none
	$(DEV)/python -m pytest tests/browser -rfE

check: setup ## format, lint, types, imports, words
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy
	PYTHONPATH=src:custom-resources:cli:. $(DEV)/lint-imports --no-cache
	$(DEV)/python -m tools.check_language

coverage: setup ## the part of the shipped code that unit and contract tests run; fails below the floor
	$(DEV)/python -m pytest tests/unit tests/contract --numprocesses 2 --cov --cov-report term --cov-fail-under 97

# checkov and zizmor read no variable and no file of the user, and ask no server. Each skipped check is in the Metadata of
# its resource, with its reason.
scan: $(VENV)/dev/.done $(VENV)/scan/.done ## cfn-lint and checkov on both templates, zizmor on the workflows
	$(DEV)/cfn-lint template.yaml control_tower/home_region.yaml
	$(VENV)/scan/bin/zizmor --offline --no-config --quiet --persona=pedantic .github
	$(VENV)/scan/bin/checkov --framework cloudformation --compact --quiet --skip-download \
	  --file template.yaml --file control_tower/home_region.yaml

format: setup ## let ruff write
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

# Options of package and live come from the command line only. A variable in the environment would act unnoticed.
# The exception is HOME_REGION, which docs/control-tower.md exports: control_tower.package compares it with the manifest.
option = $(if $($(1)),$(if $(filter command,$(origin $(1))),$(2) "$($(1))",$(error \
  $(1) is set in the environment. Unset it, or write make $@ $(1)=...)))
package: setup ## a configuration package for CfCT in dist/cfct/ (see docs/control-tower.md)
	$(DEV)/python -m control_tower.package $(call option,BUCKET,--bucket) $(call option,MANIFEST,--manifest) \
	  $(call option,MERGE,--merge) $(call option,BUNDLE,--bundle) $(if $(filter command,$(origin HOME_REGION)),--home-region "$(HOME_REGION)")

release: $(VENV)/dev/.done ## the bundle and the wheel of a release in dist/release/ (see docs/release.md)
	$(DEV)/python -m tools.release
	$(DEV)/python -m hatchling build --target wheel --directory dist/release

live: setup ## checks of facts about AWS in ACCOUNT=<management account> (see docs/verify-on-aws.md)
	$(if $(ACCOUNT),,$(error Name the management account: make live ACCOUNT=111122223333))
	$(DEV)/python -m pytest tests/live --tb=short $(call option,ACCOUNT,--live-account) \
	  $(if $(filter "yes",$(call option,WRITE,)),--live-write) $(call option,STACK,--live-stack) \
	  $(call option,FIXTURES,--live-fixtures) $(call option,CAPTURE,--live-capture)

build: setup ## the two Lambda zips, in .aws-sam/build
	$(SAM)/sam build

build-matrix: ## sam build's own recipe with old and new Pythons and pips, as far as they are installed here
	$(PYTHON) tools/build_matrix.py

screenshots: setup ## the pictures in docs/images, from the real command (needs chromium)
	$(DEV)/python -m tools.screenshots

reference: setup ## docs/command.md from the help of the command, and docs/cost.md from its formula
	PYTHONPATH=cli:custom-resources:src:. $(DEV)/python -m tools.command_reference > docs/command.md
	PYTHONPATH=. $(DEV)/python -m tools.cost > docs/cost.md

# The only target that needs uv; run it after editing an .in file. The functions' files leave out jmespath: the runtime
# has it, because boto3 needs it, and has it compiled. docopt has no wheel, and only the command of pykwalify needs it.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: ## pin requirements with hashes
	for name in requirements/dev requirements/sam requirements/runtime requirements/scan; do \
	  $(LOCK) --no-emit-package docopt $$name.in --output-file $$name.txt || exit 1; done
	for name in src/requirements custom-resources/requirements; do \
	  $(LOCK) --no-emit-package jmespath $$name.in --output-file $$name.txt || exit 1; done

clean: ## remove what make wrote
	rm -rf $(VENV) .aws-sam .mutation dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
