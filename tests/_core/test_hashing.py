"""XXH64 against the published vectors and the xxhash package, and its limits."""

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

SEEDS = st.integers(0, 2**64 - 1)
PRIME = 2654435761
# (bytes, seed, XXH64): the strings of the specification's implementations.
PUBLISHED = [
    (b"", 0, 0xEF46DB3751D8E999),
    (b"a", 0, 0xD24EC4F1A98C6E5B),
    (b"abc", 0, 0x44BC2CF5AD770999),
    (b"", PRIME, 0xAC75FDA2929B17EF),
]


def digests(values, seed):
    return [
        xxhash.xxh64_intdigest(
            (v % 2**64).to_bytes(8, "little") if isinstance(v, int) else v, seed=seed
        )
        for v in values
    ]


@pytest.mark.parametrize(("data", "seed", "expected"), PUBLISHED)
def test_published_vectors(data, seed, expected):
    assert hash_bytes([data], seed).tolist() == [expected]


@given(SEEDS, st.binary(min_size=200, max_size=200), st.randoms())
@settings(max_examples=20, deadline=None)
def test_byte_strings_of_every_length_in_any_order(seed, data, random):
    strings = [data[:length] for length in range(201)]
    random.shuffle(strings)
    assert hash_bytes(strings, seed).tolist() == digests(strings, seed)
    assert mix_seed(seed) == digests([seed], 42)[0]


@given(SEEDS, st.lists(st.integers(0, 2**64 - 1), max_size=30))
@settings(max_examples=100, deadline=None)
def test_integers(seed, values):
    unsigned = np.array(values, dtype=np.uint64)
    hashed = hash_integers(unsigned, seed)
    assert hashed.dtype == np.uint64
    assert hashed.tolist() == digests(values, seed)
    assert hash_integers(unsigned.view(np.int64), seed).tolist() == hashed.tolist()


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i8", ">u4"]
)
def test_narrow_and_strided_integers_are_widened(dtype):
    limits = np.iinfo(dtype)
    values = [limits.min, limits.min // 2, 0, 1, limits.max - 1, limits.max]
    keys = np.repeat(np.array(values, dtype), 3)[::-3]
    before = keys.tolist()
    assert hash_keys(keys, 7).tolist() == digests(before, 7)
    assert keys.tolist() == before


@given(SEEDS, st.lists(st.text(max_size=50), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_strings_are_hashed_as_utf8(seed, keys):
    encoded = [key.encode() for key in keys]
    for given_as in (keys, encoded):
        found = hash_keys(np.array(given_as, dtype=object), seed)
        assert found.tolist() == digests(encoded, seed)


def test_fixed_width_strings_and_bytes():
    words = ["", "x", "żółć", "日本語", "🙂" * 20]
    encoded = [word.encode() for word in words]
    for keys in (np.array(words), np.array(encoded)):
        assert hash_keys(keys, 1).tolist() == digests(encoded, 1)
        assert hash_keys(keys[:0], 1).shape == (0,)


@pytest.mark.parametrize(
    "keys",
    [
        np.array([1.0, 2.0]),
        np.array(["a", None], dtype=object),
        np.array(["a", b"a"], dtype=object),
        np.array([True, False]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
    ids=lambda keys: f"{keys.dtype}-{keys[-1]}",
)
def test_other_keys_are_refused(keys):
    with pytest.raises(TypeError, match="key must hold integers or strings"):
        hash_keys(keys, 0)


@pytest.mark.parametrize("offset", [0, 7, 2**40])
@pytest.mark.parametrize("n_rows", [0, 1, 1_000, 35_000])
def test_rows_below_limits_near_hashes(n_rows, offset):
    identities = np.arange(offset, offset + n_rows)
    hashed = hash_integers(identities, 3)
    seen = np.zeros(n_rows, dtype=int)
    for block, found in hash_blocks(n_rows, 3, offset):
        seen[block] += 1
        np.testing.assert_array_equal(found, hashed[block])
    assert (seen == 1).all()
    some = np.sort(hashed)[:: max(1, n_rows // 5)].tolist()
    limits = {0, 1, 2**32, 2**63, 2**64 - 1}
    limits |= {limit + step for limit in some for step in (-1, 0, 1)}
    text = identities.astype(str)
    keys = ((None, hashed), (identities, hashed), (text, hash_keys(text, 3)))
    for limit in limits - {-1, 2**64}:
        for key, own in keys:
            rows, hashes = hashes_below(n_rows, limit, 3, offset, key)
            np.testing.assert_array_equal(rows, np.flatnonzero(own < np.uint64(limit)))
            np.testing.assert_array_equal(hashes, own[rows])
