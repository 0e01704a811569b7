"""Orders over Dask distributed: client.map and gather, or whatever is finished first."""
import os

from distributed import Client, as_completed

import bench_tasks

client = Client("tcp://127.0.0.1:%s" % os.environ["BENCH_PORT"])
client.wait_for_workers(int(os.environ["BENCH_SLOTS"]))


def run(indices):
    return client.gather(client.map(bench_tasks.evaluate, indices, pure=False))


def run_until(indices, accept, expected):
    rest = iter(indices)
    submit = lambda k: client.submit(bench_tasks.evaluate, k, pure=False)
    first = [submit(next(rest)) for _ in range(int(os.environ["BENCH_SLOTS"]))]
    under_way = as_completed(first, with_results=True)
    values, units = [], 0
    for _, value in under_way:
        units += 1
        if value is not None:
            values.append(value)
            if len(values) == accept:
                break
        following = next(rest, None)
        if following is not None:
            under_way.add(submit(following))
    return values, units
