"""XXH64 against the published vectors and the xxhash package, and loops over it."""

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat._core.draw import hashes_below
from skstrat._core.hashing import (
    hash_blocks,
    hash_bytes,
    hash_integers,
    hash_keys,
    mix_seed,
)
from skstrat._core.plan import Plan

SEEDS = st.integers(0, 2**64 - 1)
PRIME_32 = 2654435761
PRIME_64 = 11400714785074694797


def sanity_buffer(length):
    """Give the bytes that xxhsum's own sanity check hashes."""
    generator, made = PRIME_32, bytearray()
    for _ in range(length):
        made.append(generator >> 56)
        generator = generator * PRIME_64 % 2**64
    return bytes(made)


# (bytes, seed, XXH64): the strings of the specification's implementations and the
# table of xxhsum's sanity check.
PUBLISHED = [
    (b"", 0, 0xEF46DB3751D8E999),
    (b"a", 0, 0xD24EC4F1A98C6E5B),
    (b"abc", 0, 0x44BC2CF5AD770999),
    (sanity_buffer(0), PRIME_32, 0xAC75FDA2929B17EF),
    (sanity_buffer(1), 0, 0xE934A84ADB052768),
    (sanity_buffer(1), PRIME_32, 0x5014607643A9B4C3),
    (sanity_buffer(4), 0, 0x9136A0DCA57457EE),
    (sanity_buffer(14), 0, 0x8282DCC4994E35C8),
    (sanity_buffer(14), PRIME_32, 0xC3BD6BF63DEB6DF0),
    (sanity_buffer(222), 0, 0xB641AE8CB691C174),
    (sanity_buffer(222), PRIME_32, 0x20CB8AB7AE10C14A),
]


def digest(value, seed):
    return xxhash.xxh64_intdigest(value, seed=seed)


def integer_digests(values, seed):
    return [digest((v % 2**64).to_bytes(8, "little"), seed) for v in values]


@pytest.mark.parametrize(("data", "seed", "expected"), PUBLISHED)
def test_published_vectors(data, seed, expected):
    assert hash_bytes([data], seed).tolist() == [expected]


@given(seed=SEEDS, data=st.binary(min_size=200, max_size=200))
@settings(max_examples=20, deadline=None)
def test_byte_strings_of_every_length(seed, data):
    strings = [data[:length] for length in range(201)]
    expected = [digest(string, seed) for string in strings]
    assert hash_bytes(strings, seed).tolist() == expected


@given(seed=SEEDS, strings=st.lists(st.binary(max_size=80), max_size=30))
@settings(max_examples=60, deadline=None)
def test_lengths_may_be_mixed_in_any_order(seed, strings):
    expected = [digest(string, seed) for string in strings]
    hashed = hash_bytes(strings, seed)
    assert hashed.dtype == np.uint64
    assert hashed.tolist() == expected


@given(seed=SEEDS, values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30))
@settings(max_examples=100, deadline=None)
def test_signed_integers(seed, values):
    hashed = hash_integers(np.array(values, dtype=np.int64), seed)
    assert hashed.tolist() == integer_digests(values, seed)


@given(seed=SEEDS, values=st.lists(st.integers(0, 2**64 - 1), max_size=30))
@settings(max_examples=100, deadline=None)
def test_unsigned_integers(seed, values):
    hashed = hash_integers(np.array(values, dtype=np.uint64), seed)
    assert hashed.tolist() == integer_digests(values, seed)


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i8", ">u4"]
)
def test_narrow_integers_are_widened(dtype):
    limits = np.iinfo(dtype)
    values = [limits.min, limits.min // 2, 0, 1, limits.max - 1, limits.max]
    expected = integer_digests(values, 7)
    assert hash_integers(np.array(values, dtype), 7).tolist() == expected
    assert hash_keys(np.array(values, dtype), 7).tolist() == expected


def test_a_strided_block_is_hashed_as_its_values_and_left_alone():
    values = np.arange(40, dtype=np.uint64)[::-4]
    before = values.copy()
    assert hash_keys(values, 3).tolist() == integer_digests(before.tolist(), 3)
    assert (values == before).all()


@given(seed=SEEDS, keys=st.lists(st.text(max_size=50), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_strings_are_hashed_as_utf8(seed, keys):
    expected = [digest(key.encode("utf-8"), seed) for key in keys]
    assert hash_keys(np.array(keys, dtype=object), seed).tolist() == expected


def test_fixed_width_strings_and_bytes():
    words = ["", "x", "żółć", "日本語", "🙂" * 20]
    expected = [digest(word.encode(), 1) for word in words]
    encoded = [word.encode() for word in words]
    assert hash_keys(np.array(words), 1).tolist() == expected
    assert hash_keys(np.array(encoded), 1).tolist() == expected
    assert hash_keys(np.array(encoded, dtype=object), 1).tolist() == expected


@pytest.mark.parametrize(
    "keys",
    [
        np.array([1.0, 2.0]),
        np.array([1.0, np.nan], dtype=object),
        np.array(["a", None], dtype=object),
        np.array(["a", b"a"], dtype=object),
        np.array(["a", 1], dtype=object),
        np.array([True, False]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=lambda keys: f"{keys.dtype}-{keys[-1]}",
)
def test_other_keys_are_refused(keys):
    with pytest.raises(TypeError, match="key must hold integers or strings"):
        hash_keys(keys, 0)


def test_no_keys_no_hashes():
    assert hash_keys(np.array([], dtype=np.int64), 0).shape == (0,)
    assert hash_keys(np.array([], dtype="U3"), 0).shape == (0,)


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_mix_seed_is_the_hash_of_the_seed_from_42(seed):
    assert mix_seed(seed) == digest(seed.to_bytes(8, "little"), 42)


@pytest.mark.parametrize("offset", [0, 7, 2**40])
@pytest.mark.parametrize("n_rows", [0, 1, 1_000, 80_000])
def test_blocks_are_the_hashes_of_all_rows(n_rows, offset):
    rows, hashes = np.arange(n_rows), np.zeros(n_rows, dtype=np.uint64)
    seen = np.zeros(n_rows, dtype=int)
    for block, hashed in hash_blocks(n_rows, 3, offset):
        hashes[block] = hashed
        seen[block] += 1
    assert (seen == 1).all()
    np.testing.assert_array_equal(hashes, hash_integers(rows + offset, 3))


@pytest.mark.parametrize("n_rows", [0, 1, 70_000])
def test_blocks_of_keys(n_rows):
    key = np.random.default_rng(0).permutation(n_rows).astype(str)
    hashes = [hashed for _, hashed in hash_blocks(n_rows, 3, 5, key)]
    found = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
    np.testing.assert_array_equal(found, hash_keys(key, 3))


@given(
    first=st.integers(0, 2**62),
    n_rows=st.integers(0, 300),
    limit=st.integers(0, 2**64 - 1),
    seed=st.integers(0, 2**64 - 1),
)
@settings(deadline=None)
def test_rows_below_a_limit_are_those_whose_hash_is(first, n_rows, limit, seed):
    identities = np.arange(first, first + n_rows)
    hashed = hash_integers(identities, seed)
    for key in (None, identities):
        rows, hashes = hashes_below(n_rows, limit, seed, first, key)
        np.testing.assert_array_equal(rows, np.flatnonzero(hashed < np.uint64(limit)))
        np.testing.assert_array_equal(hashes, hashed[rows])


def test_rows_below_limits_that_are_hashes():
    # Beyond two blocks.
    hashed = hash_integers(np.arange(5, 80_005), 3)
    for limit in np.sort(hashed)[[1, 100, 40_000, -1]]:
        rows, _ = hashes_below(80_000, int(limit), 3, 5, None)
        np.testing.assert_array_equal(rows, np.flatnonzero(hashed < limit))


def limits_near(hashes):
    """Limits at, just below and just above some hashes, and at the ends."""
    some = np.sort(hashes)[:: max(1, len(hashes) // 5)].tolist()
    near = [limit for each in some for limit in (each - 1, each, each + 1)]
    return [
        0,
        1,
        2**32,
        2**63,
        2**64 - 1,
        *(each for each in near if 0 <= each < 2**64),
    ]


@pytest.mark.parametrize("first", [0, 7, 2**40])
@pytest.mark.parametrize("n_rows", [1, 1_000, 70_000])
def test_rows_below_limits(first, n_rows):
    hashes = hash_integers(np.arange(first, first + n_rows), mix_seed(3))
    codes = np.zeros(n_rows, dtype=np.int8)
    for limit in limits_near(hashes):
        plan = Plan(("a",), (n_rows,), (0,), (1.0,), (1.0,), (limit,), 3)
        rows, _ = plan.select(codes, offset=first)
        assert rows.tolist() == np.flatnonzero(hashes < np.uint64(limit)).tolist()
