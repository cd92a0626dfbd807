# The lab's commands, thin: each is one call of ./lab. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

PYTHON ?= python3
VENV   := .venv/bin/python
LAB    := $(VENV) -m scripts.lab
VENV_STEP := $(PYTHON) scripts/stack/bootstrap_venv.py

# Options that are given are handed on, e.g. `make generate RATE=200 DURATION=60 SEED=1 BAD=0.01`.
option = $(if $($(1)),$(2) $($(1)))

.PHONY: help venv doctor setup up down clear distclean status logs topics schemas ksql ksql-reset spark webapp \
        webapp-local generate verify audit replay-quarantine tables quality lineage maintain drill test check bench \
        bench-ksql bench-lakehouse lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

venv: ## the Python environment alone
	@$(VENV_STEP)

setup: venv ## install everything the lab needs, without starting it
	@$(LAB) setup

doctor: venv ## look for what could go wrong, with the remedy
	@$(LAB) doctor

up: setup ## start everything and wait until it is ready
	@$(LAB) up

down: venv ## stop everything, keep the data
	@$(LAB) down

clear: venv ## remove data and logs; what was downloaded stays
	@$(LAB) clear

distclean: venv ## remove everything that was made below this folder
	@$(LAB) distclean && rm -rf .venv

status: venv ## state, address, uptime, restarts, memory and lag of each service
	@$(LAB) status

logs: venv ## the log of one service: make logs S=spark
	@$(LAB) logs $(if $(S),$(S),$(error say which service: make logs S=spark)) --follow

topics: venv ## create the topics that are missing
	@$(LAB) topics

schemas: venv ## register the schemas that are missing
	@$(LAB) schemas

ksql: venv ## apply the streaming SQL
	@$(LAB) ksql

ksql-reset: venv ## take the streaming SQL down, after saying what is deleted
	@$(LAB) ksql-reset

spark: venv ## restart Spark and follow its log
	@$(LAB) restart spark --follow

webapp: venv ## restart the web app and follow its log
	@$(LAB) restart webapp --follow

webapp-local: venv ## the web app from the working tree, reloading on change
	@$(LAB) webapp-local

generate: venv ## send events: RATE=200 DURATION=60 SEED=1 BAD=0.01
	@$(LAB) generate $(call option,RATE,--rate) $(if $(DURATION),--duration $(DURATION),--continuous) $(call option,SEED,--seed) $(call option,BAD,--bad)

verify: venv ## one customer's story through the page, with latencies
	@$(LAB) verify

audit: venv ## do the books balance?
	@$(LAB) audit

replay-quarantine: venv ## what is in quarantine, and mended records back: EXPORT=folder, FROM=file, REASON= TOPIC= SINCE=2h
	@$(LAB) replay-quarantine $(call option,REASON,--reason) $(call option,TOPIC,--topic) $(call option,SINCE,--since) \
	  $(call option,EXPORT,--export) $(call option,FROM,--from)

tables: venv ## rows, files, bytes and versions of each Delta table
	@$(LAB) tables

quality: venv ## per table and expectation: rows checked, rows that broke it, when
	@$(LAB) quality

maintain: venv ## compact the tables and remove what no version that is kept needs
	@$(LAB) maintain

lineage: venv ## from which versions of which sources each table came
	@$(LAB) lineage

drill: venv ## kill every process in turn, under load: does it heal, do the books balance?
	@$(LAB) drill $(call option,RATE,--rate) $(call option,SEED,--seed) $(call option,BAD,--bad) && $(LAB) audit

test: ## every test: unit, spark, integration, end to end
	@$(VENV_STEP) --dev
	@$(LAB) setup
	@$(PYTHON) scripts/stack/browser.py
	@for kind in "architecture unit golden" spark integration e2e; do \
	  echo "tests: $$kind"; \
	  $(VENV) -m pytest -q $$(for each in $$kind; do echo tests/$$each; done) || exit 1; \
	done

check: ## the quality gate: ruff, mypy, architecture
	@$(VENV_STEP) --dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@$(VENV) -m pytest -q tests/architecture

bench: venv ## measure the README's figures on the running lab
	@$(VENV) -m benchmarks.lab

bench-ksql: venv ## how fast the SQL engine is: ORDERS=1000000 CUSTOMERS=100000 WORKERS=2 LATENCY=30 COMMIT=2.0
	@$(VENV) -m benchmarks.ksql $(call option,ORDERS,--orders) $(call option,CUSTOMERS,--customers) \
	  $(call option,WORKERS,--workers) $(call option,LATENCY,--latency) $(call option,COMMIT,--commit-interval-s)

bench-lakehouse: venv ## how fast the lakehouse is: ORDERS=1000000 CUSTOMERS=100000 GROWN=1000000
	@$(VENV) -m benchmarks.lakehouse $(call option,ORDERS,--orders) $(call option,CUSTOMERS,--customers) \
	  $(call option,GROWN,--grown)

lock: venv ## renew the locked requirements and the jars' checksums
	@$(VENV) -m scripts.stack.lock
