"""Takes orders, a JSON line each, and answers each with a line: `drive.py MODULE`."""
import importlib
import json
import sys
import time

import bench_tasks

if sys.argv[1] == "calibrate":
    best = 1e9
    for _ in range(20):
        start = time.process_time()
        bench_tasks.spin(10000)
        best = min(best, time.process_time() - start)
    print(max(1, round(10000 * 0.001 / best)), flush=True)
    sys.exit(0)

module = importlib.import_module(sys.argv[1])
print(json.dumps("ready"), flush=True)
following = 0
for line in sys.stdin:
    order = json.loads(line)
    indices = range(following, following + order["units"])
    following = indices.stop
    start = time.perf_counter()
    units = len(indices)
    if "accept" in order:
        values, units = module.run_until(list(indices), order["accept"], order["expected"])
    else:
        values = module.run(list(indices))
    seconds = time.perf_counter() - start
    answer = {"seconds": seconds, "units": units, "needed": units}
    if len(values) == order.get("accept"):
        answer["values"] = values
    print(json.dumps(answer), flush=True)
