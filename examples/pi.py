"""A worker for `meshd publish --exec 'python3 examples/pi.py' --accept 1000`.

Reads one JSON line for each candidate and answers with one: its own generator starts anew from
seed32 each time, so that a candidate comes to the same on every machine. Its answers name their
index, so that it is sent several lines ahead and never waits for the next one.
"""

import json
import random
import sys

for line in sys.stdin:
    question = json.loads(line)
    dart = random.Random(question["seed32"])
    x, y = dart.random(), dart.random()
    inside = x * x + y * y < 1
    answer = {"value": {"x": x, "y": y}} if inside else {"reject": True}
    print(json.dumps({"index": question["index"], **answer}), flush=True)
