#!/usr/bin/env python3
"""Write the kernel's symbol table as C for panic's backtrace: symgen.py [ELF] > symbols.c

Without ELF the table is empty: that is what the first link takes.
"""
import subprocess
import sys

symbols = []
if len(sys.argv) > 1:
    for line in subprocess.run(["nm", "-n", sys.argv[1]], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines():
        address, kind, name = line.split()
        if kind in "tT" and not name.startswith("stub_"):
            symbols.append((address, name))
print("#include <stdint.h>")
print("struct symbol { uint64_t address; const char *name; };")
print('__attribute__((section(".data.symbols"))) const struct symbol kernel_symbols[] = {')
for address, name in symbols:
    print(f'\t{{ 0x{address}, "{name}" }},')
print("\t{ ~0ull, 0 },\n};")
print(f'__attribute__((section(".data.symbols"))) const uint64_t kernel_symbol_count = {len(symbols)};')
