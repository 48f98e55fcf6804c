"""A minute of `benchmarks/fuzz_readers.py`: nothing but rows and typed errors, within limits."""

import pytest

from cxrview.engines.outcomes import Done, Raised, TimedOut
from fuzz_readers import report
from fuzz_seeds import Seed, seeds
from fuzzing import Fuzzer, Result, Trial, fuzz
from hot_fields import fields_of
from mutations import mutated, repair

INPUTS = 6_000
CODES = {"read", "unreachable", "unknown_format", "unsupported", "no_pixels", "damaged",
         "too_large"}  # fmt: skip
GIVEN = seeds(None)  # without real files, so that it is the same everywhere
KINDS = sorted({seed.kind for seed in GIVEN})


def test_damaged_files_give_rows_and_typed_errors():
    result = fuzz(GIVEN, range(INPUTS))
    assert result.inputs == INPUTS
    assert not result.of(Raised), "an exception of somebody else came through"
    assert not result.of(TimedOut)
    assert result.is_clean, result.faults
    assert 0 < result.claimed <= result.limit
    assert {code for _, code in result.codes} <= CODES
    assert {kind for kind, code in result.codes if code == "read"} == set(KINDS)
    assert {kind for kind, code in result.codes if code == "damaged"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_good_files_with_fields_to_damage(kind, tmp_path):
    for seed in GIVEN:
        if seed.kind == kind:
            assert seed.fields == fields_of(seed.data) != ()


def test_an_input_is_made_again_by_its_number():
    first = [mutated(GIVEN, 0, number)[1] for number in range(200)]
    assert first == [mutated(GIVEN, 0, number)[1] for number in range(200)]
    assert first != [mutated(GIVEN, 1, number)[1] for number in range(200)]
    assert len(set(first)) > 190


def test_repaired_checksums_are_right():
    (png, *_) = (seed for seed in GIVEN if seed.kind == "png")
    data = bytearray(png.data)
    data[30] ^= 1
    repair(data)
    assert bytes(data) == png.data


class Failing(Fuzzer):
    """What a reader with a hole in it would do."""

    def trial(self, number, classifier):
        raise OSError("a hole")


def test_a_hole_would_be_found(capsys):
    failing = Failing(GIVEN[:1], 0, "")
    with pytest.raises(OSError, match="a hole"):
        failing()(3)
    result = Result(limit=100)
    result.add(3, Raised("OSError", "here.py:1"))
    result.add(4, Done(Trial("png", ("read",), 3.0, 50, 200)))
    assert not result.is_clean
    report(result, 2.0)
    said = capsys.readouterr().out
    assert "- input 3: Raised(kind='OSError'" in said
    assert "[(3.0, 4)]" in said
    assert not Seed("png", b"", ()).fields
