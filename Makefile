# Two commands do everything on a fresh machine: `make demo` and `make test`. Every one sets up what it needs first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
HOME_FOLDER := $${HIWM_HOME:-$${XDG_CACHE_HOME:-$$HOME/.cache}/hiwm}
# Without cached bytecode, importing torch and lerobot costs every process seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo console tour gates test lint types format clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1  \2/p' Makefile

setup:  ## make .venv with everything pinned; under a second when that is done
	@bash scripts/setup.sh

demo: setup  ## the whole loop on push_t: roll out, find failures, correct, post-train, measure; a report
	@$(BIN)/hiwm run push_t --recipe demo

console: setup  ## open the operators' console with the shipped world and policy, and failures that wait
	@$(BIN)/hiwm rollout --policy push_t --world push_t --scenes push_t/practice/0..15 --out $(HOME_FOLDER)/console/rollouts
	@$(BIN)/hiwm serve --world push_t --policy push_t --rollouts $(HOME_FOLDER)/console/rollouts

tour: setup  ## show each task: a success, a failure, an edge case, and its learned world
	@$(BIN)/hiwm tour

gates: setup  ## durability and security of the console in full size; hours
	@$(BIN)/hiwm bench gates

test: lint types  ## lint, strict types and tests; no network, GPU or display
	@$(BIN)/pytest

lint: setup  ## check style and format
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "lint: run 'make format'" >&2; exit 1; }

types: setup  ## check types strictly
	@$(BIN)/mypy --no-error-summary

format: setup  ## put the code into its format, and repair what can be repaired
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

clean:  ## remove .venv and every cache; data and runs in $HIWM_HOME stay
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	@rm -rf web/node_modules src/hiwm/server/static
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
