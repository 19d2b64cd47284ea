"""A program that writes V2 requests as KServe's Python client does.

It needs an environment of its own: ``pip install -e '.[test]' kserve``; then
``python -m pytest tests/clients`` runs the test that is skipped elsewhere.
"""

import json

import numpy as np

COLUMNS = {
    "age": ("FP64", np.array([41.5, np.nan])),
    "plan": ("BYTES", np.array(["free", "früh"], dtype=object)),
}


def main() -> None:
    """Print one request with its tensors in JSON, and one with raw ones in hexadecimal digits."""
    from kserve import InferInput, InferRequest

    requests = []
    for binary in (False, True):
        inputs = [InferInput(name, [2], kind) for name, (kind, _) in COLUMNS.items()]
        for tensor in inputs:
            tensor.set_data_from_numpy(COLUMNS[tensor.name][1], binary_data=binary)
        requests.append(InferRequest("fraud", inputs, request_id="r-1").to_rest())
    (plain, _), (raw, length) = requests
    print(json.dumps([json.dumps(plain), raw.hex(), length]))


if __name__ == "__main__":
    main()
