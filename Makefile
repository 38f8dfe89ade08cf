# storesync: make, make check, make lint, make install
#
# V chooses how it is built, each in its own folder build/$(V):
#   release (gcc)   asan (gcc, ASan and UBSan)   tsan (gcc)   clang
#
# What there is, is found: lib/FLOOR/x.c goes into the archive, and one .c is
# one program in cmd/, tests/sim/, tests/tools/, tests/crash/ (crash-*) and
# tests/unit/ (u-*.c).  What the simulators share, or are made of, is in folders
# of tests/sim/.

VERSION = 0.1.0
V = release
PREFIX = /usr/local
DESTDIR =
JOBS = 2

B := build/$(V)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# --- compilers and flags ----------------------------------------------------

CC_release = gcc
CC_asan = gcc
CC_tsan = gcc
CC_clang = clang
CC := $(CC_$(V))
ifeq ($(CC),)
$(error V is one of release, asan, tsan, clang)
endif
AR = ar
PKG_CONFIG = pkg-config
INSTALL = install
# make Q= shows the commands.
Q = @

# The flag, if this compiler knows it on this machine.
can = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')

WARN = -Wall -Wextra -Wpedantic -Wconversion -Wformat=2 -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Werror

HARD := -fstack-protector-strong $(call can,-fstack-clash-protection) \
	$(call can,-fcf-protection=full) $(call can,-ftrivial-auto-var-init=zero)

FORTIFY = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
FLAGS_release = -O2 $(FORTIFY)
FLAGS_clang = -O2 $(FORTIFY)
FLAGS_asan = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -DSS_SANITIZED=1
FLAGS_tsan = -O1 -fno-omit-frame-pointer -fsanitize=thread -DSS_SANITIZED=1

CPPFLAGS = -D_GNU_SOURCE -DSS_VERSION='"$(VERSION)"' -Ilib
CFLAGS = -std=c11 -g $(FLAGS_$(V)) $(WARN) $(HARD) -fPIE -pthread
LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -pthread \
	$(FLAGS_$(V))

# --- libraries ----------------------------------------------------------------

PKGS = libcurl libarchive zlib inih libcrypto libxxhash yyjson libmicrohttpd
LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) -ljq -llmdb -lpthread -lm
UNIT_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

# --- what there is ------------------------------------------------------------

LIB_SRC := $(sort $(wildcard lib/*/*.c))
CMD_SRC := $(sort $(wildcard cmd/ss-*.c))
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
PART_SRC := $(sort $(wildcard tests/sim/*/*.c))
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
CRASH_SRC := $(sort $(wildcard tests/crash/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/u-*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))

# Documents that become C, see scripts/gen-graphql.
GQL_SRC := $(sort $(wildcard lib/peer/shopify/*.graphql))
GQL_C := $(B)/gen/shopify_text.c

LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(GQL_C:%.c=%.o)
LIBSS := $(B)/libstoresync.a
PART_OBJ := $(PART_SRC:%.c=$(B)/%.o)
LIBSIM := $(if $(PART_SRC),$(B)/libsim.a)
BINS := $(CMD_SRC:cmd/%.c=$(B)/bin/%)
SIMS := $(SIM_SRC:tests/sim/%.c=$(B)/bin/%)
TOOLS := $(TOOL_SRC:tests/tools/%.c=$(B)/tools/%)
CRASH := $(CRASH_SRC:tests/crash/%.c=$(B)/tools/crash-%)
# What the model is made of.
MODEL_SRC := $(sort $(wildcard tests/crash/model/*.c))
MODEL_OBJ := $(MODEL_SRC:%.c=$(B)/%.o)
SHIM_SRC := $(sort $(wildcard tests/crash/shim/*.c))
SHIMS := $(SHIM_SRC:tests/crash/shim/%.c=$(B)/tools/crash-%.so)
UNITS := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
BENCH := $(BENCH_SRC:tests/bench/%.c=$(B)/tools/bench-%)
MAIN_OBJ := $(patsubst %.c,$(B)/%.o,$(CMD_SRC) $(SIM_SRC) $(TOOL_SRC) $(CRASH_SRC) $(UNIT_SRC) $(BENCH_SRC))

all: $(BINS) $(SIMS) $(TOOLS) $(CRASH) $(SHIMS) $(UNITS) $(LIBSS)

# --- how it is made -----------------------------------------------------------

# Changes when a flag, the compiler or the list of sources does, so that
# nothing stale stays.
NOW = $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LIBS) $(UNIT_LIBS)

$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(NOW))' | cmp -s - $@ || \
	    { $(PKG_CONFIG) --exists --print-errors $(PKGS) cmocka || \
	      { echo 'libraries are missing: run scripts/setup' >&2; exit 1; }; \
	      printf '%s\n' '$(subst ','\'',$(NOW))' >$@; }

$(B)/sources: FORCE
	@mkdir -p $(@D)
	@echo $(LIB_OBJ) $(PART_OBJ) $(GQL_SRC) | cmp -s - $@ || echo $(LIB_OBJ) $(PART_OBJ) $(GQL_SRC) >$@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo 'cc $(V) $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(GQL_C): $(GQL_SRC) scripts/gen-graphql $(B)/sources
	@mkdir -p $(@D)
	$(Q)sh scripts/gen-graphql $(GQL_SRC) >$@
$(GQL_C:%.c=%.o): %.o: %.c $(B)/flags
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Takes its text in as it is.
$(B)/tests/sim/shopify/sp_schema.o: tests/sim/shopify/schema.graphql

$(LIBSS): $(LIB_OBJ) $(B)/sources
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(LIB_OBJ)

ifneq ($(LIBSIM),)
$(LIBSIM): $(PART_OBJ) $(B)/sources
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(PART_OBJ)
endif

link = $(Q)$(CC) $(LDFLAGS) -o $@ $< $(1) $(LIBSS) $(LIBS)

$(BINS): $(B)/bin/%: $(B)/cmd/%.o $(LIBSS)
	@mkdir -p $(@D)
	$(call link)
$(SIMS): $(B)/bin/%: $(B)/tests/sim/%.o $(LIBSIM) $(LIBSS)
	@mkdir -p $(@D)
	$(call link,$(LIBSIM))
$(TOOLS): $(B)/tools/%: $(B)/tests/tools/%.o $(LIBSIM) $(LIBSS)
	@mkdir -p $(@D)
	$(call link,$(LIBSIM))
$(CRASH): $(B)/tools/crash-%: $(B)/tests/crash/%.o $(LIBSS)
	@mkdir -p $(@D)
	$(call link,$(filter %.o,$(wordlist 2,99,$^)))
$(B)/tools/crash-model: $(MODEL_OBJ)
# Preloads, for seeded bugs; without sanitizers, whatever V says.
$(SHIMS): $(B)/tools/crash-%.so: tests/crash/shim/%.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 $(WARN) -fPIC -shared -o $@ $<
# Only made for make bench.
$(BENCH): $(B)/tools/bench-%: $(B)/tests/bench/%.o $(LIBSS)
	@mkdir -p $(@D)
	$(call link)
$(UNITS): $(B)/unit/%: $(B)/tests/unit/%.o $(LIBSIM) $(LIBSS)
	@mkdir -p $(@D)
	$(call link,$(LIBSIM) $(UNIT_LIBS))

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(PART_OBJ) $(MODEL_OBJ) $(MAIN_OBJ))

# --- tests --------------------------------------------------------------------

# Everything that scripts/test does, without installing packages.
check:
	@sh scripts/test --no-setup

check-unit: $(UNITS)
	@perl tests/run -j $(JOBS) $(UNITS)

# T chooses some of them: make check-tools T='tests/2*.t'
T = $(sort $(wildcard tests/[0-9]*.t))
check-tools: all
	@SS_BIN='$(CURDIR)/$(B)/bin' perl tests/run -j $(JOBS) $(T)

check-asan:
	$(MAKE) V=asan check-unit
	$(MAKE) V=asan check-tools

check-long: all
	@set -e; for t in $(sort $(wildcard tests/long/*.sh)); do \
		[ ! -x "$$t" ] || { echo "== $$t"; SS_BIN='$(CURDIR)/$(B)/bin' "$$t"; }; \
	done

bench: all $(BENCH)
	@if [ -x tests/bench/run ]; then SS_BIN='$(CURDIR)/$(B)/bin' tests/bench/run; \
	else echo 'no tests/bench/run'; fi

check-symbols: $(LIBSS)
	@sh scripts/check-symbols $(B)

lint:
	@sh scripts/lint

completions: $(BINS)
	SS_BIN='$(CURDIR)/$(B)/bin' sh scripts/gen-completions

# --- installing ---------------------------------------------------------------

share = $(DESTDIR)$(PREFIX)/share

install: $(BINS)
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin
	for f in $(BINS); do $(INSTALL) -m 755 "$$f" $(DESTDIR)$(PREFIX)/bin/; done
	for f in $(wildcard man/*.[1-7]); do \
		$(INSTALL) -D -m 644 -t $(share)/man/man"$${f##*.}" "$$f"; done
	for f in $(wildcard completions/bash/*); do \
		$(INSTALL) -D -m 644 -t $(share)/bash-completion/completions "$$f"; done
	for f in $(wildcard completions/zsh/*); do \
		$(INSTALL) -D -m 644 -t $(share)/zsh/site-functions "$$f"; done
	for f in $(wildcard scripts/recipes/*); do m=644; [ ! -x "$$f" ] || m=755; \
		$(INSTALL) -D -m $$m -t $(share)/storesync/recipes "$$f"; done

clean:
	rm -rf build

FORCE:

.PHONY: all check check-unit check-tools check-asan check-long check-symbols \
	bench lint completions install clean FORCE
