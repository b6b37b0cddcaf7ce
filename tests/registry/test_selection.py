"""What users write after --generators is read exactly, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import PluginError
from bench.registry.selection import choose


def labels(text: str) -> list[str]:
    return [choice.label for choice in choose("generator", text)]


def test_names_and_parameters_are_read() -> None:
    assert labels("multivariate,noise") == ["multivariate", "noise"]
    assert labels("multivariate[noise=1]") == ["multivariate[noise=1.0]"]
    assert choose("generator", "multivariate[noise=1]")[0].params == {"noise": 1.0}


def test_a_default_written_out_is_the_default() -> None:
    assert labels("multivariate,multivariate[noise=0.5]") == ["multivariate"]


def test_several_values_give_one_choice_each() -> None:
    assert labels("multivariate[noise=0.1,1,2]") == [f"multivariate[noise={n}]" for n in ("0.1", "1.0", "2.0")]


def test_several_swept_parameters_give_every_combination_among_other_names() -> None:
    found = labels("noise,private_pgm[epsilon=1,4, variant=published,end_to_end],p_nmf[epsilon=2]")
    assert found == [
        "noise",
        "private_pgm[epsilon=1.0,variant=published]",
        "private_pgm[epsilon=1.0]",
        "private_pgm[epsilon=4.0,variant=published]",
        "private_pgm[epsilon=4.0]",
        "p_nmf[epsilon=2.0]",
    ]


def test_a_swept_value_is_taken_once_however_it_is_written() -> None:
    assert labels("multivariate[noise=1,1.0,2],multivariate[noise=2]") == [
        "multivariate[noise=1.0]",
        "multivariate[noise=2.0]",
    ]


def test_commas_inside_a_tuple_separate_no_values() -> None:
    found = choose("generator", "noisy_diffusion[hidden=(64,64),(32,),epochs=1]")
    assert [choice.params["hidden"] for choice in found] == [(64, 64), (32,)]
    assert [labels(choice.label) for choice in found] == [[choice.label] for choice in found]  # reads as it is written


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("n_components=3", "n_components=3"),
        ("'n_components=3,covariance_type=diag'", "n_components=3,covariance_type=diag"),
        ("\"a=[1, 2],b='x'\"", "a=[1, 2],b='x'"),
        ("'it\\'s'", "it's"),
        ("5", "5"),
        ("'  padded '", "  padded "),
        ("(1, 2)", "(1, 2)"),
    ],
)
def test_a_text_may_hold_commas_and_brackets_and_reads_back_from_its_label(typed: str, value: str) -> None:
    chosen = choose("generator", f"noise,sklearn_density[components=3,options={typed}],multivariate")
    assert [choice.info.name for choice in chosen] == ["noise", "sklearn_density", "multivariate"]
    assert chosen[1].params["options"] == value
    assert chosen[1].params["components"] == 3
    assert choose("generator", chosen[1].label)[0].params == chosen[1].params


def test_several_texts_give_one_choice_each() -> None:
    chosen = choose("generator", "sklearn_density[options='a=1,b=2','a=2',components=3]")
    assert [choice.params["options"] for choice in chosen] == ["a=1,b=2", "a=2"]


def test_adapters_run_only_when_they_are_named() -> None:
    assert not {"sklearn_density", "sdv", "synthcity"} & set(labels("all"))


def test_all_holds_the_controls_and_none_holds_nothing() -> None:
    assert {"multivariate", "copy_train", "real_holdout", "shuffled_genes", "noise"} <= set(labels("all"))
    assert labels("none") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no generator was named"),
        ("multivariat", "Did you mean 'multivariate'"),
        ("multivariate[nois=1]", "Did you mean 'noise'"),
        ("multivariate[noise=loud]", "of type str; expected float"),
        ("multivariate[0.5]", "is no parameter; write param=value"),
        ("multivariate[noise=1", "cannot be read at"),
        ("multivariate]", "cannot be read at"),
        ("sklearn_density[options='a=1,b=2]", "cannot be read at"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(PluginError) as error:
        choose("generator", text)
    assert words in str(error.value)


def test_a_part_of_an_npz_file_that_lost_its_name_is_noticed(tmp_path: Path) -> None:
    """The zip format cuts a name at a zero byte, so that the damaged part is called by nothing."""
    path = tmp_path / "prior.npz"
    np.savez(path, mean=np.ones(3))
    raw = path.read_bytes()
    at = raw.rindex(b"mean.npy")  # in the directory at the end
    path.write_bytes(raw[:at] + b"\0" + raw[at + 1 :])
    with pytest.raises(PluginError, match=r"is no complete npz file \(its part '' does not have its name"):
        choose("generator", f"dp_prior[prior={path}]")
