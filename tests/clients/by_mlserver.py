"""A program that writes V2 requests and an answer by MLServer's codecs.

It needs an environment of its own: ``pip install -e '.[test]' mlserver 'pandas<3'``; then
``python -m pytest tests/clients`` runs the test that is skipped elsewhere.
"""

import json

import numpy as np
import pandas as pd

FRAME = pd.DataFrame(
    {"age": [41.5, None], "plan": ["free", "früh"], "member": [True, False], "tags": [["a"], {}]}
)
MATRIX = np.array([[41.5, 900.25], [42.5, np.nan]])
ANSWER = pd.DataFrame({"label": ["a", "b"], "score": [0.5, 0.75]})


def main() -> None:
    """Print a frame and a matrix as requests, and a frame as an answer."""
    from mlserver.codecs import NumpyRequestCodec, PandasCodec

    written = [
        PandasCodec.encode_request(FRAME, use_bytes=False),
        NumpyRequestCodec.encode_request(MATRIX),
        PandasCodec.encode_response("fraud", ANSWER, use_bytes=False),
    ]
    print(json.dumps([one.model_dump_json(exclude_none=True) for one in written]))


if __name__ == "__main__":
    main()
