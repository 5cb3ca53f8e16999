"""What `zmnet evaluate` says: tables, ratios to the other methods, JSON and sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .. import markdown
from ..files import replacing, write_json
from .figures import SKY_SIDE, Figures, NoiseGain
from .judge import Score, summarise
from .methods import MAGENTA, MODEL, OPTIMISED, PEERS, Result

Scores = dict[str, list[Score]]
COLUMNS = {  # of the text table, in its words; the JSON has all
    "content": "content", "content4": "content4", "style": "style", "style_half": "half", "style_quarter": "quarter",
    "palette": "palette", "contrast16": "contrast16", "flat": "flat", "rim": "rim", "total": "total",
    "seconds": "seconds",
}  # fmt: skip
RATIOS = ("total", "style", "style_half", "style_quarter")


def table(scores: Scores, figures: dict[str, list[Figures]]) -> str:
    """Medians of the most telling errors and figures, as text; "-" where no pair has one."""
    lines = []
    for name, rows in scores.items():
        medians = {key: value["median"] for key, value in summary(rows, figures[name][: len(rows)]).items()}
        lines.append([name, *(_cell(medians[key]) for key in COLUMNS)])
    return "\n".join(markdown.table(["", *COLUMNS.values()], lines))


def summary(scores: list[Score], figures: list[Figures]) -> dict[str, dict[str, float | None]]:
    """Medians and quartiles of a row, of its errors and of its figures."""
    return summarise(scores) | summarise(figures)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def against(scores: Scores, model: str = MODEL) -> dict[str, dict[str, float]]:
    """The model against every other row, over the pairs that this row has: its median total and style errors as
    multiples of the row's, and the share of pairs in which its total is lower."""
    found = {}
    for name, theirs in scores.items():
        ours = scores[model][: len(theirs)]
        if name == model or not theirs:
            continue
        found[name] = {
            error: float(np.median([getattr(s, error) for s in ours]) / np.median([getattr(s, error) for s in theirs]))
            for error in RATIOS
        } | {"better": float(np.mean([a.total < b.total for a, b in zip(ours, theirs)]))}
    return found


def gap(unseen: Scores, training: Scores) -> dict[str, float]:
    """By how many per cent each row's median total is higher with unseen paintings than with training ones.

    Rows that were never trained on either list tell what the lists themselves differ in.
    """
    medians = [{name: np.median([s.total for s in rows]) for name, rows in s.items()} for s in (unseen, training)]
    return {name: float(100 * (medians[0][name] / total - 1)) for name, total in medians[1].items() if total > 0}


def size_report(result: Result) -> dict[str, object]:
    """One size as JSON: for every judge the summary, the ratios, and the scores of every pair; and every pair's
    figures, in which no judge has a say.
    """
    judged = {
        judge: {
            "summary": {name: summary(rows, result.figures[name]) for name, rows in scores.items()},
            "against": against(scores),
            "scores": {name: [asdict(score) for score in rows] for name, rows in scores.items()},
        }
        for judge, scores in result.scores.items()
    }
    figures = {name: [asdict(each) for each in rows] for name, rows in result.figures.items()}
    return judged | {"figures": figures}


def noise_report(found: dict[str, list[NoiseGain]]) -> dict[str, object]:
    """What comes of noise as JSON: medians and quartiles, and every painting's."""
    return {
        "summary": {name: summarise(rows) for name, rows in found.items()},
        "paintings": {name: [asdict(each) for each in rows] for name, rows in found.items()},
    }


def noise_text(found: dict[str, list[NoiseGain]]) -> str:
    """What comes of noise as text."""
    count = len(next(iter(found.values())))
    lines = []
    for name, rows in found.items():
        medians = {key: value["median"] for key, value in summarise(rows).items()}
        lines.append([name, f"{medians['gain']:.1f}", f"{medians['peak']:.1f}"])
    title = f"\na smooth sky of {SKY_SIDE} px with noise of 1/255, {count} paintings, median\n"
    return "\n".join([title, *markdown.table(["", "gain", "peak at 4 px"], lines)])


def size_text(result: Result, size: int) -> str:
    """One size as text: for every judge the table and the ratios; rows with fewer pairs in a table of their own."""
    lines = []
    for judge, scores in result.scores.items():
        count = max(map(len, scores.values()))
        whole = {name: rows for name, rows in scores.items() if len(rows) == count}
        lines += [f"\n{count} pairs, {size} px, {judge}, median\n", table(whole, result.figures)]
        beside = {name: ratio for name, ratio in against(scores).items() if name in (*MAGENTA, *PEERS)}
        lines += [""] if beside else []
        for name, ratio in beside.items():
            ratios = ", ".join(f"{COLUMNS[error]} {ratio[error]:.3f}" for error in RATIOS)
            lines.append(f"{MODEL} / {name}: {ratios}, lower total in {ratio['better']:.0%} of the pairs")
        few = len(scores.get(OPTIMISED, ()))
        if 0 < few < count:
            lines += [f"\nthe first {few} pairs, {size} px, {judge}, median\n"]
            first = {name: rows[:few] for name, rows in scores.items() if len(rows) >= few}
            lines += [table(first, result.figures)]
    return "\n".join(lines)


def brief_head(size: int, count: int, others: Sequence[str]) -> list[str]:
    """The head of a table of `brief`; `others` are the judges behind the first."""
    columns = ["content", "style (q1-q3)", "total (q1-q3)", *(f"{judge}: style, total" for judge in others)]
    return [f"{count} pairs, {size} px", *columns]


def brief(result: Result, size: int, model: str) -> str:
    """One size as a short table, in which the model goes by its own name: medians and quartiles in the eyes of the
    first judge, medians in those of the others. Rows with fewer pairs get a table of their own, with all the others.
    """
    first, *others = result.scores
    tables = []
    for count in sorted({len(rows) for rows in result.scores[first].values()}, reverse=True):
        lines = []
        for name in (name for name in result.rows if len(result.scores[first][name]) >= count):
            found = {judge: summarise(scores[name][:count]) for judge, scores in result.scores.items()}
            content, style, total = (found[first][error] for error in ("content", "style", "total"))
            line = [f"{content['median']:.2f}", _spread(style), _spread(total)]
            line += [
                f"{found[judge]['style']['median']:.2f}, {found[judge]['total']['median']:.2f}" for judge in others
            ]
            lines.append([model + name.removeprefix(MODEL) if name.startswith(MODEL) else name, *line])
        tables.append("\n".join(markdown.table(brief_head(size, count, others), lines)))
    return "\n\n".join(tables)


def _spread(value: dict[str, float | None]) -> str:
    """A median with its quartiles."""
    return f"{value['median']:.2f} ({value['q1']:.2f}-{value['q3']:.2f})"


def gap_text(gaps: dict[str, dict[str, float]], size: int, count: int) -> str:
    """The zero-shot gaps {judge: {row: per cent}} as text."""
    lines = [f"\nzero-shot gap: median total with unseen over that with {count} training paintings, {size} px"]
    for judge, found in gaps.items():
        rows = ", ".join(f"{name} {value:+.1f} %" for name, value in found.items() if name != MODEL)
        lines.append(f"{judge}: {MODEL} {found[MODEL]:+.1f} %  (lists alone: {rows})")
    return "\n".join(lines)


def write_report(folder: Path, report: dict[str, object], text: str, results: dict[int, Result]) -> list[Path]:
    """evaluation.json, evaluation.txt, and a sheet-SIZE.jpg for every size; the files."""
    write_json(folder / "evaluation.json", report)
    with replacing(folder / "evaluation.txt") as temporary:
        temporary.write_text(text.strip() + "\n", encoding="utf-8")
    files = [folder / "evaluation.json", folder / "evaluation.txt"]
    for size, result in results.items():
        files.append(folder / f"sheet-{size}.jpg")
        with replacing(files[-1]) as temporary:
            result.sheet().save(temporary, quality=90)
    return files
