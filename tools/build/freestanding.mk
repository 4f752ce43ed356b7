# freestanding.mk -- keep the user's flags from breaking programs that are not for this machine.
#
# Read by make, not by automake, which would take these lines for rules. A target's variables reach
# the objects that are built for it, and `override` wins even over `make CFLAGS=...`.
comma := ,
freestanding_cflags := $(filter -O% -g% -W%,$(filter-out -Wl$(comma)% -Wa$(comma)%,$(CFLAGS)))
$(foreach p,$(FREESTANDING),$(eval $(p): override CFLAGS := $(freestanding_cflags)))
$(foreach p,$(FREESTANDING),$(eval $(p): override CPPFLAGS :=))
$(foreach p,$(FREESTANDING),$(eval $(p): override LDFLAGS :=))
