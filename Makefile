# What one does with this repository. LIBTORCH=/path/to/torch, in the environment or after `make`, replaces the fetched one.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help libtorch build test test-one lint format demo bench fuzz soak sanitize check-cuda gpu-bundle clean

PROGRAM := .build/release/minimind-dpo
SOURCES := Package.swift Sources Tests
C_SOURCES := find Sources Tests -name '*.cpp' -o -name '*.h' -o -name '*.inc' -o -name '*.cuh'

help:
	@echo 'make build      the program, $(PROGRAM)'
	@echo 'make demo       a small model learns from preference pairs; needs nothing else'
	@echo 'make test       format, a build without warnings, all tests'
	@echo 'make test-one T=DPOTests   the tests of one target, without building the others'
	@echo 'make lint       checks the format, that the folders of the program form no circle, and that docs/reliability.md names tests'
	@echo 'make format     formats the sources'
	@echo 'make bench      training speed of a 64 M model on this machine'
	@echo 'make fuzz       feeds every reader of foreign bytes inputs that libFuzzer makes up, 100,000 each'
	@echo 'make soak       kills, restarts, breaks networks for half an hour, and sees that what docs/reliability.md promises holds'
	@echo 'make sanitize   the tests of the C++ targets under the address, undefined-behaviour and thread sanitizers'
	@echo 'make check-cuda compiles and links for CUDA, without a GPU; fetches a CUDA LibTorch, 1.2 GB'
	@echo 'make gpu-bundle the program for GPU machines that have PyTorch, in gpu-bundle/'
	@echo 'make libtorch   fetches LibTorch into .libtorch/; the others do so by themselves'
	@echo 'make clean      removes what was built; .libtorch/ stays'

libtorch:
	@Tools/libtorch/fetch

build: libtorch
	swift build -c release --product minimind-dpo

test: libtorch lint
	@Tools/build_tests
	@Tools/run_tests

# The manifest declares only the test target that the variable names, so SwiftPM builds what that one needs and keeps the rest.
test-one: libtorch
	@[ -n "$(T)" ] && [ -d "Tests/$(T)" ] || { echo 'make test-one T=DPOTests: name a folder of Tests/' >&2; exit 64; }
	MINIMIND_TEST_TARGET=$(T) swift build -c release --product minimind-dpoPackageTests
	MINIMIND_TEST_TARGET=$(T) swift test -c release --skip-build --disable-xctest --filter '$(or $(F),$(T))'

# clang-format is not part of Swift's toolchain; `pip install clang-format` brings it.
lint:
	swift format lint --strict --parallel -r $(SOURCES)
	@Tools/folder_order
	@Tools/reliability_tests
	@if command -v clang-format >/dev/null; then $(C_SOURCES) | xargs clang-format --dry-run --Werror; \
	else echo 'clang-format is not installed: the format of the C++ sources is not checked'; fi

format:
	swift format -i --parallel -r $(SOURCES)
	@if command -v clang-format >/dev/null; then $(C_SOURCES) | xargs clang-format -i; \
	else echo 'clang-format is not installed: the C++ sources are not formatted'; fi

demo: build
	@$(PROGRAM) demo

bench: build
	@$(PROGRAM) bench

fuzz: libtorch
	@Tools/fuzz/run

soak: build
	@Tools/soak/run

sanitize: libtorch
	@Tools/sanitize/run

check-cuda:
	@Tools/cuda/check

gpu-bundle:
	@Tools/cuda/bundle

clean:
	swift package clean
