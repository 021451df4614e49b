"""What does not fit the protocol is refused: which rule, and which row."""

from collections import Counter
from typing import Any

from experiments.benchmark.protocol import Protocol, WorldRules, known
from experiments.benchmark.submission import Submission, is_number
from experiments.problems import Problem, one_line
from experiments.studies.beside import NO_TRAINING

DISTANCES = ("frechet_", "fid_")
ROUNDING = 1e-6


def check_submission(
    submission: Submission, protocol: Protocol, of_this_code: bool = True, plain: Submission | None = None
) -> None:
    """Problem, in one line, for the first rule that is broken and the row that breaks it.

    of_this_code: each run is also the one that this version of the package would make. What was published is not held to that:
    a later version may measure under other addresses, and old numbers stay. plain: whose rows at w = 0 its own must be, seed by
    seed, in the worlds that both have: plain guidance of the committed ones.
    """
    name = submission.place
    if submission.sha256 != protocol.sha256:
        theirs = submission.protocol + ("" if submission.sha256 in known() else ", which does not ship with this package")
        raise Problem(
            f"{name}: rule protocol: it was made under {theirs}, and not under {protocol.label}: numbers of two protocols are "
            "never compared"
        )
    if submission.content["protocol"]["title"] != protocol.title:
        raise Problem(f"{name}: rule protocol: it says {submission.content['protocol']['title']!r}, and means {protocol.title}")
    rules = protocol.rules.worlds
    rows: dict[str, list[dict[str, Any]]] = {}
    for index, cell in enumerate(submission.content["cells"]):
        where = f"{name}: row {index} ({cell['world']}, w = {cell['w']:g}, seed {cell['seed']})"
        if cell["world"] not in rules:
            raise Problem(f"{where}: rule worlds: {protocol.title} has {', '.join(rules)}")
        _check_row(cell, rules[cell["world"]], where)
        rows.setdefault(cell["world"], []).append(cell)
    for world, cells in rows.items():
        _check_world(cells, rules[world], f"{name}: {world}")
        if plain is not None:
            _check_plain(cells, plain, rules[world], f"{name}: {world}")
    if of_this_code:
        _check_runs(submission, protocol, rows)
    runs = Counter(run for cell in submission.content["cells"] for run in cell["runs"])
    if twice := [run for run, times in runs.items() if times > 1]:
        raise Problem(f"{name}: rule runs: {twice[0]} stands there for more than one row, and a run is one cell's")


def _check_runs(submission: Submission, protocol: Protocol, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Of a method of the registry: each row is of the run that the protocol asks for, whose address says all its values."""
    from experiments.benchmark.cells import MethodCells
    from experiments.benchmark.described import described
    from experiments.studies.sweep import Curve
    from guidance.methods import METHODS

    values = submission.content["method"]["values"]
    if values.get("is") not in METHODS:  # by name alone: no module that a file names is imported
        return
    try:
        methods = {world: Curve(method=values, ws=tuple(sorted({cell["w"] for cell in cells}))) for world, cells in rows.items()}
        cells = MethodCells(name="checked", protocol=protocol.content, methods=methods)
    except ValueError as error:
        raise Problem(f"{submission.place}: rule method: {one_line(error)}") from error
    for field, true in described(next(iter(methods.values()))).items():
        if field in ("label", "where", "family") and (said := submission.content["method"][field]) != true:
            raise Problem(f"{submission.place}: rule method: its {field} is {said!r}, and that of its values {true!r}")
    wanted: dict[tuple, set[str]] = {}
    for placed in cells.cells():
        wanted.setdefault(tuple(placed.place[key] for key in ("world", "w", "seed")), set()).add(placed.task.address)
    for world, own in rows.items():
        for cell in own:
            if (runs := wanted[world, cell["w"], cell["seed"]]) != set(cell["runs"]):
                raise Problem(
                    f"{submission.place}: {world}, w = {cell['w']:g}, seed {cell['seed']}: rule runs: it is of "
                    f"{', '.join(sorted(cell['runs']))}, and the protocol's cell of this method is of {', '.join(sorted(runs))}"
                )


def _check_row(cell: dict[str, Any], rules: WorldRules, where: str) -> None:
    """One row against the rules of its world."""
    from experiments.studies.sweep import Sweep

    sweep = Sweep(sampler=rules.sampler, steps=rules.steps, ws=(0.0,), grid=rules.grid)
    for field, wanted in {"sampler": sweep.label, "steps": rules.steps, "n": rules.n}.items():
        if cell[field] != wanted:
            raise Problem(f"{where}: rule {field}: {cell[field]!r}, and the protocol has {wanted!r}")
    if cell["seed"] not in rules.sample_seeds:
        raise Problem(f"{where}: rule sample_seeds: the protocol has {', '.join(map(str, rules.sample_seeds))}")
    if cell["train_seed"] != NO_TRAINING:
        raise Problem(f"{where}: rule train_seed: {cell['train_seed']}, and the protocol's networks are given ({NO_TRAINING})")
    for measure in rules.measures:
        if measure not in cell["values"]:
            raise Problem(f"{where}: rule measures: {measure} is missing")
    for metric, number in cell["values"].items():
        if not is_number(number):
            raise Problem(f"{where}: rule measures: {metric} is {str(number)[:20]}, and no finite number")
        if metric.startswith(DISTANCES) and number < -ROUNDING:
            raise Problem(f"{where}: rule measures: {metric} is {number:g}, and no distance is below 0")
        if metric.startswith("nfe_") and number < 0:
            raise Problem(f"{where}: rule budget: {metric} is {number}")
    if _counted(cell) < 1:
        raise Problem(
            f"{where}: rule budget: {_counted(cell):g} network evaluations a sample were counted, and no sample takes none"
        )


def _counted(cell: dict[str, Any]) -> float:
    return sum(number for metric, number in cell["values"].items() if metric.startswith("nfe_"))


def _check_world(cells: list[dict[str, Any]], rules: WorldRules, where: str) -> None:
    """The rows of a world together: every strength at every seed once, and the plain model what it is for everybody."""
    from experiments.benchmark.cells import wrong_strengths

    counts = Counter((cell["w"], cell["seed"]) for cell in cells)
    if twice := [key for key, times in counts.items() if times > 1]:
        raise Problem(f"{where}, w = {twice[0][0]:g}, seed {twice[0][1]}: rule rows: it stands there twice")
    ws = tuple(sorted({cell["w"] for cell in cells}))
    if why := wrong_strengths(ws, rules):
        raise Problem(f"{where}: rule strengths: {why}")
    if missing := [(w, seed) for w in ws for seed in rules.sample_seeds if (w, seed) not in counts]:
        raise Problem(f"{where}, w = {missing[0][0]:g}: rule sample_seeds: seed {missing[0][1]} is missing")
    for w in ws:
        for measure in rules.measures:
            found = [cell["values"][measure] for cell in cells if cell["w"] == w]
            if len(found) > 1 and len({*found}) == 1:
                raise Problem(
                    f"{where}, w = {w:g}: rule sample_seeds: {measure} is {found[0]:g} at every seed, as no samples are"
                )
    plain = [cell["values"] for cell in cells if cell["w"] == 0]
    for measure, wanted in rules.plain.items():
        found = sum(values[measure] for values in plain) / len(plain)
        if abs(found - wanted) > rules.tolerance * abs(wanted):
            raise Problem(
                f"{where}, w = 0: rule plain: {measure} is {found:.6g} in the mean, and the protocol's plain model has "
                f"{wanted:.6g} (within {rules.tolerance:.0%}): other networks, noise or measures made these rows"
            )


def _check_plain(cells: list[dict[str, Any]], plain: Submission, rules: WorldRules, where: str) -> None:
    """At w = 0 every method is the plain model, from the noise of its seed: the same numbers, and the same price."""
    theirs = {(cell["world"], cell["seed"]): cell for cell in plain.content["cells"] if cell["w"] == 0}
    for cell in cells:
        if cell["w"] or (other := theirs.get((cell["world"], cell["seed"]))) is None:
            continue
        for measure in rules.measures:
            found, wanted = cell["values"][measure], other["values"][measure]
            if abs(found - wanted) > rules.tolerance * abs(wanted):
                raise Problem(
                    f"{where}, w = 0, seed {cell['seed']}: rule plain: {measure} is {found:.6g}, and that of {plain.label} is "
                    f"{wanted:.6g} (within {rules.tolerance:.0%}): other noise, networks or measures made this row"
                )
        if _counted(cell) != _counted(other):
            raise Problem(
                f"{where}, w = 0, seed {cell['seed']}: rule budget: {_counted(cell):g} network evaluations were counted, and the "
                f"plain model takes {_counted(other):g}"
            )
