"""Every objective trains by configuration, and what it trained can be sampled from: a tiny study of each."""

import json

import pytest
from small import folder, study

from analysis.table import read_table

AIM = "denoiser.objective"
ONE = {"methods": '["classifier-free"]', "denoiser.fit.steps": "12"}
PLAIN = '[{"sampler": {"name": "ddim", "steps": 3}, "ws": [0, 1]}]'
LEARNED = '[{"sampler": {"name": "ancestral", "steps": 3, "options": {"v": null}}, "ws": [0, 1]}]'


@pytest.mark.parametrize(
    "settings",
    [
        {f"{AIM}.target": "v", f"{AIM}.weighting": "min-snr", "logsnr": "edm-log-normal", "sweeps": PLAIN},
        {f"{AIM}.target": "x", f"{AIM}.weighting": "elbo", "logsnr": "uniform", "sweeps": PLAIN},
        {f"{AIM}.variance": "hybrid", f"{AIM}.bin_width": "0.125", "sweeps": LEARNED},
        {f"{AIM}.variance": "bound", f"{AIM}.levels": "20", "sweeps": LEARNED},
        {"sweeps": '[{"sampler": {"name": "heun", "steps": 3, "grid": "karras"}, "ws": [0, 1]}]'},
        {"denoiser.network": '{"patch": 2, "width": 16, "depth": 3}', "methods": '["skip-layer"]', "sweeps": PLAIN},
    ],
    ids=["v-min-snr", "x-elbo", "hybrid", "bound", "heun-karras", "dit-skip-layer"],
)
def test_it_is_trained_sampled_and_measured(tmp_path, settings):
    result = study(tmp_path / "runs", ONE | settings)
    assert result.returncode == 0, result.stderr
    table = read_table(folder(tmp_path / "runs") / "table.csv")
    assert table["value"].notna().all() and set(table["w"].dropna()) == {0, 1}
    (denoiser,) = (tmp_path / "runs").glob("denoiser-*")
    losses = json.loads((denoiser / "log.json").read_text())["loss"]
    assert len(losses) == 12


def test_a_variance_that_was_not_learned_stops_the_study_with_one_line(tmp_path):
    result = study(tmp_path / "runs", ONE | {"sweeps": LEARNED})
    assert result.returncode == 2 and "the network has learned no variance" in result.stderr
