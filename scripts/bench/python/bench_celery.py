"""The app of Celery: the task, and orders over it in groups of at most 1000."""
import os

from celery import Celery, group

import bench_tasks

URL = "redis://127.0.0.1:%s/0" % os.environ["BENCH_PORT"]
app = Celery("bench_celery", broker=URL, backend=URL)
app.conf.worker_prefetch_multiplier = 4


@app.task
def call(index):
    return bench_tasks.evaluate(index)


def run(indices):
    values = []
    for lo in range(0, len(indices), 1000):
        values += group(call.s(k) for k in indices[lo : lo + 1000])().get()
    return values
