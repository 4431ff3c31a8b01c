"""What a tensor becomes with its first sample."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deeplake_nb.errors import HtypeError, SampleError
from deeplake_nb.format.inference import inferred
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.format.samples import Link, Sample


@pytest.mark.parametrize(
    ("fields", "first", "htype", "dtype"),
    [
        ({}, "word", "text", "str"),
        ({}, {"a": 1}, "json", "Any"),
        ({}, 1, "generic", "int64"),
        ({}, [1, 2.5], "generic", "float64"),
        ({}, True, "generic", "int64"),
        ({}, [[True, False], [True, True]], "generic", "int64"),
        ({}, [np.True_, True], "generic", "int64"),
        ({}, np.True_, "generic", "bool"),
        ({}, [np.True_, np.False_], "generic", "bool"),
        ({}, np.array([True, False]), "generic", "bool"),
        ({"dtype": "bool"}, True, "generic", "bool"),
        ({}, np.zeros(3, ">i4"), "generic", "int32"),
        ({}, None, None, None),
        ({"dtype": "float32"}, [1, 2], "generic", "float32"),
        ({"htype": "image"}, np.zeros((2, 2), "uint16"), "image", "uint16"),
        ({"htype": "bbox", "dtype": "float32"}, [[1, 2, 3, 4]], "bbox", "float32"),
        ({"htype": "image", "is_link": True}, Link("a.png"), "image", "uint8"),
    ],
)
def test_htype_and_dtype_of_the_first_sample(fields, first, htype, dtype):
    found = inferred(TensorMeta("x", **fields), first)
    assert (found.htype, found.dtype) == (htype, dtype)
    assert found.typestr in {None, np.dtype(dtype).str if dtype not in {None, "str", "Any"} else None}


def test_the_dtype_of_a_file_is_in_its_head():
    data = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), "uint16")).save(data, "PNG")
    assert inferred(TensorMeta("x", "image"), Sample(data.getvalue(), path="a.png")).dtype == "uint16"


@pytest.mark.parametrize("first", [[[1], [2, 3]], ["a", "b"], object(), [None], np.array(["a"]), b"bytes"])
def test_a_first_sample_that_is_nothing_we_can_store(first):
    with pytest.raises(SampleError, match=r"^tensor 'x': "):
        inferred(TensorMeta("x"), first)


def test_a_first_sample_that_does_not_go_with_the_compression():
    with pytest.raises(HtypeError, match="png does not go with htype text"):
        inferred(TensorMeta("x", sample_compression="png"), "word")
    assert inferred(TensorMeta("x", sample_compression="lz4"), "word").htype == "text"
