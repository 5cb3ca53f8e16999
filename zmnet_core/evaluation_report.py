"""What `zmnet evaluate` says: tables, ratios to the other methods, JSON and sheets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from .evaluation import MAGENTA, MODEL, OPTIMISED, Result
from .files import replacing, write_json
from .metrics import Score, summarise

Scores = dict[str, list[Score]]


def table(scores: Scores) -> str:
    """Medians of every error, with the quartiles of style and total, as text."""
    columns = list(asdict(next(iter(scores.values()))[0]))
    width = max(map(len, scores)) + 1
    lines = [" " * width + "".join(f"{name:>9}" for name in columns) + "   style q1-q3   total q1-q3"]
    for name, rows in scores.items():
        summary = summarise(rows)
        ranges = "".join(f"   {summary[key]['q1']:.2f}-{summary[key]['q3']:.2f}  " for key in ("style", "total"))
        lines.append(f"{name:{width}}" + "".join(f"{summary[key]['median']:9.3f}" for key in columns) + ranges)
    return "\n".join(lines)


def against(scores: Scores, model: str = MODEL) -> dict[str, dict[str, float]]:
    """Of every other row, over the pairs that it has: the model's median total and style error as a multiple
    of that row's, and the share of pairs where the model's total is lower."""
    found = {}
    for name, theirs in scores.items():
        ours = scores[model][: len(theirs)]
        if name == model or not theirs:
            continue
        found[name] = {
            error: float(np.median([getattr(s, error) for s in ours]) / np.median([getattr(s, error) for s in theirs]))
            for error in ("total", "style")
        } | {"better": float(np.mean([a.total < b.total for a, b in zip(ours, theirs)]))}
    return found


def gap(unseen: Scores, training: Scores) -> dict[str, float]:
    """Of every row: by how many per cent the median total is higher with unseen paintings than with training ones.

    Rows that were never trained on either list tell what the lists themselves differ in.
    """
    medians = [{name: np.median([s.total for s in rows]) for name, rows in s.items()} for s in (unseen, training)]
    return {name: float(100 * (medians[0][name] / total - 1)) for name, total in medians[1].items() if total > 0}


def size_report(result: Result) -> dict[str, object]:
    """One size as JSON: for every judge the summary, the ratios, and the scores of every pair."""
    return {
        judge: {
            "summary": {name: summarise(rows) for name, rows in scores.items()},
            "against": against(scores),
            "scores": {name: [asdict(score) for score in rows] for name, rows in scores.items()},
        }
        for judge, scores in result.scores.items()
    }


def size_text(result: Result, size: int) -> str:
    """One size as text: for every judge the table and the ratios; rows with fewer pairs in a table of their own."""
    lines = []
    for judge, scores in result.scores.items():
        count = max(map(len, scores.values()))
        whole = {name: rows for name, rows in scores.items() if len(rows) == count}
        lines += [f"\n{count} pairs, {size} px, {judge}, median", table(whole)]
        for name, ratio in against(scores).items():
            if name in MAGENTA:
                lines.append(
                    f"{MODEL} / {name}: total {ratio['total']:.3f}, style {ratio['style']:.3f}, "
                    f"lower total in {ratio['better']:.0%} of the pairs"
                )
        few = len(scores.get(OPTIMISED, ()))
        if 0 < few < count:
            lines += [f"\nthe first {few} pairs, {size} px, {judge}, median"]
            lines += [table({name: rows[:few] for name, rows in scores.items() if len(rows) >= few})]
    return "\n".join(lines)


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
