"""A worker for `meshd publish --exec 'python3 examples/pi.py' --accept 1000`.

Reads one JSON line for each candidate and answers with one: its own generator starts anew from
seed32 each time, so that a candidate comes to the same on every machine.
"""

import json
import random
import sys

for line in sys.stdin:
    seed = json.loads(line)["seed32"]
    dart = random.Random(seed)
    x, y = dart.random(), dart.random()
    inside = x * x + y * y < 1
    print(json.dumps({"value": {"x": x, "y": y}} if inside else {"reject": True}), flush=True)
