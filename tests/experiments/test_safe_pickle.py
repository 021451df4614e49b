"""Pickles in NVlabs' form are read without running what they bring; whatever else they call is refused by its name."""

import os
import pickle
import sys

import pytest
import torch
from pickles import Calls, EasyDict, Object, module, pickled, snapshot

from experiments.checkpoints import safe_pickle
from experiments.problems import Problem

TENSORS = {
    "model.map_layer0.weight": torch.randn(4, 3),
    "model.map_noise.freqs": torch.randn(4, dtype=torch.float64),
    "model.enc.8x8_conv.weight": torch.randn(2, 3, 3, 3).half(),
    "model.enc.8x8_block0.norm0.bias": torch.randn(2),
    "model.out_gain": torch.tensor(0.5),
}


def test_tensors_and_arguments_come_back_bit_equal_and_no_source_is_run(tmp_path):
    file = tmp_path / "net.pkl"
    file.write_bytes(snapshot("EDMPrecond", TENSORS, {"img_resolution": 8, "channel_mult": [1, 2]}))
    assert b"the source of a class was executed" in file.read_bytes() and b"_reconstruct_persistent_obj" in file.read_bytes()
    network = safe_pickle.network_of(file, ("EDMPrecond",))
    found = network.tensors()
    assert found.keys() == TENSORS.keys() and network.arguments == {"img_resolution": 8, "channel_mult": [1, 2]}
    assert all(torch.equal(found[name], each) and found[name].dtype == each.dtype for name, each in TENSORS.items())
    assert network.state["skip_scale"] == 0.5 and vars(network.state["_raw_mean"])["values"].tolist() == [0, 1, 2]
    assert "torch_utils" not in sys.modules and "dnnlib" not in sys.modules
    with pytest.raises(Problem, match=r"holds no `ema` of the class Precond, but EDMPrecond"):
        safe_pickle.network_of(file, ("Precond",))


def test_a_view_keeps_its_strides_and_a_buffer_that_is_not_kept_is_left_out(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    network = module("EDMPrecond", {"weight": whole.t()[1:]}, {})
    network.meta["state"]["_buffers"] = {"kept": whole, "passing": whole}
    network.meta["state"]["_non_persistent_buffers_set"] = {"passing"}
    (tmp_path / "net.pkl").write_bytes(pickled({"ema": network}))
    found = safe_pickle.network_of(tmp_path / "net.pkl", ("EDMPrecond",)).tensors()
    assert found.keys() == {"weight", "kept"} and torch.equal(found["weight"], whole.t()[1:])


HARMFUL = {
    f"{os.system.__module__}.system": lambda mark: Calls(os.system, f"touch {mark}"),
    "builtins.eval": lambda mark: Object("EDMPrecond", {"_init_kwargs": Calls(eval, f"open({str(mark)!r}, 'w')")}),
    "builtins.getattr": lambda mark: Calls(getattr, Calls(open, str(mark), "w"), "name"),
    "torch.serialization.load": lambda mark: Calls(torch.load, str(mark)),
}


@pytest.mark.parametrize("called", HARMFUL)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_whatever_it_would_call_is_named_and_not_called(called, protocol, tmp_path):
    mark = tmp_path / "executed"
    content = {"ema": HARMFUL[called](mark), "dataset_kwargs": EasyDict()}
    (tmp_path / "net.pkl").write_bytes(pickled(content, protocol))
    first = "io.open" if called == "builtins.getattr" else called
    with pytest.raises(Problem, match="is a pickle of more than weights: it calls") as refused:
        safe_pickle.load(tmp_path / "net.pkl")
    names = {called, first, called.replace("builtins", "__builtin__")}
    assert any(f"calls {name}," in str(refused.value) for name in names), refused.value
    assert not mark.exists() and "\n" not in str(refused.value)


def test_harm_in_the_bytes_of_a_storage_or_of_a_state_dict_is_named(tmp_path):
    from experiments.checkpoints.state_dict import read

    mark = tmp_path / "executed"
    torch.save({"weight": Calls(os.system, f"touch {mark}")}, tmp_path / "bomb.pt", _use_new_zipfile_serialization=False)
    storage = Calls(torch.storage._load_from_bytes, (tmp_path / "bomb.pt").read_bytes())
    (tmp_path / "net.pkl").write_bytes(pickled({"ema": storage}))
    for reads, file in ((safe_pickle.load, "net.pkl"), (read, "bomb.pt")):
        with pytest.raises(Problem, match=rf"{file} .* it calls {os.system.__module__}\.system, which could run code"):
            reads(tmp_path / file)
    assert not mark.exists()


def test_a_pickle_cannot_write_to_what_it_is_given(tmp_path):
    sets = (
        b"\x80\x02cdnnlib.util\nEasyDict\nN}X\x06\x00\x00\x00updateNs\x86b."  # BUILD with the slots {"update": None} of the class
    )
    (tmp_path / "net.pkl").write_bytes(sets)
    with pytest.raises(Problem, match="it sets update of a class"):
        safe_pickle.load(tmp_path / "net.pkl")
    assert callable(safe_pickle.EasyDict.update)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"PK\x03\x04", pickle.dumps([1, 2])[:-1], pickled(Object("A", {}))[:-9]])
def test_a_file_that_is_no_pickle_or_is_cut_short_is_one_line(content, tmp_path):
    (tmp_path / "net.pkl").write_bytes(content)
    with pytest.raises(Problem, match=r"net\.pkl is no pickle of EDM or EDM2") as refused:
        safe_pickle.load(tmp_path / "net.pkl")
    assert "\n" not in str(refused.value)


def test_other_contents_are_refused_in_one_line(tmp_path):
    for content, words in ((5, "but int"), ({"ema": 5}, "but dict"), ({"net": Object("A", {})}, "but dict")):
        (tmp_path / "net.pkl").write_bytes(pickled(content))
        with pytest.raises(Problem, match=f"holds no `ema` of the class EDMPrecond, {words}"):
            safe_pickle.network_of(tmp_path / "net.pkl", ("EDMPrecond",))
