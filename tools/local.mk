# tools: host programs.

EXTRA_DIST += \
	tools/README.md \
	tools/archive/archive \
	tools/archive/newc.py
