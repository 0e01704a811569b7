"""Plain processes of Python, one for each slot, each with its share."""
import multiprocessing
import os

import bench_tasks

SLOTS = int(os.environ["BENCH_SLOTS"])


def share(pipe):
    while True:
        indices = pipe.recv()
        if indices is None:
            return
        pipe.send([bench_tasks.evaluate(k) for k in indices])


pipes = []
for _ in range(SLOTS):
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=share, args=(theirs,), daemon=True).start()
    pipes.append(ours)


def run_until(indices, accept, expected):
    return run(indices[:expected]), expected


def run(indices):
    for k, pipe in enumerate(pipes):
        pipe.send(indices[k::SLOTS])
    return [value for pipe in pipes for value in pipe.recv()]
