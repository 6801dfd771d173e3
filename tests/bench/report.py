"""From what the rounds told to tables: medians, ratios with their spread, goals."""

import re
from statistics import median

MARKS = ("<!-- {}: ./dev bench writes what stands between these lines -->", "<!-- end of {} -->")


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def values(row, make, figure):
    return [r[make][figure.key] for r in row.done.get("rounds", []) if make in r and r[make].get(figure.key) is not None]


def ratios(row, figure):
    """How many times better ours was, round by round."""
    found = []
    for r in row.done.get("rounds", []):
        if "apache" in r and "fusee" in r:
            theirs, ours = r["apache"].get(figure.key), r["fusee"].get(figure.key)
            if theirs and ours:
                found.append(ours / theirs if figure.more_is_better else theirs / ours)
    return found


def goal_met(row, figure):
    """True, False, or None when there is no goal or no figure."""
    ours, r = values(row, "fusee", figure), ratios(row, figure)
    verdicts = []
    if figure.at_most and ours:
        verdicts.append(median(ours) <= figure.at_most)
    if figure.ratio and r:
        verdicts.append(median(r) >= figure.ratio)
    return all(verdicts) if verdicts else None


def line(row, figure):
    """Cells: label, Apache's median, ours, ratio with spread, goal, met."""
    theirs, ours, r = values(row, "apache", figure), values(row, "fusee", figure), ratios(row, figure)
    spread = f"{median(r):.1f}x ({min(r):.1f} .. {max(r):.1f})" if r else "-"
    met = {True: "yes", False: "no", None: ""}[goal_met(row, figure)]
    return [figure.label, number(median(theirs), figure.digits) if theirs else "-", number(median(ours), figure.digits) if ours else "-", spread,
            figure.goal, met]


def failure(row, make):
    """What stands in place of a figure."""
    failed = row.done.get("failed", {})
    return "" if make not in failed and "both" not in failed else "not served yet" if make == row.not_served else "failed"


def cells(rows):
    table = []
    for row in rows:
        for i, figure in enumerate(row.figures if row.done else []):
            cell = [row.name if i == 0 else "", *line(row, figure)]
            cell[2] = failure(row, "apache") or cell[2]
            cell[3] = failure(row, "fusee") or cell[3]
            table.append(cell)
    return table


HEAD = ["load", "figure", "Apache 5.5.0", "fusee", "ratio (spread)", "goal", "met"]


def text_table(rows):
    table = [HEAD, *cells(rows)]
    widths = [max(len(r[i]) for r in table) for i in range(len(HEAD))]
    return "\n".join("  ".join(c.rjust(w) if i in (2, 3) else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in table)


def markdown_table(head, body):
    return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *body])


def ours(rows, name, key):
    found = [r["fusee"][key] for row in rows if row.name == name for r in row.done.get("rounds", []) if "fusee" in r]
    return median(found) if found else None


def derived(rows, fdatasync_us):
    """Goals that compare rows of ours with one another, or with the device."""
    found = []
    fast, safe = (ours(rows, name, "per_second") for name in ("1 x 64, ASYNC_FLUSH", "SYNC_FLUSH, 1 x 64"))
    if fast and safe:
        found.append(f"SYNC_FLUSH at 1 x 64 sends {100 * safe / fast:.0f}% of what ASYNC_FLUSH does (goal: 85% or more).")
    p50 = ours(rows, "SYNC_FLUSH, 1 x 1", "p50_us")
    if p50 and fdatasync_us:
        found.append(f"SYNC_FLUSH at 1 x 1 takes {p50:.0f} us, a bare pwrite and fdatasync {fdatasync_us:.0f} us: {p50 - fdatasync_us:.0f} us more "
                     "(goal: 60 us or less).")
    return found


def share(row, make, key):
    found = [r[make][key] for r in row.done["rounds"] if make in r and key in r[make]]
    return f"{median(found):.0f}" if found else "-"


LIMITS_HEAD = ["load", "Apache's broker", "its load", "fusee's broker", "its load", "others", "rounds"]


def limits(rows):
    """How much of a processor broker, load and other programs took: what limits a row is what is near 100."""
    body = []
    for row in rows:
        if row.done.get("rounds"):
            others = f"{100 * max(row.done['others']):.0f}"
            body.append([row.name, *(share(row, m, k) for m in ("apache", "fusee") for k in ("cpu_percent", "own_cpu_percent")), others,
                         str(len(row.done["rounds"]))])
    return body


LEFT = (("errors", "refused"), ("unsent", "due and not sent"), ("unreceived", "not received"))


def notes(rows):
    """Failures, errors and what was left undone, so that a figure that leaves something out is seen to."""
    found = []
    for row in rows:
        for make, why in row.done.get("failed", {}).items():
            found.append(f"{row.name}, {make}: {why.splitlines()[0][:120].replace('|', '/')}")
        for make in ("apache", "fusee"):
            for key, what in LEFT:
                total = sum(r[make].get(key, 0) for r in row.done.get("rounds", []) if make in r)
                if total:
                    found.append(f"{row.name}, {make}: {total} {what}")
    return found


def markdown(rows, how, fdatasync_us):
    parts = [markdown_table(["what", ""], [list(f) for f in how]), markdown_table(HEAD, cells(rows))]
    parts.append("\n".join("- " + d for d in derived(rows, fdatasync_us)))
    parts += ["Percent of one processor that broker and load took (a row is limited by what is near 100, or by both together near 200), and what other "
              "programs took before its rounds, at most:", markdown_table(LIMITS_HEAD, limits(rows))]
    if notes(rows):
        parts += ["Failed, refused or left undone:", "\n".join("- " + n for n in notes(rows))]
    return "\n\n".join(p for p in parts if p)


TAIL = (("per_second", "messages/s"), ("p50_us", "median, us"), ("p99_us", "p99, us"), ("p999_us", "p99.9, us"), ("p9999_us", "p99.99, us"),
        ("max_us", "max, us"), ("unsent", "due and not sent"), ("unanswered", "not answered at the end"), ("errors", "refused"),
        ("cpu_us_per_message", "broker CPU, us a message"), ("own_cpu_percent", "load's CPU, % of one processor"))
STALLS_SHOWN = 20


def tail_markdown(found, seconds, stalls, how):
    names = {"apache": "Apache 5.5.0", "fusee": "fusee"}
    body = [[label, *(number(found[m].get(key), 1) for m in found)] for key, label in TAIL]
    parts = [markdown_table(["what", ""], [list(f) for f in how]),
             f"Open loop, 10,000 messages a second of 1 KB for {seconds} s, each make alone:",
             markdown_table(["figure", *(names[m] for m in found)], body)]
    if "fusee" in found:
        count = len(stalls) + sum(int(m) for line in stalls for m in re.findall(r"(\d+) like it before", line))
        parts.append(f"Turns of fusee's loop that took over 5 ms, by its log: {count}" + (", of which these have a line:" if stalls else "."))
        parts.append("\n".join("    " + line for line in stalls[:STALLS_SHOWN]))
    return "\n\n".join(p for p in parts if p)


def write_section(path, name, text):
    """Replaces what stands between the marks of a section; one that is not there yet comes last."""
    begin, end = (m.format(name) for m in MARKS)
    old = path.read_text() if path.exists() else ""
    if begin not in old or end not in old:
        old += f"{begin}\n{end}\n"
    head, rest = old.split(begin, 1)
    path.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}")
