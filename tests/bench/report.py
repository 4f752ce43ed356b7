"""What the benchmark's figures mean: targets, budgets, means; as text and as a picture."""
import math

# Goals of the rows, in guest instructions.
REACH = {
    "getppid": 130, "read1": 300, "fstat": 500, "stat": 2500, "openclose": 4500, "pread4k": 1100,
    "pipe_self": 700, "pipe_pp": 4000, "mmap": 2500, "fault": 1500, "forkexit": 90000,
    "forkexec": 180000, "sh": 350000,
}
SYSTEMS = ("linux", "tessera")
BOOT_REACH = 0.6
WALL_REACH = 1.0
MEMORY_REACH_MIB = 24
COPY_4K = 512      # a 4 KiB copy or clearing: `rep` counts one per 8 bytes
FORK_PAGES = 256   # the working set of forkexit, as in rows_process.c

# Hot paths: (name, budget, programs/ipcbench's row or how else it is known).
BUDGETS = [
    ("null native call", 60, "null-call"),
    ("upcall and return", 50, None),
    ("handle look-up", 25, "handle-look-up"),
    ("1-byte pipe write + read", 450, "pipe-write-read"),
    ("4 KiB cached pread, with its copy", 350 + COPY_4K, "pread-4k"),
    ("futex wake with no waiter", 120, "futex-wake-nobody"),
    ("ready WaitSet wait", 200, "waitset-wait-ready"),
    ("IPC call + reply", 220 + 240, "ipc-call-reply"),
    ("anonymous page fault, with its clearing", 600 + COPY_4K, "anonymous-fault"),
    ("fork, each page-table entry copied", 12, "fork"),
]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def judge(result):
    """Adds ratio, reach and met to the rows, and the means."""
    for row, cost in result["rows"].items():
        ours, theirs = cost["tessera"], cost["linux"]
        cost["ratio"] = ours / theirs if ours is not None and theirs else None
        cost["reach"] = REACH.get(row)
        cost["met"] = ours <= REACH[row] if row in REACH and ours is not None else None
    rows = result["rows"]
    real = [row for row in rows if row != "ctlloop"]
    result["means"] = {
        "table": mean_of(rows, [row for row in rows if row in REACH], "ratio"),
        "all": mean_of(rows, real, "ratio"),
        "wall_table": mean_of(rows, [row for row in rows if row in REACH], "wall_ratio"),
        "wall_all": mean_of(rows, real, "wall_ratio"),
    }


def mean_of(rows, names, key):
    values = [rows[name][key] for name in names if rows[name].get(key)]
    return {"value": geometric_mean(values), "of": len(values), "wanted": len(names)}


def number(value, decimals=0):
    return "-" if value is None else f"{value:,.{decimals}f}"


def row_line(row, cost, told):
    met = {True: "met", False: "NOT met", None: ""}[cost["met"]]
    line = (f"{row:<11}{number(cost['linux'], 1 if row == 'ctlloop' else 0):>10}"
            f"{number(cost['tessera'], 1 if row == 'ctlloop' else 0):>10}"
            f"{number(cost['ratio'], 2):>7}{number(cost['reach']):>9}  {met:<8}"
            f"{number(cost.get('wall_linux')):>11}{number(cost.get('wall_tessera')):>11}"
            f"{number(cost.get('wall_ratio'), 2):>7}")
    why = [f"{system}: {cost[system + '_why']}" for system in SYSTEMS
           if cost.get(system + "_why") and cost[system + "_why"] != told[system]]
    return line + ("\n" + "\n".join(f"           {text}" for text in why) if why else "")


def reasons_common(rows):
    """Why a system has no figure at all, if that is one reason: told once, not in every row."""
    told = {}
    for system in SYSTEMS:
        reasons = {cost.get(system + "_why") for cost in rows.values()}
        told[system] = reasons.pop() if len(reasons) == 1 else None
    return told


def rows_text(rows):
    told = reasons_common(rows)
    lines = [f"no figure of {system}'s: {why}" for system, why in told.items() if why]
    lines += [f"{'':<11}{'guest instructions':>20}{'':>7}{'':>9}{'':10}{'wall ns, plain TCG':>22}",
             f"{'row':<11}{'Linux':>10}{'Tessera':>10}{'ratio':>7}{'goal':>9}  {'':<8}"
             f"{'Linux':>11}{'Tessera':>11}{'ratio':>7}"]
    ordered = [row for row in REACH if row in rows] + [row for row in rows if row not in REACH]
    for row in ordered:
        if row not in REACH and "" not in lines:
            lines.append("")
        lines.append(row_line(row, rows[row], told))
    return lines


def mean_text(label, mean):
    short = "" if mean["of"] == mean["wanted"] else f" (only {mean['of']} of {mean['wanted']} rows)"
    return f"  {label}: {number(mean['value'], 3)}{short}"


def means_text(means):
    return ["geometric means of Tessera / Linux, below 1 is faster:",
            mean_text("instructions, rows with a goal", means["table"]),
            mean_text("instructions, all rows", means["all"]),
            mean_text(f"wall, rows with a goal (to reach: {WALL_REACH})", means["wall_table"]),
            mean_text("wall, all rows", means["wall_all"])]


def slower_text(rows):
    """Rows above 1.0 want an explanation: here they are named, whoever keeps the figures gives it."""
    slow = [f"{row} {cost['wall_ratio']:.2f}" for row, cost in rows.items()
            if row in REACH and (cost.get("wall_ratio") or 0) > WALL_REACH]
    return [f"rows with a goal, slower than Linux in wall time: {', '.join(slow) or 'none measured'}"]


def fork_entry_cost(rows):
    large, small = rows.get("forkexit"), rows.get("forksmall")
    if not large or not small or large["tessera"] is None or small["tessera"] is None:
        return None, "needs the rows forkexit and forksmall"
    return (large["tessera"] - small["tessera"]) / FORK_PAGES, None


def budget_known(result, source):
    """(measured, budget told by ipcbench, why not measured)."""
    native = result["native"]
    if source is None:
        return None, "never alone: the getppid row has one, with musl's 33 and the handler"
    if source == "fork":
        cost, why = fork_entry_cost(result["rows"])
        return cost, why
    if source in native["rows"]:
        return native["rows"][source][0], None
    return None, "see above" if native["why"] else "ipcbench has no such row"


def budgets_text(result):
    lines = ["budgets of the hot paths, in guest instructions, and what was measured:"]
    if result["native"]["why"]:
        lines.append(f"  (no native figures: {result['native']['why']})")
    for name, budget, source in BUDGETS:
        cost, why = budget_known(result, source)
        verdict = why if cost is None else "met" if cost <= budget else "NOT met"
        if source == "fork" and cost is not None:
            verdict += " (with freeing it at exit; forkexit less forksmall)"
        lines.append(f"  {name:<42}{budget:>6}{number(cost, 1):>10}  {verdict}")
    return lines


def boot_text(result):
    boot, lines = result.get("boot"), []
    if boot is None:
        return ["boot and memory: not measured (--rounds 0)"]
    if "why" in boot:
        lines.append(f"boot to the first output of a command: not measured: {boot['why']}")
    else:
        verdict = "met" if boot["ratio"] <= BOOT_REACH else "NOT met"
        lines.append(f"boot to the first output of a command, median of {boot['rounds']} pairs: Linux "
                     f"{boot['linux']:.2f} s, Tessera {boot['tessera']:.2f} s, ratio "
                     f"{boot['ratio']:.2f} (to reach: {BOOT_REACH}, {verdict})")
    for system, used in result["memory"].items():
        what = f"{used['mib']:.1f} MiB" if used["mib"] is not None else f"not known: {used['why']}"
        if system == "tessera" and used["mib"] is not None:
            what += (f" (to reach: {MEMORY_REACH_MIB}, "
                     f"{'met' if used['mib'] < MEMORY_REACH_MIB else 'NOT met'})")
        lines.append(f"memory not free after boot, root file system included: {system} {what}")
    small = result["small"]
    lines.append("boots with --mem 64M: " + ("yes" if small["boots"] else f"no: {small['why']}"))
    return lines


def text(result):
    found = result["versions"]
    lines = [f"Tessera and Linux side by side, {found['date']}", f"  {found['qemu']}",
             f"  Linux {found['linux']}, {found['linux_words']}",
             f"  both: -cpu {found['cpu']}, one CPU", ""]
    for part in (rows_text(result["rows"]), means_text(result["means"]),
                 slower_text(result["rows"]), budgets_text(result), boot_text(result)):
        lines += part + [""]
    if result["broken"]:
        lines += ["what did not run:"] + [f"  {line}" for line in result["broken"]] + [""]
    return "\n".join(lines)


# --- the picture: one bar a row, on a logarithmic axis around 1 ---

LEFT, WIDTH, LINE, TOP = 110, 640, 20, 60


def position(ratio):
    """1/16 to 4, logarithmic."""
    place = (math.log2(max(min(ratio, 4), 1 / 16)) + 4) / 6
    return LEFT + place * WIDTH


def bar(index, row, cost):
    y = TOP + index * LINE
    label = f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{row}</text>'
    if cost.get("ratio") is None:
        return label + f'<text x="{LEFT + 4}" y="{y + 13}" fill="#a00">no figure</text>'
    begin, end = sorted((position(1), position(cost["ratio"])))
    color = "#2a7" if cost["ratio"] <= 1 else "#c63"
    shapes = [label, f'<rect x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" '
                     f'height="{LINE - 8}" fill="{color}"/>']
    if cost.get("wall_ratio"):
        shapes.append(f'<circle cx="{position(cost["wall_ratio"]):.1f}" cy="{y + 9}" r="3.5" '
                      f'fill="none" stroke="#333"/>')
    if cost.get("reach") and cost.get("linux"):
        x = position(cost["reach"] / cost["linux"])
        shapes.append(f'<path d="M{x:.1f} {y + 1}v{LINE - 4}" stroke="#36c" stroke-width="2"/>')
    return "".join(shapes)


def picture(result):
    rows = {row: cost for row, cost in result["rows"].items() if row != "ctlloop"}
    height = TOP + len(rows) * LINE + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" '
             f'height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="18" font-size="14">Tessera / Linux, left of 1 is faster: bars '
             'are instructions, rings wall time, blue marks the goal</text>']
    for power in range(-4, 3):
        x = position(2.0 ** power)
        name = f"{2 ** power}" if power >= 0 else f"1/{2 ** -power}"
        parts.append(f'<path d="M{x:.1f} {TOP - 8}V{height - 14}" stroke="#ccc"/>'
                     f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{name}</text>')
    parts += [bar(index, row, cost) for index, (row, cost) in enumerate(rows.items())]
    return "\n".join(parts + ["</svg>"]) + "\n"
