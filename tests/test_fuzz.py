"""A short run of `benchmarks/fuzz_readers.py`: only rows and typed errors, within the limits."""

import pytest

from cxrview.engines.outcomes import Done, Raised, TimedOut
from format_fields import fields_of
from fuzz_readers import report
from fuzz_seeds import Seed, seeds
from fuzzing import Fuzzer, Result, Trial, fuzz
from mutations import mutated, repair

INPUTS = 4_000
CODES = {"read", "unreachable", "unknown_format", "unsupported", "no_pixels", "damaged",
         "too_large"}  # fmt: skip
SEEDS = seeds(None)  # without real files, so that the inputs are the same everywhere
KINDS = sorted({seed.kind for seed in SEEDS})


@pytest.mark.slow
def test_damaged_files_give_rows_and_typed_errors():
    result = fuzz(SEEDS, range(INPUTS))
    assert result.inputs == INPUTS
    assert not result.of(Raised), "a foreign exception was raised"
    assert not result.of(TimedOut)
    assert result.is_clean, result.faults
    assert 0 < result.claimed <= result.limit
    assert {code for _, code in result.codes} <= CODES
    assert {kind for kind, code in result.codes if code == "read"} == set(KINDS)
    assert {kind for kind, code in result.codes if code == "damaged"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_have_fields_to_damage(kind):
    for seed in SEEDS:
        if seed.kind == kind:
            assert seed.fields == fields_of(seed.data) != ()


def test_the_number_of_an_input_determines_it():
    first = [mutated(SEEDS, 0, number)[1] for number in range(200)]
    assert first == [mutated(SEEDS, 0, number)[1] for number in range(200)]
    assert first != [mutated(SEEDS, 1, number)[1] for number in range(200)]
    assert len(set(first)) > 190


def test_repaired_checksums_are_correct():
    (png, *_) = (seed for seed in SEEDS if seed.kind == "png")
    data = bytearray(png.data)
    data[30] ^= 1
    repair(data)
    assert bytes(data) == png.data


class Failing(Fuzzer):
    """Stands for a reader that raises a foreign exception."""

    def trial(self, number, classifier):
        raise OSError("a defect")


def test_a_defect_would_be_found(capsys):
    failing = Failing(SEEDS[:1], 0, "")
    with pytest.raises(OSError, match="a defect"):
        failing()(3)
    result = Result(limit=100)
    result.add(3, Raised("OSError", "here.py:1"))
    result.add(4, Done(Trial("png", ("read",), 3.0, 50, 200)))
    assert not result.is_clean
    report(result, 2.0)
    printed = capsys.readouterr().out
    assert "- input 3: OSError at " in printed
    assert "[(3.0, 4)]" in printed
    assert not Seed("png", b"", ()).fields
