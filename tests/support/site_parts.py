"""The data of a site as its pages load it."""

import base64
import json

import numpy as np


def read_part(site, name):
    """What a part holds."""
    text = (site / "data" / f"{name}.js").read_text(encoding="utf-8")
    before, _, data = text.partition(",")
    assert before == f'site.receive("{name}"'
    return json.loads(data.removesuffix(");\n"))


def bits(text, count):
    """Packed bits, bool [count]."""
    packed = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(packed, bitorder="little", count=count).view(bool)
