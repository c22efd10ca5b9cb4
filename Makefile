# SPDX-License-Identifier: Apache-2.0
#
# certroll: build, gates and tests. `make help` lists what there is to call.
#
# Sources are found by wildcard and registries are generated from the files present, so a new file needs no edit here.
# Variables of use on the command line:
#   CC=clang                      another compiler
#   SANITIZE=address,undefined    a sanitizer build, in its own folder (build/asan, build/tsan, ...)
#   WERROR=1                      warnings are errors (always so when CI=true)
#   ROOMS="base json"             only these rooms and their unit tests
#   T=json/test_bind              only the unit tests whose path contains this
#   BUILD=build/mine              another build folder
#   V=1                           show the commands

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
SHELL := /bin/bash
# Go where distributions and its own installer put it, after whatever the user prefers.
export PATH := $(PATH):/usr/local/go/bin:/usr/lib/go/bin

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
BUILD ?= build
Q := $(if $(V),,@)
comma := ,
space := $(subst ,, )

# ---- goals that only call scripts: they compile nothing themselves and must work before anything is installed
SCRIPT_GOALS := help check test test-unit test-sim test-component test-e2e test-full demo demo-down bench fuzz clean \
	format print-packages setup check-%
GOALS := $(or $(MAKECMDGOALS),all)
COMPILING := $(filter-out $(SCRIPT_GOALS),$(GOALS))

# ---- where things go
ifeq ($(SANITIZE),)
B := $(BUILD)
else ifneq ($(findstring fuzzer,$(SANITIZE)),)
B := $(BUILD)/fuzz
else ifneq ($(findstring address,$(SANITIZE)),)
B := $(BUILD)/asan
else ifneq ($(findstring thread,$(SANITIZE)),)
B := $(BUILD)/tsan
else
B := $(BUILD)/$(subst $(comma),-,$(SANITIZE))
endif
GEN := $(BUILD)/gen

# ---- what there is to compile
ifeq ($(ROOMS),)
SRCS := $(sort $(wildcard controller/*.c controller/*/*.c controller/*/*/*.c))
UNIT_SRCS := $(sort $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c))
else
SRCS := $(sort $(foreach r,$(ROOMS),$(wildcard controller/$r/*.c controller/$r/*/*.c)))
UNIT_SRCS := $(sort $(foreach r,$(ROOMS) support,$(wildcard tests/unit/$r/*.c tests/unit/$r/*/*.c)))
endif
LIB_SRCS := $(filter-out controller/main.c,$(SRCS))
SUPPORT_SRCS := $(filter tests/unit/support/%,$(UNIT_SRCS))
UNIT_MAINS := $(filter-out $(SUPPORT_SRCS),$(foreach f,$(UNIT_SRCS),$(if $(filter test_%,$(notdir $f)),$f)))
UNIT_HELPERS := $(filter-out $(SUPPORT_SRCS) $(UNIT_MAINS),$(UNIT_SRCS))
SIM_SRCS := $(sort $(wildcard tests/sim/*.c tests/sim/*/*.c))
FUZZ_MAINS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
DRIVE_MAINS := $(sort $(wildcard tests/component/drive_*.c))

objs = $(patsubst %.c,$(B)/obj/%.o,$1)
LIB := $(B)/libcertroll.a
BIN := $(B)/certroll
SIM := $(if $(SIM_SRCS),$(B)/tests/sim/certroll-sim)
UNIT_BINS := $(patsubst %.c,$(B)/%,$(UNIT_MAINS))
FUZZ_BINS := $(patsubst %.c,$(B)/%,$(FUZZ_MAINS))
DRIVE_BINS := $(patsubst %.c,$(B)/%,$(DRIVE_MAINS))
ifneq ($(T),)
UNIT_BINS := $(foreach b,$(UNIT_BINS),$(if $(findstring $(T),$b),$b))
endif

# ---- registries: <room>:<struct>; a driver is a file with the line `const struct <struct> <struct>_<name> = {`
REGISTRY_TABLE := issuers:issuer_driver http01:http01_tier dns01/providers:dns_provider
REGISTRIES := $(foreach r,$(REGISTRY_TABLE),$(GEN)/$(subst /,_,$(firstword $(subst :, ,$r)))_registry.inc)

# ---- flags
VERSION ?= $(patsubst v%,%,$(or $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null),0.1.0-dev))
PKGS := openssl libcurl yaml-0.1 libwebsockets jansson ldns libidn2 libpsl

ifneq ($(COMPILING),)
ifeq ($(shell command -v pkg-config),)
$(error pkg-config is missing; run `hack/setup build`)
endif
PKG_MISSING := $(shell for p in $(PKGS); do pkg-config --exists $$p || echo $$p; done)
ifneq ($(strip $(PKG_MISSING)),)
$(error libraries are missing: $(PKG_MISSING); run `hack/setup build`)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS))
# Flags that only some compilers know are tried once, here.
probe = $(shell for f in $1; do $(CC) -Werror $$f -c -x c /dev/null -o /dev/null 2>/dev/null && echo "$$f"; done)
PROBED := $(call probe,-Wduplicated-cond -Wduplicated-branches -Wlogical-op -ftrivial-auto-var-init=zero \
	-fcf-protection -fstack-clash-protection)
ifneq ($(shell $(CC) --version 2>/dev/null | grep -c clang),0)
# clang calls a variable unused that has only a clean-up; gcc knows better, and is asked too. Macros with "..." and nothing
# for it are C23, as clang 19 says.
PROBED += -Wno-gnu-zero-variadic-macro-arguments -Wno-unused-variable $(call probe,-Wno-c23-extensions)
endif
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wvla -Wwrite-strings -Wcast-qual -Wpointer-arith -Wnull-dereference -Wformat=2 \
	-Wimplicit-fallthrough -Wundef -Wdate-time $(filter -W%,$(PROBED)) \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion
ifeq ($(SANITIZE),)
OPTIMIZE := -O2 -g -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections
LDOPTIMIZE := -Wl,--gc-sections
# Sanitizers add code that makes compilers guess: warnings are judged in the plain build only.
ifneq ($(or $(filter 1,$(WERROR)),$(filter true,$(CI))),)
WARNINGS += -Werror
endif
else
OPTIMIZE := -O1 -g -fsanitize=$(subst fuzzer,fuzzer-no-link,$(SANITIZE)) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all -DCERTROLL_SANITIZED=1
LDOPTIMIZE := -fsanitize=$(subst $(space),$(comma),$(filter-out fuzzer,$(subst $(comma), ,$(SANITIZE))))
endif
HARDENING := -fstack-protector-strong -fPIE -fno-common $(filter -f%,$(PROBED))

CPPFLAGS_ALL := -D_GNU_SOURCE -Icontroller -I$(GEN) $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu17 -pthread $(OPTIMIZE) $(HARDENING) $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
TEST_CPPFLAGS := -Itests/unit -Itests
TEST_CFLAGS := -Wno-sign-conversion -Wno-null-dereference
LDFLAGS_ALL := -pthread -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(LDOPTIMIZE) $(LDFLAGS)
LDLIBS_ALL := $(PKG_LIBS) $(LDLIBS)
VERSION_FLAG := -DCERTROLL_VERSION='"$(VERSION)"'
# Only the files that name the version are compiled again when it changes.
VERSION_SRCS := $(if $(COMPILING),$(shell grep -l CERTROLL_VERSION $(SRCS) $(SIM_SRCS) $(UNIT_SRCS) /dev/null))

# ---- rules
.PHONY: all lib unit-tests sim fuzz-targets fuzz-objects drivers FORCE
all: $(BIN) ## Build build/certroll
lib: $(LIB)
unit-tests: $(UNIT_BINS)
sim: $(SIM)
fuzz-targets: $(FUZZ_BINS)
drivers: $(DRIVE_BINS)
fuzz-objects: $(call objs,$(FUZZ_MAINS))

$(BIN): $(call objs,controller/main.c) $(LIB)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

# Stamps hold a value and are touched only when it changes: objects follow the flags, the library its list of members.
define stamp
$1: FORCE
	@mkdir -p $$(@D); printf '%s\n' '$(subst ','\'',$2)' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$2)' > $$@
endef
$(eval $(call stamp,$(B)/.flags,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL)))
$(eval $(call stamp,$(B)/.members,$(LIB_SRCS)))
$(eval $(call stamp,$(B)/.version,$(VERSION)))

$(LIB): $(call objs,$(LIB_SRCS)) $(B)/.members
	@echo "  AR    $@"
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

$(B)/obj/%.o: %.c $(B)/.flags | $(REGISTRIES)
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(EXTRA_CPPFLAGS) $(CFLAGS_ALL) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(call objs,$(VERSION_SRCS)): EXTRA_CPPFLAGS += $(VERSION_FLAG)
$(call objs,$(VERSION_SRCS)): $(B)/.version
$(B)/obj/tests/%.o: EXTRA_CPPFLAGS += $(TEST_CPPFLAGS)
$(B)/obj/tests/%.o: EXTRA_CFLAGS += $(TEST_CFLAGS)

# A unit test links its own object, its room's helpers (files without test_ in the name), tests/unit/support and the library.
room_of = $(word 3,$(subst /, ,$1))
define unit_test
$(B)/$(1:.c=): $(call objs,$1 $(filter tests/unit/$(call room_of,$1)/%,$(UNIT_HELPERS)) $(SUPPORT_SRCS)) $(LIB)
	@echo "  LD    $$@"
	@mkdir -p $$(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ -lcmocka $(LDLIBS_ALL)
endef
$(foreach t,$(UNIT_MAINS),$(eval $(call unit_test,$t)))

# What the simulator remembers in the place of others: tests/sim/sim_memo.c, sim_seal.c.
SIM_WRAPPED := json_parse json_print pki_key_parse pki_key_pem pki_handshake EVP_DigestSign \
	X509_sign X509_verify X509_REQ_sign X509_REQ_verify
$(B)/tests/sim/certroll-sim: $(call objs,$(SIM_SRCS)) $(LIB)
	@echo "  LD    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) $(SIM_WRAPPED:%=-Wl,--wrap=%) -o $@ $^ -lcmocka $(LDLIBS_ALL)

$(FUZZ_BINS): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIB)
	@echo "  LD    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LDLIBS_ALL)

# Parts of certroll as programs of their own, which component tests run against real servers.
$(DRIVE_BINS): $(B)/tests/component/%: $(B)/obj/tests/component/%.o $(LIB)
	@echo "  LD    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

define registry
$(GEN)/$(subst /,_,$1)_registry.inc: FORCE
	@mkdir -p $$(@D); hack/gen-registry $2 $2_ controller/$1 > $$@.$$$$$$$$ && \
	{ cmp -s $$@.$$$$$$$$ $$@ && rm $$@.$$$$$$$$ || mv $$@.$$$$$$$$ $$@; }
endef
$(foreach r,$(REGISTRY_TABLE),$(eval $(call registry,$(word 1,$(subst :, ,$r)),$(word 2,$(subst :, ,$r)))))

.PHONY: registries
registries: $(REGISTRIES)

ifneq ($(COMPILING),)
-include $(patsubst %.o,%.d,$(call objs,$(SRCS) $(UNIT_SRCS) $(SIM_SRCS) $(FUZZ_MAINS) $(DRIVE_MAINS)))
endif

# ---- for editors and clang-tidy
.PHONY: compile_commands.json print-unit-tests print-sim print-fuzz
compile_commands.json: $(REGISTRIES) ## Write the compile database that editors and clang-tidy read
	@printf '%s\n' $(SRCS) | hack/gen-compile-commands $(CC) $(CPPFLAGS_ALL) $(VERSION_FLAG) $(CFLAGS_ALL) > $@.tmp
	@printf '%s\n' $(UNIT_SRCS) $(SIM_SRCS) $(FUZZ_MAINS) $(DRIVE_MAINS) | hack/gen-compile-commands --append $@.tmp \
		$(CC) $(CPPFLAGS_ALL) $(TEST_CPPFLAGS) $(VERSION_FLAG) $(CFLAGS_ALL) $(TEST_CFLAGS)
	@mv $@.tmp $@

print-unit-tests:
	@printf '%s\n' $(UNIT_BINS)
print-sim:
	@printf '%s\n' $(SIM)
print-fuzz:
	@printf '%s\n' $(FUZZ_BINS)

# ---- gates and tests: these install what they need first
.PHONY: help setup check test test-unit test-sim test-component test-e2e test-full demo demo-down bench fuzz clean \
	format install install-strip print-packages
setup: ## Install everything that building, checking and testing need
	@hack/setup build check test cluster

check: ## Run every gate (format, layers, sizes, clang-tidy, warnings of two compilers, ...)
	@hack/check-all

check-%: ## Run one gate, for example `make check-layers`
	@hack/check-$*

SUITES := unit-asan unit-tsan fuzz hack sim sim-asan chart crds component e2e
test: ## Set up, then run every test; the last line is `N passed, N failed`
	@hack/run-tests $(SUITES)
test-unit: ## Unit tests under ASan+UBSan and TSan (T=json/test_bind: only these; ROOMS="base json": only these rooms)
	@ROOMS='$(ROOMS)' T='$(T)' BUILD='$(BUILD)' hack/run-tests unit-asan unit-tsan
test-sim: ## The seeded simulator: 10,000 lives, and 150 under ASan+UBSan
	@hack/run-tests sim sim-asan
test-component: ## The real binary against Pebble, DNS servers and API servers without nodes (T=expr as in pytest -k)
	@T='$(T)' hack/run-tests component
test-e2e: ## The real binary on a real local cluster (T=expr as in pytest -k)
	@T='$(T)' hack/run-tests e2e
test-full: ## Everything, with the long rows, the cluster's own tests and valgrind
	@CERTROLL_TEST_FULL=1 hack/run-tests $(SUITES) valgrind cluster

demo: ## A local cluster with certroll on it, issuing and rolling a certificate
	@hack/setup build cluster
	@hack/demo
demo-down: ## Take the demo's cluster down, leaving nothing behind
	@hack/demo down
bench: ## Measure rates, memory and start-up (needs the local cluster)
	@hack/setup build test cluster
	@hack/bench
fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@hack/run-fuzz $(or $(FUZZ_SECONDS),60)

format: ## Format all C files in place
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i # version 14, see hack/check-format

install: $(BIN) ## Install certroll and the kubectl plugin (DESTDIR, PREFIX)
	install -D -m 0755 $(BIN) $(DESTDIR)$(BINDIR)/certroll
	ln -sf certroll $(DESTDIR)$(BINDIR)/kubectl-certroll
install-strip: install ## The same without symbols
	strip $(DESTDIR)$(BINDIR)/certroll

print-packages: ## Print the Debian packages of every set
	@hack/setup --print build check test cluster

clean: ## Remove what was built
	rm -rf $(BUILD) compile_commands.json

help: ## Show this
	@echo 'Targets:'
	@sed -n 's/^\([a-z0-9_.%-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 26
	@echo 'Variables: CC, SANITIZE, WERROR=1, ROOMS, T, BUILD, V=1, DESTDIR, PREFIX (see the head of the Makefile)'
